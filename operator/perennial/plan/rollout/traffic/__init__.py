"""How requests are divided among revisions: a file a provider."""

from perennial.api.deployment import ModelDeployment
from perennial.plan.rollout.goal import Traffic
from perennial.plan.rollout.traffic import gateway, replicas

PROVIDERS: dict[str, Traffic] = {"replicas": replicas, "gateway": gateway}
"""By name; the first is the default."""


def traffic_of(deployment: ModelDeployment) -> Traffic:
    """Return how the requests to a ModelDeployment are divided."""
    return PROVIDERS[provider_of(deployment)]


def provider_of(deployment: ModelDeployment) -> str:
    """Return the name of the way that is asked for."""
    chosen = deployment.spec.traffic
    asked = (name for name in PROVIDERS if getattr(chosen, name, None) is not None)
    return next(asked, next(iter(PROVIDERS)))
