"""The rollout of a ModelDeployment: which revision serves, with which weight, and for how long."""

from perennial.plan.core.questions import Asked
from perennial.plan.core.signature import SignatureQuestion
from perennial.plan.rollout import experiment, signature_check
from perennial.plan.rollout.analysis import verdict
from perennial.plan.rollout.analysis.verdict import outside_questions, wants_metrics
from perennial.plan.rollout.before_traffic import golden_asked, wants_golden, web_asked
from perennial.plan.rollout.decision import plan_deployment
from perennial.plan.rollout.drain import turned_away
from perennial.plan.rollout.preview import address_of_trial, wants_address
from perennial.plan.rollout.snapshot import DeploymentSnapshot, other_models
from perennial.plan.rollout.status.rebuild import takes_untried
from perennial_artifact.windows import Part

__all__ = [
    "DeploymentSnapshot",
    "address_of_trial",
    "golden_asked",
    "other_models",
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


def questions(s: DeploymentSnapshot) -> dict[Part, Asked]:
    """Return what pods are to be asked, by part; only what is needed.

    There is a canary on trial, or there are an experiment's variants, and never both.
    """
    return verdict.questions(s) or experiment.questions(s)


def signature_questions(s: DeploymentSnapshot) -> tuple[SignatureQuestion, ...]:
    """Return what ready pods are to be asked about what their models take and give."""
    return signature_check.signature_questions(s) or experiment.signature_questions(s)
