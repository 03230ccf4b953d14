"""When serving pods are asked for what they counted, and for which time."""

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from perennial.api.deployment import ModelDeployment
from perennial.api.monitor import DriftMonitor
from perennial.api.values import Json, seconds
from perennial.plan.core.questions import CLOSED_SECONDS, SKEW_SECONDS, Asked, ask
from perennial.plan.monitoring.cohorts import begun, width
from perennial_artifact.outcomes import VERSION_LENGTH

STEP = 5
"""Seconds of the buckets that pods count features in, for an hour."""
HOUR, MINUTE = 3_600, 60
KEPT_SECONDS = 86_000
"""For so long pods are sure to keep what became known."""
PIECES = 32
"""Pieces of time that are asked for at once, at most: of the first look, or after a long rest."""


def wants_windows(monitor: DriftMonitor, deployment: ModelDeployment, now: datetime) -> bool:
    """Tell whether this pass needs what the serving pods counted."""
    if deployment.status.stable is None or deployment.spec.serving.drift_windows == "Disabled":
        return False
    return seconds_until_due(monitor, now) <= 0


def questions(monitor: DriftMonitor, revision: str, pods: Sequence[Json], now: datetime) -> Asked:
    """Return what the pods of a revision are asked: for the newest window that has ended."""
    end = int(now.timestamp() - CLOSED_SECONDS) // STEP * STEP
    start = end - math.ceil(seconds(monitor.spec.window))
    # What is older than an hour is counted by the minute.
    width = STEP if end - start <= HOUR - MINUTE else MINUTE
    return ask(pods, [revision], start // width * width, end, STEP, ("features", "predictions"))


def outcome_questions(
    monitor: DriftMonitor, deployment: ModelDeployment, pods: Sequence[Json], now: datetime
) -> list[tuple[int, Asked]]:
    """Return what all serving pods are asked about outcomes, piece by piece, each with its start.

    What becomes known comes to any pod, of whatever revision. A piece lies within one cohort.
    """
    revisions = [r.revision for r in deployment.status.revisions]
    return [
        (start, ask(pods, revisions, start, end, MINUTE, ("outcomes",)))
        for start, end in pieces(monitor, deployment, now)
    ]


def pieces(
    monitor: DriftMonitor, deployment: ModelDeployment, now: datetime
) -> list[tuple[int, int]]:
    """Return the times that are not read yet, in seconds since 1970, the oldest first."""
    asked, stable = monitor.spec.performance, deployment.status.stable
    if asked is None or stable is None:
        return []
    span = width(asked)
    end = int(now.timestamp() - SKEW_SECONDS - CLOSED_SECONDS) // MINUTE * MINUTE
    version = stable.artifact.sha256[:VERSION_LENGTH]
    until = begun(asked, monitor.status.performance, version).judged_until
    began = until or stable.start_time
    oldest = max(end - KEPT_SECONDS, end // span * span - PIECES * span)
    start = max(oldest, int(began.timestamp()) if began is not None else oldest)
    start = -(-start // MINUTE) * MINUTE
    cuts = [start, *range((start // span + 1) * span, end, span), end]
    return list(pairwise(cuts)) if start < end else []


def seconds_until_due(monitor: DriftMonitor, now: datetime) -> float:
    """Return the seconds until the next evaluation; 0 or less where it is due."""
    checked = monitor.status.checked_time
    if checked is None or monitor.status.observed_generation != monitor.metadata.generation:
        return 0.0
    return seconds(monitor.spec.interval) - max(0.0, (now - checked).total_seconds())
