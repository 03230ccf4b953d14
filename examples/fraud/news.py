"""What has become of training, model and monitor: read from the objects, compared, told."""

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["alarm", "drift", "retraining", "promotion", "nothing"]


@dataclass(frozen=True)
class State:
    """What the objects say."""

    serves: str = ""
    performance: str = "Unknown"
    """Whether it is kept: True, False or Unknown."""
    says: str = ""
    drifted: str = "Unknown"
    drift_says: str = ""
    retrainings: int = 0
    run: int = 0
    outcome: str = ""
    """Of the last run that ended."""
    run_says: str = ""


@dataclass(frozen=True)
class News:
    """One thing that happened."""

    day: float
    """Of the year."""
    kind: Kind
    text: str


def state_of(objects: list[dict[str, Any]]) -> State:
    """Return what a ModelTraining, a ModelDeployment and a DriftMonitor say; some may not be."""
    by_kind = {item["kind"]: item.get("status", {}) for item in objects}
    monitor, deployment = by_kind.get("DriftMonitor", {}), by_kind.get("ModelDeployment", {})
    last = by_kind.get("ModelTraining", {}).get("lastRun", {})
    stable = [r for r in deployment.get("revisions", []) if r.get("role") == "Stable"]
    kept, drifted = (_condition(monitor, name) for name in ("PerformanceKept", "Drifted"))
    return State(
        serves=stable[0].get("version", "") if stable else "",
        performance=kept.get("status", "Unknown"),
        says=kept.get("message", ""),
        drifted=drifted.get("status", "Unknown"),
        drift_says=drifted.get("message", ""),
        retrainings=monitor.get("retrainings", 0),
        run=last.get("number", 0),
        outcome=last.get("outcome", ""),
        run_says=last.get("message", ""),
    )


def news(before: State, after: State, day: float) -> list[News]:
    """Return what happened between two looks.

    Args:
        before: the look before.
        after: this one.
        day: of the year, by now.
    """
    found = []
    if after.performance == "False" != before.performance:
        found.append(News(day, "alarm", after.says))
    if after.drifted == "True" != before.drifted:
        found.append(News(day, "drift", after.drift_says))
    if after.retrainings > before.retrainings:
        found.append(News(day, "retraining", ""))
    if after.run > before.run > 0 and after.outcome != "Promoted":
        found.append(News(day, "nothing", f"{after.outcome}: {after.run_says}"))
    if before.serves and after.serves and after.serves != before.serves:
        found.append(News(day, "promotion", after.serves))
    return found


def _condition(status: dict[str, Any], name: str) -> dict[str, str]:
    return next((c for c in status.get("conditions", []) if c["type"] == name), {})
