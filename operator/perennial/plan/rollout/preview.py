"""The address at which a new version is looked at before the switch: a Service of its own.

While nothing is on trial it reaches what serves, so that who calls it is answered at any time.
"""

from perennial.api.deployment import DeploymentStatus
from perennial.api.values import Json
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.serving.service import service_of


def preview(s: DeploymentSnapshot, status: DeploymentStatus) -> tuple[Json, ...]:
    """Return the Service NAME-preview, where the strategy is blueGreen."""
    newest = status.canary or status.stable
    if s.deployment.spec.rollout.blue_green is None or newest is None:
        return ()
    return (service_of(s.deployment, f"{s.deployment.metadata.name}-preview", newest.revision),)
