"""Which model to serve, and how its versions roll out."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.deployment.analysis.metric import OF_OUTCOMES
from perennial.api.deployment.disruption import DisruptionBudget
from perennial.api.deployment.experiment import Experiment
from perennial.api.deployment.model import ModelSource
from perennial.api.deployment.pods import PodOverrides
from perennial.api.deployment.rollout.rollout import Rollout
from perennial.api.deployment.serving import Serving
from perennial.api.deployment.traffic.traffic import Traffic
from perennial.api.values import rule

_SHADOW = "has(self.rollout) && has(self.rollout.shadow)"
_GATEWAY = "has(self.traffic) && has(self.traffic.gateway)"
_METRICS = "has(self.rollout) && has(self.rollout.analysis) && has(self.rollout.analysis.metrics)"
_DISAGREES = f"{_METRICS} && self.rollout.analysis.metrics.exists(m, has(m.disagreement))"
_PAIRS = "has(self.serving) && has(self.serving.pairs) && self.serving.pairs == 'Enabled'"
_OF_OUTCOMES = " || ".join(f"has(m.{kind})" for kind in OF_OUTCOMES)


class DeploymentSpec(ApiModel):
    """Which model to serve, and how new versions roll out."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                rule(
                    f"!({_SHADOW}) || ({_GATEWAY})",
                    "rollout.shadow needs traffic.gateway, which sends copies of requests; "
                    "without one choose rollout.blueGreen or rollout.canary",
                ),
                rule(
                    f"!({_DISAGREES}) || ({_SHADOW} && {_PAIRS})",
                    "disagreement compares two versions' answers to the same requests: it needs "
                    "rollout.shadow, and serving.pairs: Enabled",
                ),
                rule(
                    "!has(self.experiment) || has(self.serving) && has(self.serving.receipts)",
                    "an experiment counts what feedback tells by receipt: add serving.receipts",
                ),
                rule(
                    "(has(self.serving) && has(self.serving.receipts)) || !has(self.rollout)"
                    " || !has(self.rollout.analysis) || !has(self.rollout.analysis.metrics)"
                    f" || !self.rollout.analysis.metrics.exists(m, {_OF_OUTCOMES})",
                    "metrics of labels, rewards and predictions need serving.receipts: they are "
                    "counted by the receipts of answers",
                ),
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
    experiment: Experiment | None = Field(
        None,
        description=(
            "Several models on live traffic for a time, beside spec.model: which earns the "
            "highest reward?"
        ),
    )
    disruption_budget: DisruptionBudget | None = Field(
        None,
        description=(
            "How many of the pods that have requests an eviction leaves, as when a node is "
            "drained: a PodDisruptionBudget called as this. Without it there is none."
        ),
    )
    traffic: Traffic | None = Field(
        None,
        description=(
            "How requests are divided among versions; by default by numbers of pods behind one "
            "Service."
        ),
    )
