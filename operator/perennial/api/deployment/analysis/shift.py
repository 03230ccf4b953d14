"""How differently two versions answer the same traffic."""

from pydantic import Field

from perennial.api.common import ApiModel


class ShiftLimit(ApiModel):
    """The canary's predictions beside stable's at the same time."""

    maximum: float = Field(
        gt=0,
        lt=1,
        description=(
            "Largest difference between the shares of the two versions' predictions that are above "
            "any of stable's quantiles or one half, or that name any class; 0.1 is ten points."
        ),
    )
