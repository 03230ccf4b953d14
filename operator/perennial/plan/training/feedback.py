"""Where a ModelTraining finds the request log that it learns from."""

from dataclasses import dataclass

from perennial.api.common import Condition
from perennial.api.deployment import ModelDeployment, RequestLogLocation
from perennial.api.training import ModelTraining
from perennial.plan.core import condition


@dataclass(frozen=True)
class Source:
    """A request log, None where nothing can be in it yet, and the condition that says so."""

    log: RequestLogLocation | None
    condition: Condition

    @property
    def missing(self) -> bool:
        """Tell whether runs must wait: without it they would learn less than was asked for."""
        return self.condition.status == "False"


def source(training: ModelTraining, deployment: ModelDeployment | None) -> Source | None:
    """Return where the feedback is, None for a training that wants none.

    A revision's status says where its pods log, so a log is found as soon as one serves; a
    deployment that waits for the first version has nothing to learn from yet.
    """
    feedback = training.spec.dataset.feedback
    if feedback is None:
        return None
    name = feedback.deployment_ref.name
    remedy = "or remove spec.dataset.feedback"
    if deployment is None:
        message = f"there is no ModelDeployment {name} to learn from: create it, {remedy}"
        return Source(None, condition("FeedbackAvailable", False, "DeploymentNotFound", message))
    if deployment.spec.serving.request_log is None:
        message = (
            f"ModelDeployment {name} logs no requests: set its spec.serving.requestLog, {remedy}"
        )
        return Source(None, condition("FeedbackAvailable", False, "NoRequestLog", message))
    revisions = (deployment.status.stable, deployment.status.canary)
    log = next((r.request_log for r in revisions if r is not None and r.request_log), None)
    if log is None:
        message = f"{name} has logged nothing yet: runs learn from the dataset alone"
        return Source(None, condition("FeedbackAvailable", None, "NothingLogged", message))
    message = f"runs learn from {log.uri}, too"
    return Source(log, condition("FeedbackAvailable", True, "RequestLogFound", message))
