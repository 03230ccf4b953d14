"""All metrics of a canary: which windows are to be asked for, and what is known after them.

Looks are made in steps of two seconds by the clock, of what pods counted in buckets that are
closed. So a look that is made again, by an operator that was killed or has not written it yet,
finds the same.
"""

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime

from perennial.api.deployment import (
    Analysis,
    AnalysisMetric,
    AnalysisStatus,
    MetricStatus,
    Outcome,
)
from perennial.api.values import seconds
from perennial.plan.core.questions import CLOSED_SECONDS, Answers
from perennial.plan.rollout.analysis import evidence
from perennial.plan.rollout.analysis.counts import Arm, Counts, added, arms
from perennial.plan.rollout.analysis.course import followed
from perennial.plan.rollout.analysis.later import Metrics, Trial, looked
from perennial.plan.rollout.analysis.metrics import outcome_metric
from perennial_statistics.verdict import split_alpha

LOOK_SECONDS = 2
"""Seconds between two looks."""
SPREAD_SECONDS = 0.25
"""Within which the looks of all canaries are made, which are due at the same moments."""
LONGEST_LOOK_SECONDS = 60
"""After which a look ends though an arm had no request."""
PATIENCE_SECONDS = 10
"""How long looks wait for what a ready pod counted; then they go on without."""
LEARNED_SECONDS = 60
"""Whether stable's errors come in bursts is learned of so long before the first look."""
EXACT_SECONDS = 540
"""For so long pods are sure to count by the second; before, in buckets of ``COARSE``."""
COARSE = 10
"""A multiple of a step, and of the width of older buckets."""
KEPT_SECONDS = 3_480
"""For so long pods are sure to count at all."""
SAME_MODEL = "stable and the canary serve one model, so what is known of one is known of the other"
NAMED = 8
"""Names of pods that are told."""


def pair_of(stable: str, canary: str) -> str:
    """Return the name of two revisions that are compared."""
    return f"{stable}/{canary}"


def closed(now: datetime) -> int:
    """Return the newest end of a step that most pods' clocks have passed."""
    return int(now.timestamp() - CLOSED_SECONDS) // LOOK_SECONDS * LOOK_SECONDS


def next_look(now: datetime, uid: str) -> float:
    """Return the seconds until the next step is closed, for one of many canaries a bit later."""
    spread = SPREAD_SECONDS * zlib.crc32(uid.encode()) / 2**32
    passed = (now.timestamp() - CLOSED_SECONDS - spread) % LOOK_SECONDS
    return LOOK_SECONDS - passed


def begins(analysis: Analysis, known: AnalysisStatus | None, pair: str, until: int) -> int:
    """Return from when on the pods are asked for what they counted until ``until``.

    That is from where the last look ended; and for as long before as pods count by the second
    where a metric is to begin, which learns from what stable was before.
    """
    start = _cursor(known, pair, until)
    metrics = {m.name: m for m in known.metrics if known.pair == pair} if known is not None else {}
    is_new = known is None or known.pair != pair
    if is_new or not all(
        evidence.has_begun(asked, metrics.get(asked.name)) for asked in analysis.counted
    ):
        start = min(start, until - EXACT_SECONDS)
    if start < until - EXACT_SECONDS:
        start = max(-(-start // COARSE), -(-(until - KEPT_SECONDS) // COARSE)) * COARSE
    return start


def look(
    analysis: Analysis,
    known: AnalysisStatus | None,
    revisions: tuple[str, str],
    answers: Answers,
    now: datetime,
    stable_has_traffic: bool = True,
    canary_has_traffic: bool = True,
    trial: Trial | None = None,
    outcomes: Answers | None = None,
) -> AnalysisStatus:
    """Return what is known after all looks up to what the pods were asked for.

    Where a ready pod has not told what it counted, looks wait for it, for a while; but a canary
    that fails by what the others told fails at once.

    All of it is to be written at once, so that an operator that is killed counts nothing twice.

    Args:
        analysis: what is asked.
        known: what was, None before.
        revisions: stable's and the canary's.
        answers: of the pods of both, from ``begins`` on.
        now: the time.
        stable_has_traffic: false where a look cannot wait for a request of stable.
        canary_has_traffic: false where it has no share: what somebody asks it by its own address
            is no evidence.
        trial: what the revisions serve; needed where metrics are of outcomes.
        outcomes: what pods told of outcomes; None where they were not asked.
    """
    pair, (stable, canary) = pair_of(*revisions), revisions
    cursor = _cursor(known, pair, answers.until)
    if known is None or known.pair != pair:
        known = AnalysisStatus(pair=pair)
    bounds, both = arms(answers.of(stable), answers.of(canary) if canary_has_traffic else ())
    ends = {**answers.answered_until(stable), **answers.answered_until(canary)}
    patient = answers.until - PATIENCE_SECONDS
    settled = max(cursor, min([answers.until, *(max(end, patient) for end in ends.values())]))
    metrics = _current(analysis, known)
    if trial is not None and outcomes is not None:
        known, metrics = looked(analysis, known, metrics, trial, outcomes, now, canary_has_traffic)
    bounds, metrics = _begun(metrics, both[0], bounds, cursor)
    found = _looks(known, metrics, both, bounds, cursor, settled, stable_has_traffic)
    if settled < answers.until:
        early = _looks(known, metrics, both, bounds, cursor, answers.until, stable_has_traffic)
        if any(evidence.verdict(a, m).outcome == "Failed" for a, m in _pairs(analysis, early)):
            found = early
    reached = _cursor(found, pair, cursor)
    missing = {name for name, end in ends.items() if end < reached}
    if reached == cursor:  # nothing was judged without them now; whom it was before, it still is
        missing &= set(known.missing)
    silent, skewed = answers.silent(canary), answers.skewed(stable, canary)
    heard, why = bool(answers.of(stable)), ""
    if answers.asked.get(canary) and not answers.of(canary):
        clocks = "the clocks of the canary's pods are wrong, so that what they count is left out"
        why = clocks if not silent else "no ready pod of the canary answers its metrics port"
    return found.model_copy(
        update={
            "silent_time": (known.silent_time or now) if silent else None,
            "missing": sorted(missing)[:NAMED],
            "skewed": sorted(h.pod for h in skewed)[:NAMED],
            "metrics": [
                _with_verdict(a, m, heard, why, trial is not None and trial.is_same_model)
                for a, m in _pairs(analysis, found)
            ],
        }
    )


def _cursor(known: AnalysisStatus | None, pair: str, otherwise: int) -> int:
    """Return up to when the looks of a pair have gone."""
    if known is None or known.pair != pair or known.judged_until is None:
        return otherwise
    return int(known.judged_until.timestamp()) // LOOK_SECONDS * LOOK_SECONDS


def _current(analysis: Analysis, known: AnalysisStatus) -> Metrics:
    """Return each metric with what is known of it; what makes no sense to it begins anew."""
    before = {m.name: m for m in known.metrics}
    voting = sum(1 for asked in analysis.counted if asked.mode == "Enforce")
    alpha = split_alpha(analysis.alpha, voting)
    found = []
    for asked in analysis.counted:
        m = before.get(asked.name)
        sound = m is not None and evidence.is_sound(asked, m)
        found.append((asked, m if m is not None and sound else evidence.begin(asked, alpha)))
    return found


def _pairs(analysis: Analysis, known: AnalysisStatus) -> Metrics:
    return list(zip(analysis.counted, known.metrics, strict=True))


def _begun(
    metrics: Metrics, stable: Arm, bounds: Sequence[float], cursor: int
) -> tuple[list[float], Metrics]:
    """Let metrics begin, with what stable was before the cursor; return the bounds they need."""
    before = stable.total(cursor, bounds)
    metrics = [(asked, evidence.with_bounds(asked, m, bounds, before)) for asked, m in metrics]
    needed = sorted({b for asked, m in metrics for b in evidence.counted_bounds(asked, m)})
    before = stable.total(cursor, needed)
    newest = stable.steps(cursor - LEARNED_SECONDS, cursor, LOOK_SECONDS, needed).values()
    begun = []
    for asked, m in metrics:
        begins_now = not m.canary and not evidence.waits_for_bounds(asked, m)
        begun.append(
            (asked, evidence.learned(asked, m, before, newest, needed) if begins_now else m)
        )
    return needed, begun


def _looks(
    known: AnalysisStatus,
    metrics: Metrics,
    both: Sequence[Arm],
    bounds: Sequence[float],
    cursor: int,
    until: int,
    stable_has_traffic: bool,
) -> AnalysisStatus:
    """Return what is known after the looks from the cursor on that have ended by ``until``."""
    stable, canary = (arm.steps(cursor, until, LOOK_SECONDS, bounds) for arm in both)
    none, traffic_time, looks = Counts(), known.traffic_time, known.looks
    ours = theirs = none
    for end in range(cursor + LOOK_SECONDS, until + 1, LOOK_SECONDS):
        ours = added(ours, canary.get(end - LOOK_SECONDS, none))
        theirs = added(theirs, stable.get(end - LOOK_SECONDS, none))
        if ours.requests and traffic_time is None:
            traffic_time = _moment(end)
        waited = end - cursor
        if not _ends(ours, theirs, waited, traffic_time is not None, stable_has_traffic):
            continue
        cursor = end
        if ours.requests or theirs.requests:
            looks += 1
            served = (end - traffic_time.timestamp()) if traffic_time is not None else 0.0
            metrics = [(a, _after(a, m, ours, theirs, bounds, served)) for a, m in metrics]
            metrics = [(a, _with_course(a, m, looks)) for a, m in metrics]
        ours = theirs = none
    return known.model_copy(
        update={
            "judged_until": _moment(cursor),
            "looks": looks,
            "traffic_time": traffic_time,
            "metrics": [m for _, m in metrics],
        }
    )


def _ends(
    ours: Counts, theirs: Counts, waited: int, has_traffic: bool, stable_has_traffic: bool
) -> bool:
    """Tell whether a look ends now, rather than go on until both arms have a request."""
    if ours.requests and (theirs.requests or not stable_has_traffic):
        return True
    if not has_traffic and theirs.requests:
        return True  # stable is learned before the canary has traffic
    return waited >= LONGEST_LOOK_SECONDS


def _after(
    asked: AnalysisMetric,
    known: MetricStatus,
    ours: Counts,
    theirs: Counts,
    bounds: Sequence[float],
    served: float,
) -> MetricStatus:
    """Return what is known of a metric after a look, of a canary that served for ``served`` s."""
    if not known.canary:
        return known
    warm = served >= (seconds(asked.warm_up) if asked.warm_up else 0.0)
    try:
        return evidence.after(asked, known, ours if warm else Counts(), theirs, bounds)
    except ValueError:
        return evidence.begin(asked, known.alpha)


def _with_course(asked: AnalysisMetric, known: MetricStatus, looks: int) -> MetricStatus:
    """Return what is known of a metric with its value in the course that people see."""
    value = evidence.verdict(asked, known).value
    shown = None if value is None else round(value, 4)
    return known.model_copy(update={"course": followed(known.course, shown, looks)})


def _with_verdict(
    asked: AnalysisMetric,
    known: MetricStatus,
    stable_heard: bool,
    unreachable: str,
    is_same_model: bool,
) -> MetricStatus:
    """Return what is known of a metric, with its verdict, or why the canary is unreachable."""
    found = evidence.verdict(asked, known)
    outcome: Outcome = found.outcome
    message = found.message
    compares = evidence.compares(asked)
    if outcome != "Failed" and unreachable:
        outcome, message = "Unreachable", f"{asked.name}: {unreachable}"
    elif is_same_model and compares and outcome_metric(asked) is not None:
        outcome, message = "Successful", f"{asked.name}: {SAME_MODEL}"
    elif outcome == "Undecided" and known.obstacle:
        outcome, message = "NotComparable", f"{asked.name}: {known.obstacle}"
    elif outcome == "Undecided" and compares and not stable_heard:
        reason = f"{asked.name}: no pod of stable can be asked, so there is nothing to compare with"
        outcome, message = "NotComparable", reason
    return known.model_copy(
        update={
            "verdict": outcome,
            "message": message,
            "summary": evidence.summary(asked, found),
            "value": _rounded(found.value),
            "reference": _rounded(found.reference),
            "requests": int(found.requests),
            "suspected": found.suspected,
            "p": _rounded(found.p),
            "low": _rounded(found.low),
            "high": _rounded(found.high),
        }
    )


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def _rounded(value: float | None) -> float | None:
    """Return a number as people need it: six digits, of a share or of any other."""
    return None if value is None else float(f"{value:.6g}")
