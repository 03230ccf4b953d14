"""Which model to serve, and how its versions roll out."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.deployment.model import ModelSource
from perennial.api.deployment.pods import PodOverrides
from perennial.api.deployment.rollout.rollout import Rollout
from perennial.api.deployment.serving import Serving
from perennial.api.deployment.traffic.traffic import Traffic
from perennial.api.values import rule

_SHADOW = "has(self.rollout) && has(self.rollout.shadow)"
_GATEWAY = "has(self.traffic) && has(self.traffic.gateway)"


class DeploymentSpec(ApiModel):
    """Which model to serve, and how new versions roll out."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                rule(
                    f"!({_SHADOW}) || ({_GATEWAY})",
                    "rollout.shadow needs traffic.gateway, which sends copies of requests; "
                    "without one choose rollout.blueGreen or rollout.canary",
                )
            ]
        }
    }

    model: ModelSource = Field(description="Which model to serve.")
    replicas: int = Field(
        1,
        ge=0,
        le=1000,
        description=(
            "Number of pods. An autoscaler writes it (kubectl scale, too); leave it out of what "
            "you apply where one does."
        ),
    )
    serving: Serving = Field(Serving(), description="How the model server runs.")
    pod_overrides: PodOverrides = Field(
        PodOverrides(), description="What is added to the serving pods."
    )
    rollout: Rollout = Field(Rollout(), description="How a new version replaces the present one.")
    traffic: Traffic | None = Field(
        None,
        description=(
            "How requests are divided among versions; by default by numbers of pods behind one "
            "Service."
        ),
    )
