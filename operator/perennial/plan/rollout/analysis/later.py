"""Outcomes of a canary's and of stable's predictions: when they are asked for, and their looks.

They come seldom and late, so they are looked at in steps of half a minute, of buckets that all pods
have closed; at first in shorter ones, for what is bad is seen by then. Each look is written at
once: an operator that is killed asks for the same time again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from perennial.api.deployment import (
    Analysis,
    AnalysisMetric,
    AnalysisStatus,
    MetricStatus,
    PartStatus,
    Revision,
)
from perennial.api.values import seconds
from perennial.plan.core.questions import CLOSED_SECONDS, SKEW_SECONDS, Answers
from perennial.plan.rollout.analysis import evidence
from perennial.plan.rollout.analysis.answered import kept
from perennial.plan.rollout.analysis.metrics import outcome_metric
from perennial.plan.rollout.analysis.outcomes import OutcomeLook
from perennial_artifact.windows import Part

PART: Part = "outcomes"
FIRST_STEP_SECONDS = 10
"""Seconds between two of the first looks; a multiple of pods' buckets."""
STEP_SECONDS = 30
"""Seconds between two looks later on, each of which costs a write; a multiple of the first."""
FIRST_LOOKS = 30
"""Looks that are made in the shorter steps."""
LONGEST_SECONDS = 300
"""After which a look ends though little became known."""
PATIENCE_SECONDS = 10
"""How long a look waits for a ready pod; then it goes on without."""
LEARNED_SECONDS = 3_420
"""For so long before the first look stable's outcomes are learned: pods' buckets are fine yet."""
COARSE_SECONDS = 60
"""The width of older buckets."""
KEPT_SECONDS = 86_000
"""For so long pods are sure to count at all."""

Metrics = Sequence[tuple[AnalysisMetric, MetricStatus]]


@dataclass(frozen=True)
class Trial:
    """What is compared."""

    stable: Revision
    canary: Revision

    @property
    def is_same_model(self) -> bool:
        """Tell whether both serve one artifact, whose outcomes are not told apart."""
        return self.stable.artifact.sha256 == self.canary.artifact.sha256


def is_asked(analysis: Analysis) -> bool:
    """Tell whether any metric needs outcomes."""
    return any(outcome_metric(asked) is not None for asked in analysis.judged)


def parts(analysis: Analysis) -> tuple[Part, ...]:
    """Return what is asked for at one time, as far as metrics need it."""
    compared = any(asked.disagreement is not None for asked in analysis.judged)
    return (PART, "pairs") if compared else (PART,)


def span(known: AnalysisStatus | None, pair: str, now: datetime) -> tuple[int, int] | None:
    """Return from when to when outcomes are to be asked for; None where that is not due."""
    part = known.part(PART) if known is not None and known.pair == pair else None
    step = FIRST_STEP_SECONDS if part is None or part.looks < FIRST_LOOKS else STEP_SECONDS
    end = int(now.timestamp() - SKEW_SECONDS - CLOSED_SECONDS) // step * step
    if part is None:
        return end - LEARNED_SECONDS, end
    start = int(part.judged_until.timestamp())
    if part.asked_until is not None and int(part.asked_until.timestamp()) >= end:
        return None
    if start < end - LEARNED_SECONDS:
        oldest = max(start, end - KEPT_SECONDS)
        start = -(-oldest // COARSE_SECONDS) * COARSE_SECONDS
    return (start, end) if start < end else None


def looked(
    analysis: Analysis,
    known: AnalysisStatus,
    metrics: Metrics,
    trial: Trial,
    answers: Answers,
    now: datetime,
    canary_has_traffic: bool = True,
) -> tuple[AnalysisStatus, Metrics]:
    """Return what is known after what pods told of outcomes.

    Args:
        analysis: what is asked.
        known: what was.
        metrics: all metrics, with what is known of each.
        trial: the two revisions.
        answers: of the pods of both, for the time that ``span`` said.
        now: the time.
        canary_has_traffic: false where it has no share of it.
    """
    arrived = answers.arrived()
    told = {a.pod for a in answers.received if a.window is not None}
    silent = [pod for pods in answers.asked.values() for pod in pods if pod not in told]
    late = now.timestamp() - answers.until >= SKEW_SECONDS + PATIENCE_SECONDS
    if not told or (silent and not late):
        return known, metrics  # what nobody told is asked for again
    part = known.part(PART)
    start = part.judged_until if part is not None else None
    since = known.traffic_time
    served = (start - since).total_seconds() if start is not None and since is not None else 0.0
    both = (trial.stable.revision, trial.canary.revision)
    look = OutcomeLook(
        both_asked=all(answers.asked.get(revision) for revision in both),
        canary=arrived.of(trial.canary.artifact.sha256),
        stable=arrived.of(trial.stable.artifact.sha256),
        served=served,
        planned=analysis.planned,
        is_same_model=trial.is_same_model,
        canary_pairs=kept(answers, trial.canary.revision),
        stable_pairs=kept(answers, trial.stable.revision),
    )
    look = look if canary_has_traffic else look.without_canary()
    until = datetime.fromtimestamp(answers.until, UTC)
    if part is None or start is None:
        found = [(asked, _begun(asked, m, look)) for asked, m in metrics]
        return _with_part(known, PartStatus(part=PART, judged_until=until)), found
    waited = (until - start).total_seconds()
    if waited < LONGEST_SECONDS and not all(_is_enough(asked, look) for asked, _ in metrics):
        waits = [(asked, _told(asked, m, look)) for asked, m in metrics]
        return _with_part(known, part.model_copy(update={"asked_until": until})), waits
    found = [(asked, _after(asked, m, look)) for asked, m in metrics]
    changes = {"judged_until": until, "asked_until": None, "looks": part.looks + 1}
    return _with_part(known, part.model_copy(update=changes)), found


def _is_enough(asked: AnalysisMetric, look: OutcomeLook) -> bool:
    metric = outcome_metric(asked)
    return metric is None or metric.enough(asked, look)


def _begun(asked: AnalysisMetric, known: MetricStatus, look: OutcomeLook) -> MetricStatus:
    metric = outcome_metric(asked)
    return known if metric is None else _told(asked, metric.begin(asked, known, look), look)


def _after(asked: AnalysisMetric, known: MetricStatus, look: OutcomeLook) -> MetricStatus:
    metric = outcome_metric(asked)
    if metric is None:
        return known
    if not known.canary:
        return _begun(asked, known, look.without_canary())
    is_warm = look.served >= (seconds(asked.warm_up) if asked.warm_up else 0.0)
    try:
        found = metric.after(asked, known, look if is_warm else look.without_canary())
    except ValueError:
        found = metric.begin(asked, evidence.begin(asked, known.alpha), None)
    return _told(asked, found, look)


def _told(asked: AnalysisMetric, known: MetricStatus, look: OutcomeLook) -> MetricStatus:
    """Return what is known with what keeps it from being judged, as pods tell it now.

    A version that has no ready pod is not to blame for telling nothing.
    """
    metric = outcome_metric(asked)
    if metric is None or not look.both_asked:
        return known
    return known.model_copy(update={"obstacle": metric.obstacle(asked, look)})


def _with_part(known: AnalysisStatus, part: PartStatus) -> AnalysisStatus:
    others = [p for p in known.parts if p.part != part.part]
    return known.model_copy(update={"parts": [*others, part]})
