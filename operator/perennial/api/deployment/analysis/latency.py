"""The answer time."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import Duration, within


class SameAsStable(ApiModel):
    """The shares of slow answers beside stable's, beyond its median, p90 and p99."""


class LatencyLimit(ApiModel):
    """The canary's answer time: exactly one of maximum, againstStable."""

    quantile: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Quantile that the maximum is about; by default 0.99, the slowest 1 %.",
    )
    maximum: Duration | None = Field(
        None,
        description="Longest time that is allowed, for example 250ms; pods count up to 10s.",
        json_schema_extra=within("1ms", "10s"),
    )
    against_stable: SameAsStable | None = Field(
        None, description="No more slow answers than stable gives at the same time."
    )
