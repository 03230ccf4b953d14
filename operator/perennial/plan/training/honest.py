"""What a run that nobody asked for in person ships: what is better than the champion.

Gates hold for every run. One that drift or the schedule asked for must show more: live traffic may
differ from the rows for good, and each run after a cooldown would ship the same model again, or
another one of the same quality. Where recent rows are too few to tell, the older ones decide; where
these are too few as well, the gates alone. Where the champion cannot be held against them at all,
nothing is shipped before somebody asks for it: each such run would ship, better or worse.
"""

from dataclasses import dataclass
from typing import Literal

from perennial.api.training import Champion, RunStatus, TrainingSpec
from perennial.api.version import DatasetRecord
from perennial.plan.training.triggers import BY_ITSELF
from perennial_artifact.manifest import DatasetRecord as Learned
from perennial_artifact.result import ByAge, CandidateResult, Comparison, OnRows


@dataclass(frozen=True)
class Judged:
    """Whether a candidate that passed its gates is shipped, and why."""

    outcome: Literal["Promoted", "NothingNew", "NotBetter"]
    message: str = ""
    better: bool | None = None
    """Whether it is shown to be better than the champion; None where that is not known."""
    needs_somebody: bool = False
    """Whether later runs will end so, too, unless a person does something."""


def judge(run: RunStatus, spec: TrainingSpec, result: CandidateResult) -> Judged:
    """Return whether a candidate that passed its gates is shipped."""
    found, champion_failure = result.by_age, result.champion_failure
    better = _is_better(found) if run.champion is not None else None
    if run.champion is None or run.trigger not in BY_ITSELF:
        return Judged("Promoted", better=better)
    if same := _nothing_new(run.champion, spec.objective.metric, result):
        return Judged("NothingNew", same)
    if found is None and champion_failure:
        why = f"it cannot be held against the champion ({champion_failure})"
        advice = "ask for a retraining to ship what passes its gates"
        message = f"{result.candidate} is not shipped: {why}; {advice}"
        return Judged("NotBetter", message, needs_somebody=True)
    if found is None or (found.recent.compared is None and found.older.compared is None):
        return Judged("Promoted", _not_known(found))
    told = _told(run.champion.version, found)
    if better:
        return Judged("Promoted", f"better: {told}", better=True)
    why = "learning from these rows does not help"
    if run.trigger == "Drift":
        why = f"drift is real, and {why}"
    return Judged("NotBetter", f"{result.candidate} is not shipped: {told}: {why}", better=False)


def _nothing_new(champion: Champion, metric: str, result: CandidateResult) -> str:
    """Return what was found again: the rows, or a model equal to the champion; '' for neither."""
    dataset, before = result.dataset, champion.dataset
    if dataset is not None and before is not None and _rows(dataset) == _rows(before):
        return f"the rows are those that {champion.version} learned from"
    recent = result.by_age.recent.compared if result.by_age is not None else None
    if recent is not None and recent.value != recent.champion:
        return ""  # equal over all rows by chance, or because the older ones are most of them
    for found in result.comparisons:
        if found.name == metric and found.value == found.champion:
            message = f"{metric} {found.value:.4g} is that of {champion.version} on the same rows"
            return f"{result.candidate} is no better: {message}"
    return ""


def _rows(dataset: DatasetRecord | Learned) -> tuple[str, int, int]:
    """Return what tells rows apart: of the same files fewer may be new enough than before."""
    return dataset.sha256, dataset.rows, dataset.feedback_rows or 0


def _is_better(found: ByAge | None) -> bool | None:
    """Tell whether it is shown to be better on recent rows; or on older ones, and no worse there.

    What is worse on older rows alone may be shipped: the traffic of today is what it is for. None
    where no rows say anything.
    """
    recent, older = (found.recent.compared, found.older.compared) if found else (None, None)
    if recent is None and older is None:
        return None
    if recent is not None and _low(recent) > 0:
        return True
    return older is not None and _low(older) > 0 and (recent is None or _high(recent) >= 0)


def _low(found: Comparison) -> float:
    return found.value - found.champion if found.low is None else found.low


def _high(found: Comparison) -> float:
    return found.value - found.champion if found.high is None else found.high


def _told(champion: str, found: ByAge) -> str:
    """Return both comparisons in a sentence, of which one at least is known."""
    sure = f" at {100 * found.confidence:.4g} %"
    recent, older = found.recent.compared, found.older.compared
    if recent is None:
        assert older is not None
        return (
            f"on {found.older.rows:,} older rows{_from_to(found.older)} {older.name} "
            f"{older.value:.4g} against {older.champion:.4g} of {champion}"
            f"{_interval(older, sure)}, and recent ones tell nothing ({_few(found.recent)})"
        )
    text = (
        f"on {found.recent.rows:,} recent rows{_from_to(found.recent)} {recent.name} "
        f"{recent.value:.4g} against {recent.champion:.4g} of {champion}{_interval(recent, sure)}"
    )
    if older is None:
        return f"{text}, and older rows tell nothing ({found.older.unknown})"
    return (
        f"{text}, on {found.older.rows:,} older ones {older.value:.4g} against "
        f"{older.champion:.4g}{_interval(older)}"
    )


def _not_known(found: ByAge | None) -> str:
    """Return that the gates alone have decided, and why."""
    if found is None:
        return ""  # of an older trainer
    return f"held-out rows say nothing, so the gates alone decided: {_few(found.recent)}"


def _few(recent: OnRows) -> str:
    """Return why recent rows are too few."""
    rows = f"{recent.rows:,} rows{_from_to(recent)}, " if recent.rows else ""
    return f"{rows}{recent.unknown}"


def _from_to(rows: OnRows) -> str:
    """Return the time of rows to the minute; where they are of one, to the second."""
    if not rows.start:
        return ""
    to_minute, to_second = len("2026-01-01 00:00"), len("2026-01-01 00:00:00")
    length = to_minute if rows.start[:to_minute] != rows.end[:to_minute] else to_second
    return f" from {rows.start[:length]} to {rows.end[:length]}"


def _interval(found: Comparison, sure: str = "") -> str:
    if found.low is None or found.high is None:
        return ""
    return f" (difference {found.low:+.2g} to {found.high:+.2g}{sure})"
