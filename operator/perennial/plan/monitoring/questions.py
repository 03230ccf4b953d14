"""When serving pods are asked for what they counted, and for which time."""

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from perennial.api.deployment import ModelDeployment
from perennial.api.monitor import DriftMonitor, MonitorSpec, Performance
from perennial.api.values import Json, seconds
from perennial.plan.core.questions import CLOSED_SECONDS, SKEW_SECONDS, Asked, ask
from perennial.plan.monitoring.cohorts import begun, width
from perennial.plan.monitoring.recall import is_ahead, recalled
from perennial_artifact.outcomes import VERSION_LENGTH
from perennial_artifact.windows import Part
from perennial_statistics.drift import NEWEST_SLICES, SLICES

STEP = 5
"""Seconds of the buckets that pods count features in, for an hour."""
HOUR, MINUTE = 3_600, 60
KEPT_SECONDS = 86_000
"""For so long pods are sure to keep what became known."""
REQUESTS_SECONDS = 3_300
"""The same of requests."""
PIECES = 32
"""Pieces of time that are asked for at once, at most: of the first look, or after a long rest."""


def wants_windows(monitor: DriftMonitor, deployment: ModelDeployment, now: datetime) -> bool:
    """Tell whether this pass needs what the serving pods counted."""
    if deployment.status.stable is None or deployment.spec.serving.drift_windows == "Disabled":
        return False
    return seconds_until_due(monitor, now) <= 0


def questions(monitor: DriftMonitor, revision: str, pods: Sequence[Json], now: datetime) -> Asked:
    """Return what the pods of a revision are asked: for the newest window that has ended."""
    bounds = slice_bounds(monitor, now)
    parts: tuple[Part, ...] = ("features", "predictions")
    if monitor.spec.performance is not None and monitor.spec.performance.estimated is not None:
        parts = (*parts, "outcomes")  # with the scores that were given
    if wants_usage(monitor.spec):
        parts = (*parts, "usage")
    return ask(pods, [revision], bounds[0], bounds[-1], STEP, parts)


VALUES: tuple[Part, ...] = ("features", "predictions")


def newest_questions(
    monitor: DriftMonitor, revision: str, pods: Sequence[Json], now: datetime
) -> Asked:
    """Return what they are asked of the newest quarter of the window; nothing of a short one."""
    bounds = slice_bounds(monitor, now)
    count = len(bounds) - 1
    start = bounds[count - count * NEWEST_SLICES // SLICES]
    whom = pods if start < bounds[-1] else ()
    return ask(whom, [revision], start, bounds[-1], STEP, VALUES)


def slice_questions(
    monitor: DriftMonitor, revision: str, pods: Sequence[Json], now: datetime
) -> "Pieces":
    """Return what they are asked of each slice of the window, the oldest first.

    Slices tell how alike rows are that come together; that is asked only where something alarms.
    """
    return [
        (start, ask(pods, [revision], start, end, STEP, VALUES))
        for start, end in pairwise(slice_bounds(monitor, now))
    ]


def slice_bounds(monitor: DriftMonitor, now: datetime) -> list[int]:
    """Return where the slices of the newest window that has ended begin, and its end.

    24 of them, fewer where one would be shorter than what pods count together.
    """
    end = int(now.timestamp() - CLOSED_SECONDS) // STEP * STEP
    start = end - math.ceil(seconds(monitor.spec.window))
    # What is older than an hour is counted by the minute.
    width = STEP if end - start <= HOUR - MINUTE else MINUTE
    start = start // width * width
    count = max(1, min(SLICES, (end - start) // width))
    inner = [(start + n * (end - start) // count) // width * width for n in range(1, count)]
    return [start, *inner, end]


def wants_usage(spec: MonitorSpec) -> bool:
    """Tell whether it is to be known who asks, and what is refused."""
    mix = spec.behaviour.mix if spec.behaviour is not None else None
    if spec.quality.refused_maximum < 1:
        return True
    return mix is not None and (mix.callers is not None or mix.errors is not None)


Pieces = list[tuple[int, Asked]]
"""What is asked piece by piece, the oldest first, each with its start in seconds since 1970."""


def outcome_questions(
    monitor: DriftMonitor, deployment: ModelDeployment, pods: Sequence[Json], now: datetime
) -> Pieces:
    """Return what all serving pods are asked about outcomes; a piece lies within one cohort.

    What becomes known comes to any pod, of whatever revision.
    """
    revisions = [r.revision for r in deployment.status.revisions]
    return [
        (start, ask(pods, revisions, start, end, MINUTE, ("outcomes",)))
        for start, end in _outcome_times(monitor, deployment, now)
    ]


def request_questions(
    monitor: DriftMonitor, deployment: ModelDeployment, pods: Sequence[Json], now: datetime
) -> Pieces:
    """Return what all serving pods are asked about requests; a piece lies within one hour."""
    if monitor.spec.behaviour is None or monitor.spec.behaviour.volume is None:
        return []
    end = int(now.timestamp() - SKEW_SECONDS - CLOSED_SECONDS) // STEP * STEP
    oldest = end - REQUESTS_SECONDS
    known = recalled(monitor, now).status.behaviour
    until = known.counted_until if known is not None else None
    start = oldest
    if until is not None and not is_ahead(until, now):
        start = max(oldest, int(until.timestamp()))
    start = -(-start // STEP) * STEP
    revisions = [r.revision for r in deployment.status.revisions]
    return [
        (begin, ask(pods, revisions, begin, stop, STEP, ("requests",)))
        for begin, stop in _cut(start, end, HOUR)
    ]


def _cut(start: int, end: int, width: int) -> list[tuple[int, int]]:
    """Return a time in pieces, none of which goes beyond a multiple of a width."""
    if start >= end:
        return []
    return list(pairwise([start, *range((start // width + 1) * width, end, width), end]))


def longest_interval(asked: Performance) -> int:
    """Return the seconds between two looks beyond which outcomes would be lost."""
    return min(KEPT_SECONDS, PIECES * width(asked))


def _outcome_times(
    monitor: DriftMonitor, deployment: ModelDeployment, now: datetime
) -> list[tuple[int, int]]:
    """Return the times that are not read yet, in seconds since 1970, the oldest first."""
    asked, stable = monitor.spec.performance, deployment.status.stable
    if asked is None or asked.is_from_log or not asked.metrics or stable is None:
        return []
    span = width(asked)
    end = int(now.timestamp() - SKEW_SECONDS - CLOSED_SECONDS) // MINUTE * MINUTE
    version = stable.artifact.sha256[:VERSION_LENGTH]
    known = recalled(monitor, now).status.performance
    until = begun(asked, known, version).judged_until
    began = until or stable.start_time
    oldest = max(end - KEPT_SECONDS, end // span * span - PIECES * span)
    start = max(oldest, int(began.timestamp()) if began is not None else oldest)
    start = -(-start // MINUTE) * MINUTE
    return _cut(start, end, span)


def seconds_until_due(monitor: DriftMonitor, now: datetime) -> float:
    """Return the seconds until the next evaluation; 0 or less where it is due."""
    checked = monitor.status.checked_time
    if checked is None or monitor.status.observed_generation != monitor.metadata.generation:
        return 0.0
    if checked > now:
        return 0.0  # our clock was ahead for a while
    return seconds(monitor.spec.interval) - (now - checked).total_seconds()
