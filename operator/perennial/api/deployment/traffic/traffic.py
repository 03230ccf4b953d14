"""How requests are divided among versions."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.deployment.traffic.gateway import Gateway
from perennial.api.values import one_of


class Replicas(ApiModel):
    """By numbers of pods behind one Service: there is nothing to choose."""


class Traffic(ApiModel):
    """How requests are divided among versions: exactly one of replicas, gateway."""

    model_config = {
        "json_schema_extra": {"x-kubernetes-validations": [one_of("replicas", "gateway")]}
    }

    # A member of a choice has no default here: another one could not be chosen beside it.
    replicas: Replicas | None = Field(
        None, description="By numbers of pods behind one Service; the default."
    )
    gateway: Gateway | None = Field(
        None,
        description="By weights of a route (Gateway API), whatever the numbers of pods.",
    )
