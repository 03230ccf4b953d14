"""The rollout of a ModelDeployment: which revision serves, with which weight, and for how long."""

from perennial.plan.rollout.decision import plan_deployment
from perennial.plan.rollout.measure import questions, wants_metrics
from perennial.plan.rollout.rebuild import takes_untried
from perennial.plan.rollout.snapshot import DeploymentSnapshot

__all__ = ["DeploymentSnapshot", "plan_deployment", "questions", "takes_untried", "wants_metrics"]
