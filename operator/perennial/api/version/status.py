"""Where a version is deployed, and what became of it."""

from typing import Literal

from pydantic import Field

from perennial.api.common import ApiModel, Conditions
from perennial.api.measured import MeasuredMetric
from perennial.api.values import Text, Time


class DeployedBy(ApiModel):
    """A ModelDeployment that serves the version."""

    name: str = Field(description="Name of the ModelDeployment.", max_length=253)
    role: Literal["Stable", "Canary", "Variant"] = Field(
        description="Stable, Canary, or Variant of an experiment."
    )


class Outcome(ApiModel):
    """What became of the version in front of live traffic."""

    reason: Literal["Promoted", "RolledBack"] = Field(description="Promoted or RolledBack.")
    deployment: str = Field(
        "", description="Name of the ModelDeployment that did so.", max_length=253
    )
    message: Text = Field("", description="The outcome in a sentence.")
    time: Time | None = Field(None, description="When.")


class Ended(ApiModel):
    """How a rollout of the version ended, with the numbers that decided it."""

    deployment: str = Field(description="Name of the ModelDeployment.", max_length=253)
    reason: Literal["Promoted", "RolledBack"] = Field(description="Promoted or RolledBack.")
    cause: str = Field("", description="Why, in one word.", max_length=64)
    message: Text = Field("", description="Why, in a sentence.")
    weight: int | None = Field(
        None, description="Its share of the traffic by then, in percent; absent before it had one."
    )
    requests: int = Field(0, description="Its requests that were judged by then.")
    time: Time = Field(description="When.")
    metrics: list[MeasuredMetric] = Field(
        [], description="What was measured by then.", max_length=16
    )


class PrintedVersion(ApiModel):
    """What `kubectl get` prints: made of the facts beside it, and nothing to rely on."""

    metric: str = Field("", description="The first metric as name=value.", max_length=128)


class VersionStatus(ApiModel):
    """Where the version is deployed and what became of it."""

    observed_generation: int = Field(-1, description="Generation that the status is about.")
    conditions: Conditions = []
    deployments: list[DeployedBy] = Field(
        [], description="The ModelDeployments that serve it.", max_length=64
    )
    outcome: Outcome | None = Field(None, description="What became of it in live traffic.")
    ended: list[Ended] = Field(
        [], description="How its last rollouts ended, the newest last.", max_length=8
    )
    printed: PrintedVersion | None = Field(None, description="What kubectl get prints.")
