"""What is done about drift: a file an action."""

from perennial.plan.monitoring.actions import retrain
from perennial.plan.monitoring.finding import Action

ACTIONS: dict[str, Action] = {"retrain": retrain.act}
"""By its field in ``spec.actions``; what is not given there is not done."""
