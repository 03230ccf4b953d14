"""Means of what became known of predictions later: losses and rewards."""

from pydantic import Field

from perennial.api.common import ApiModel

LARGEST = 1e15


class LossIncrease(ApiModel):
    """By how much the canary's loss may be above stable's."""

    maximum_increase: float = Field(
        ge=0, le=LARGEST, description="Largest difference, in the unit of the loss."
    )


class HighestLoss(ApiModel):
    """A loss of the canary's: exactly one of maximum, againstStable."""

    maximum: float | None = Field(
        None, ge=0, le=LARGEST, description="Highest loss that is allowed."
    )
    against_stable: LossIncrease | None = Field(
        None, description="The loss may be above stable's by so much."
    )


class RewardDecrease(ApiModel):
    """By how much the canary's mean reward may be below stable's."""

    maximum_decrease: float = Field(
        ge=0, le=LARGEST, description="Largest difference, in the unit of the rewards."
    )


class LowestReward(ApiModel):
    """The canary's mean reward: exactly one of minimum, againstStable."""

    minimum: float | None = Field(
        None, ge=-LARGEST, le=LARGEST, description="Lowest mean reward that is allowed."
    )
    against_stable: RewardDecrease | None = Field(
        None, description="The mean reward may be below stable's by so much."
    )
