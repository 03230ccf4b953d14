"""What a test says of live traffic, and what an action did about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from perennial.api.common import Condition
from perennial.api.monitor import MonitorStatus
from perennial.plan.core import Event, Finding
from perennial.plan.monitoring.snapshot import MonitorSnapshot
from perennial_statistics.drift import DriftReport

KEPT = 10
"""Features that the status names at most, the worst first."""


@dataclass(frozen=True)
class Judgement:
    """A condition of the monitor, with what else the status and people are to know."""

    condition: Condition
    changes: Mapping[str, object] = field(default_factory=dict)
    """Of the status."""
    events: tuple[Event, ...] = ()
    cause: "Cause | None" = None
    """Why the actions are to be taken; None where they are not."""
    is_alarm: bool | None = None
    """What actions are for is the case; None where that is not known."""


@dataclass(frozen=True)
class Cause:
    """Why the actions are to be taken."""

    test: str
    """Which found it, as it is called in the room of tests."""
    became: str
    """What became of the version: drifted."""
    message: str
    of_answers: bool = False
    """It is about what the model answers, and not about what it is asked."""
    since: datetime | None = None
    """Since when it is the case."""


Report = DriftReport | Finding
"""What the values of live traffic show, or why that is not known."""
Judge = Callable[[MonitorSnapshot, MonitorStatus, Report], Judgement | None]
"""Says what was seen means, None where it was not asked; the status is the one under way."""

JudgeReport = Callable[[MonitorSnapshot, MonitorStatus], Judgement | None]
"""Says what the newest report means, None where nothing of it was asked."""


@dataclass(frozen=True)
class ActionResult:
    """What an action came to: asked for, or why not; empty where that is not worth telling."""

    reason: str
    message: str
    status: MonitorStatus
    events: tuple[Event, ...] = ()


Action = Callable[[MonitorSnapshot, MonitorStatus, Cause], ActionResult]
"""Does something about a cause, unless something speaks against it."""


def was(s: MonitorSnapshot, type: str) -> str:
    """Return a condition's status as it was written, Unknown before."""
    return next((c.status for c in s.monitor.status.conditions if c.type == type), "Unknown")


def rounded(p: float) -> float:
    """Return a p-value with three digits."""
    return float(f"{p:.3g}")
