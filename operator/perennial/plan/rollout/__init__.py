"""The rollout of a ModelDeployment: which revision serves, with which weight, and for how long."""

from perennial.plan.rollout.analysis.verdict import outside_questions, questions, wants_metrics
from perennial.plan.rollout.before_traffic import golden_asked, wants_golden, web_asked
from perennial.plan.rollout.decision import plan_deployment
from perennial.plan.rollout.drain import turned_away
from perennial.plan.rollout.preview import address_of_trial, wants_address
from perennial.plan.rollout.signature_check import signature_questions
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.status.rebuild import takes_untried

__all__ = [
    "DeploymentSnapshot",
    "address_of_trial",
    "golden_asked",
    "outside_questions",
    "plan_deployment",
    "questions",
    "signature_questions",
    "takes_untried",
    "turned_away",
    "wants_address",
    "wants_golden",
    "wants_metrics",
    "web_asked",
]
