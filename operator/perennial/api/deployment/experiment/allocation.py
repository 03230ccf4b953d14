"""How much of the traffic each model of an experiment gets."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import Name, one_of, rule


class ArmShare(ApiModel):
    """A variant's share of the traffic."""

    name: Name = Field(description="Name of the variant.")
    share: int = Field(ge=1, le=99, description="Its share of the traffic, in percent.")


class Fixed(ApiModel):
    """Shares that stay as they are; by default equal ones."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                rule(
                    "!has(self.shares) || self.shares.map(s, s.share).sum() < 100",
                    "the variants' shares must leave some of 100 % to spec.model",
                )
            ]
        }
    }

    shares: list[ArmShare] | None = Field(
        None,
        description="The share of each variant; spec.model has the rest.",
        min_length=1,
        max_length=4,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    )


class ThompsonSampling(ApiModel):
    """Each model has the share that is its probability of being the best, by what is known."""

    minimum_share: float = Field(
        0.1,
        ge=0.01,
        le=0.5,
        description="The least share of the traffic that each model keeps, spec.model too.",
    )
    maximum_step: int = Field(
        20,
        ge=1,
        le=100,
        description="The most that a batch moves a model's share, in percent of the traffic.",
    )


class Allocation(ApiModel):
    """How much of the traffic each model gets: exactly one of fixed, thompsonSampling."""

    model_config = {
        "json_schema_extra": {"x-kubernetes-validations": [one_of("fixed", "thompsonSampling")]}
    }

    fixed: Fixed | None = Field(None, description="Shares that stay as they are.")
    thompson_sampling: ThompsonSampling | None = Field(
        None, description="More of the traffic for what earns more, batch by batch."
    )
