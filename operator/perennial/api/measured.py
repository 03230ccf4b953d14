"""What a metric says, at the moment of a decision or by now."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import Text


class MeasuredMetric(ApiModel):
    """What a metric says."""

    name: str = Field(description="Name of the metric.", max_length=63)
    verdict: str = Field("", description="What it said.", max_length=16)
    value: float | None = Field(
        None, description="The canary's share, or mean; or the last number of others."
    )
    reference: float | None = Field(None, description="Stable's, or the limit.")
    requests: int = Field(
        0, description="Requests, labels or rewards of the canary behind the value."
    )
    p: float | None = Field(
        None,
        description=(
            "Chance of such counts if the canary were not worse; where it is Successful, if it "
            "were worse than it may be."
        ),
    )
    low: float | None = Field(
        None,
        description=(
            "Lower end of where the value truly is; beside stable, of the difference. It holds at "
            "all looks together, with 95 %."
        ),
    )
    high: float | None = Field(None, description="Upper end of it.")
    summary: Text = Field("", description="The numbers in a sentence.")
