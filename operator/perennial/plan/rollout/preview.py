"""The address at which what is on trial is tried, whatever traffic it has: a Service of its own.

A canary has one while it is on trial. Under blueGreen it is always there: while nothing is on trial
it reaches what serves, so that who calls it is answered at any time.
"""

from perennial.api.deployment import DeploymentStatus, ModelDeployment
from perennial.api.values import Json
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import is_undone
from perennial.plan.serving.service import service_of


def address_of_trial(deployment: ModelDeployment) -> str:
    """Return the name of the Service: NAME-canary, or under blueGreen NAME-preview."""
    is_canary = deployment.spec.rollout.blue_green is None
    return f"{deployment.metadata.name}-{'canary' if is_canary else 'preview'}"


def wants_address(deployment: ModelDeployment, status: DeploymentStatus) -> bool:
    """Tell whether a ModelDeployment is to have the Service."""
    if deployment.spec.rollout.blue_green is not None:
        return status.stable is not None
    return status.canary is not None and not is_undone(status)


def preview(s: DeploymentSnapshot, status: DeploymentStatus) -> tuple[Json, ...]:
    """Return the Service, where there is to be one, and nobody else has one of its name.

    Whether somebody has is looked at only once it is recorded what is on trial.
    """
    name, newest = address_of_trial(s.deployment), status.canary or status.stable
    wanted = all(wants_address(s.deployment, known) for known in (s.deployment.status, status))
    if newest is None or name in s.taken or not wanted:
        return ()
    return (service_of(s.deployment, name, newest.revision),)
