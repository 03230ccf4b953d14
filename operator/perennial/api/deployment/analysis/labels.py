"""Shares of labels: what became known of predictions later, by feedback with a receipt."""

from typing import Annotated

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.deployment.analysis.rate import RateLimit
from perennial.api.values import one_of

ClassName = Annotated[str, Field(min_length=1, max_length=253)]
POSITIVE = (
    "The class that it is about, as labels name it; by default the second of two. It is needed "
    "where a model has more."
)


class MaximumDecrease(ApiModel):
    """By how much the canary's share may be below stable's."""

    maximum_decrease: float = Field(
        0.01, ge=0, le=1, description="Largest difference; 0.01 is one point."
    )


ONE_FLOOR = one_of("minimum", "againstStable")


class LowestShare(ApiModel):
    """A share that should be high: exactly one of minimum, againstStable."""

    minimum: float | None = Field(None, ge=0, le=1, description="Lowest share that is allowed.")
    against_stable: MaximumDecrease | None = Field(
        None, description="The share may be below stable's by so much."
    )


class LowestShareOfClass(LowestShare):
    """The same of one class."""

    positive_class: ClassName | None = Field(None, description=POSITIVE)


class HighestShareOfClass(RateLimit):
    """A share of one class that should be low: exactly one of maximum, againstStable."""

    positive_class: ClassName | None = Field(None, description=POSITIVE)
