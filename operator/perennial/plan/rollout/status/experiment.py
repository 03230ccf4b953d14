"""What is said of an experiment, in a condition of its own."""

from perennial.api.common import Condition
from perennial.api.deployment import DeploymentStatus, ExperimentStatus
from perennial.plan.core import condition
from perennial.plan.rollout.experiment import is_on, taking_part

RUNNING = "ExperimentRunning"


def experiment_condition(status: DeploymentStatus, waiting: str) -> list[Condition]:
    """Return whether an experiment divides the traffic, and why it does not; none without one.

    Args:
        status: under way.
        waiting: the version that waits for its end, '' where none does.
    """
    known = status.experiment
    if known is None:
        return []
    if known.result is not None:
        return [condition(RUNNING, False, known.result, known.message)]
    if not is_on(status):
        return [condition(RUNNING, False, "Waiting", known.message)]
    if known.waiting_since is not None:
        found = [f"{a.name}: {a.message}" for a in known.arms if a.state == "Waiting" and a.message]
        return [condition(RUNNING, False, "Starting", "; ".join(found))]
    return [condition(RUNNING, True, "Running", _standing(known, waiting))]


def _standing(known: ExperimentStatus, waiting: str) -> str:
    """Return what is known of the arms by now."""
    arms = [
        f"{a.name} {a.mean:.4g} ({a.outcomes:,} outcomes, best with {a.probability_best:.1%})"
        for a in taking_part(known)
        if a.mean is not None and a.probability_best is not None
    ]
    out = [f"{a.name} is out: {a.message}" for a in known.arms if a.state == "Out"]
    message = f"mean reward of {', '.join(arms)}" if arms else "no batch of outcomes is over yet"
    if known.missing:
        out.append(f"without all that {', '.join(known.missing)} was told")
    if waiting:
        out.append(f"{waiting} waits for its end (rollout.onNewVersion)")
    return "; ".join([message, *out])
