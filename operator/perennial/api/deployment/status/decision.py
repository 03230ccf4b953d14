"""What was decided about a version on trial, and the numbers behind it."""

from typing import Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.measured import MeasuredMetric
from perennial.api.values import Text, Time


class Decided(ApiModel):
    """A decision about a version on trial."""

    decision: Literal["WentOn", "Paused", "Promoted", "RolledBack"] = Field(
        description="WentOn, Paused, Promoted, RolledBack."
    )
    revision: str = Field(description="Name of the revision.", max_length=32)
    version: str = Field("", description="Name of its ModelVersion.", max_length=253)
    reason: str = Field("", description="Why, in one word.", max_length=64)
    message: Text = Field("", description="Why, in a sentence.")
    weight: int | None = Field(
        None, description="Its share of the traffic by then, in percent; absent before it had one."
    )
    requests: int = Field(0, description="Its requests that were judged by then.")
    time: Time = Field(description="When.")
    metrics: list[MeasuredMetric] = Field(
        [], description="What was measured by then.", max_length=16
    )
