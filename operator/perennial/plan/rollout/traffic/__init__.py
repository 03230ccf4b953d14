"""How requests are divided among revisions: a file a provider."""

from perennial.api.deployment import ModelDeployment
from perennial.plan.rollout.goal import Traffic
from perennial.plan.rollout.traffic import replicas

PROVIDERS: dict[str, Traffic] = {"replicas": replicas}
"""By name; the first is the default."""


def traffic_of(deployment: ModelDeployment) -> Traffic:
    """Return how the requests to a ModelDeployment are divided."""
    return PROVIDERS["replicas"]
