"""When serving pods are asked for what they counted, and for which time."""

import math
from collections.abc import Sequence
from datetime import datetime

from perennial.api.deployment import ModelDeployment
from perennial.api.monitor import DriftMonitor
from perennial.api.values import Json, seconds
from perennial.plan.core.questions import CLOSED_SECONDS, Asked, ask

STEP = 5
"""Seconds of the buckets that pods count features in, for an hour."""
HOUR, MINUTE = 3_600, 60


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


def seconds_until_due(monitor: DriftMonitor, now: datetime) -> float:
    """Return the seconds until the next evaluation; 0 or less where it is due."""
    checked = monitor.status.checked_time
    if checked is None or monitor.status.observed_generation != monitor.metadata.generation:
        return 0.0
    return seconds(monitor.spec.interval) - max(0.0, (now - checked).total_seconds())
