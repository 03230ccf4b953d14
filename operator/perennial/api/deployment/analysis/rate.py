"""Shares of answers: errors and refusals."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import one_of


class MaximumIncrease(ApiModel):
    """By how much the canary's share may be above stable's at the same time."""

    maximum_increase: float = Field(
        0.01, ge=0, le=1, description="Largest difference; 0.01 is one point."
    )


ONE_LIMIT = one_of("maximum", "againstStable")


class RateLimit(ApiModel):
    """A share of the canary's answers: exactly one of maximum, againstStable."""

    maximum: float | None = Field(None, ge=0, le=1, description="Highest share that is allowed.")
    against_stable: MaximumIncrease | None = Field(
        None, description="The share may be above stable's by so much."
    )
