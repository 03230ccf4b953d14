"""What is done about drift: a file an action."""

from perennial.plan.monitoring.actions import notify, retrain, rollback
from perennial.plan.monitoring.finding import Action

ACTIONS: dict[str, Action] = {
    "rollback": rollback.act,
    "retrain": retrain.act,
    "notify": notify.act,
}
"""By its field in ``spec.actions``, in this order; what is not given there is not done."""
