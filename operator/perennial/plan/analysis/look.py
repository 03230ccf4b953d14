"""All metrics of a canary: when a look ends, and what is known after it."""

from collections.abc import Sequence
from datetime import datetime

from perennial.api.base import seconds
from perennial.api.deployment import (
    Analysis,
    AnalysisMetric,
    AnalysisStatus,
    MetricStatus,
    Outcome,
    PodCounts,
)
from perennial.plan.analysis import evidence
from perennial.plan.analysis.counters import (
    PODS_ASKED,
    Answers,
    Counts,
    PodMetrics,
    common_bounds,
    recorded,
    short,
    since,
    since_start,
)
from perennial.plan.statistics.verdict import split_alpha

LOOK_SECONDS = 2.0
LONGEST_LOOK_SECONDS = 60.0
"""After which a look ends though an arm had no request."""
LOOKS_TO_LEARN = 20
LEARNING_LOOK_SECONDS = 1.0
"""Time between looks at stable while the canary has no traffic yet: so many make known whether
stable's errors come in bursts, which is to be known when the canary gets its first request."""
LEARNED_LOOK_SECONDS = 30.0
"""Time between these looks once there were enough of them."""


def pair_of(stable: str, canary: str) -> str:
    """Return the name of two revisions that are compared."""
    return f"{stable}/{canary}"


def is_due(known: AnalysisStatus | None, pair: str, now: datetime, has_share: bool = False) -> bool:
    """Tell whether the pods are to be asked again.

    Args:
        known: what was known at the newest look.
        pair: the revisions that are compared.
        now: the time.
        has_share: the canary has a share of the traffic, so that its first answers may come.
    """
    if known is None or known.pair != pair or known.look_time is None:
        return True
    if known.traffic_time is not None or has_share:
        interval = LOOK_SECONDS
    else:
        enough = known.looks >= LOOKS_TO_LEARN
        interval = LEARNED_LOOK_SECONDS if enough else LEARNING_LOOK_SECONDS
    return (now - known.look_time).total_seconds() >= interval


def look(
    analysis: Analysis,
    known: AnalysisStatus | None,
    revisions: tuple[str, str],
    answers: Answers,
    now: datetime,
    stable_has_traffic: bool = True,
) -> AnalysisStatus:
    """Return what is known after the pods were asked once more.

    All of it is to be written at once, so that an operator that is killed counts nothing twice.

    Args:
        analysis: what is asked.
        known: what was, None before.
        revisions: stable's and the canary's.
        answers: of the ready pods of both.
        now: the time.
        stable_has_traffic: false where a look cannot wait for a request of stable.
    """
    pair, (stable, canary) = pair_of(*revisions), revisions
    if known is None or known.pair != pair:
        known = AnalysisStatus(pair=pair, look_time=now)
    stable_pods, canary_pods = answers.of(stable), answers.of(canary)
    metrics = _current(analysis, known)
    every = common_bounds(answers.pods)
    before_all = since_start(stable_pods, every)
    metrics = [(asked, evidence.with_bounds(asked, m, every, before_all)) for asked, m in metrics]
    bounds = sorted({b for asked, m in metrics for b in evidence.counted_bounds(asked, m)})
    before = (known.stable, known.canary) if bounds == known.bounds else ([], [])
    ours, theirs = since(canary_pods, before[1], bounds), since(stable_pods, before[0], bounds)
    traffic_time = known.traffic_time or (now if ours.requests else None)
    ends = _ends(known, ours, theirs, now, stable_has_traffic)
    history = since_start(stable_pods, bounds)
    judged = [
        _after(asked, m, ours if ends else None, theirs, history, bounds, traffic_time, now)
        for asked, m in metrics
    ]
    silent = bool(answers.silent(canary))
    heard = bool(stable_pods), bool(canary_pods) or not answers.asked.get(canary)
    told = [_told(asked, m, *heard) for asked, m in zip(analysis.judged, judged, strict=True)]
    return known.model_copy(
        update={
            "look_time": now if ends else known.look_time,
            "looks": known.looks + 1 if ends else known.looks,
            "traffic_time": traffic_time,
            "silent_time": (known.silent_time or now) if silent else None,
            "bounds": bounds,
            "stable": _records(stable_pods, before[0], answers, stable, bounds, ends),
            "canary": _records(canary_pods, before[1], answers, canary, bounds, ends),
            "metrics": told,
        }
    )


def _current(
    analysis: Analysis, known: AnalysisStatus
) -> list[tuple[AnalysisMetric, MetricStatus]]:
    """Return each metric with what is known of it; what makes no sense to it begins anew."""
    before = {m.name: m for m in known.metrics}
    voting = sum(1 for asked in analysis.judged if asked.mode == "Enforce")
    alpha = split_alpha(analysis.alpha, voting)
    found = []
    for asked in analysis.judged:
        m = before.get(asked.name)
        sound = m is not None and evidence.is_sound(asked, m)
        found.append((asked, m if m is not None and sound else evidence.begin(asked, alpha)))
    return found


def _ends(
    known: AnalysisStatus, ours: Counts, theirs: Counts, now: datetime, stable_has_traffic: bool
) -> bool:
    """Tell whether a look ends now, rather than go on until both arms have a request."""
    if ours.requests and (theirs.requests or not stable_has_traffic):
        return True
    if known.traffic_time is None and theirs.requests and not ours.requests:
        return True  # stable is learned before the canary has traffic
    begun = known.look_time or now
    late = (now - begun).total_seconds() >= LONGEST_LOOK_SECONDS
    return late and bool(ours.requests or theirs.requests)


def _after(
    asked: AnalysisMetric,
    known: MetricStatus,
    ours: Counts | None,
    theirs: Counts,
    history: Counts,
    bounds: Sequence[float],
    traffic_time: datetime | None,
    now: datetime,
) -> MetricStatus:
    """Return what is known of a metric after a look, None where it has not ended."""
    if evidence.waits_for_bounds(asked, known):
        return known
    if not known.canary:
        return evidence.learned(asked, known, history, bounds)
    if ours is None:
        return known
    warm = traffic_time is not None and (now - traffic_time).total_seconds() >= (
        seconds(asked.warm_up) if asked.warm_up else 0.0
    )
    try:
        return evidence.after(asked, known, ours if warm else Counts(), theirs, bounds)
    except ValueError:
        return evidence.begin(asked, known.alpha)


def _told(
    asked: AnalysisMetric, known: MetricStatus, stable_heard: bool, canary_heard: bool
) -> MetricStatus:
    """Return what is known of a metric, with its verdict."""
    found = evidence.verdict(asked, known)
    outcome: Outcome = found.outcome
    message = found.message
    if outcome != "Failed" and not canary_heard:
        told = f"{asked.name}: no ready pod of the canary answers its metrics port"
        outcome, message = "Unreachable", told
    elif outcome == "Undecided" and evidence.compares(asked) and not stable_heard:
        told = f"{asked.name}: no pod of stable can be asked, so there is nothing to compare with"
        outcome, message = "NotComparable", told
    return known.model_copy(
        update={
            "verdict": outcome,
            "message": message,
            "value": _rounded(found.value),
            "reference": _rounded(found.reference),
            "requests": int(found.requests),
            "suspected": found.suspected,
        }
    )


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


def _records(
    pods: Sequence[PodMetrics],
    before: Sequence[PodCounts],
    answers: Answers,
    revision: str,
    bounds: Sequence[float],
    ends: bool,
) -> list[PodCounts]:
    """Return the counters to go on from: of this look's end, else as before and of new pods.

    A pod that does not answer, or is not ready for a while, keeps its own: what it counts meanwhile
    is not lost.
    """
    old = {p.pod: p for p in before}
    new = {p.pod: p for p in recorded(pods, bounds)}
    found = {**old, **new} if ends else {**new, **old}
    asked = {short(name) for name in answers.asked.get(revision, ())}
    first = sorted(found, key=lambda name: (name not in asked, name))
    return [found[name] for name in sorted(first[:PODS_ASKED])]
