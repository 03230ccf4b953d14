"""How often two versions answer the same request differently."""

from pydantic import Field

from perennial.api.common import ApiModel


class DisagreementLimit(ApiModel):
    """The shadow's answers beside stable's to the same requests."""

    maximum: float = Field(
        ge=0, le=1, description="Highest share of requests that the two may answer differently."
    )
    tolerance: float | None = Field(
        None,
        ge=0,
        le=1e15,
        description=(
            "How far apart two numbers may be that are called the same; by default 1 % of stable's."
            " Classes are the same or not."
        ),
    )
