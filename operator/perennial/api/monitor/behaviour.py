"""How the model is used: how many requests come, and what they are made of."""

from typing import Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.monitor.mix import SOMETHING_MIXED, Mix
from perennial.api.values import Json, Time, rule

HOURS_KEPT = 4 * 7 * 24 + 1
"""Four weeks, and an hour for summer time."""
RESIDUALS_KEPT = 2 * 7 * 24


class Volume(ApiModel):
    """Requests an hour beside the same hour of the weeks before; three weeks are needed."""

    spreads: float = Field(
        4,
        ge=2,
        le=20,
        description=(
            "How far from what is usual is unusual, in standard deviations; at 4 hardly any hour "
            "of steady traffic is."
        ),
    )
    time_zone: str = Field(
        "Etc/UTC",
        description=(
            "IANA time zone that the callers live by: what is usual at an hour moves with its "
            "summer time."
        ),
        min_length=1,
        max_length=64,
    )


class Behaviour(ApiModel):
    """How the model is used, whatever it is asked."""

    volume: Volume | None = Field(None, description="How many requests come in an hour.")
    mix: Mix | None = Field(
        None,
        description="What the requests are made of.",
        json_schema_extra=SOMETHING_MIXED,
    )


BEHAVIOUR: Json = {
    "x-kubernetes-validations": [
        rule("has(self.volume) || has(self.mix)", "give volume, mix or both")
    ]
}


class BehaviourStatus(ApiModel):
    """How many requests came, hour by hour."""

    counted_until: Time | None = Field(
        None, description="All requests before that are in these numbers, and none after."
    )
    current_requests: int = Field(0, description="Requests of the hour that is not over.")
    current_seconds: int = Field(0, description="Seconds of it that were counted.")
    last_hour: Time | None = Field(None, description="The newest hour that is over.")
    requests: int | None = Field(
        None, description="Requests in it; absent where not all of it was counted."
    )
    low: float | None = Field(None, description="Fewer would be unusual.")
    high: float | None = Field(None, description="More would be unusual.")
    verdict: Literal["Usual", "Unusual", "Unknown"] = Field(
        "Unknown", description="Unknown: the hour, or the weeks before, were not counted."
    )
    hours: list[int] = Field(
        [],
        description="Requests of the hours up to the last; -1 where they were not counted.",
        max_length=HOURS_KEPT,
    )
    residuals: list[float] = Field(
        [],
        description="How far those of two weeks were from the same hour of weeks before, in logs.",
        max_length=RESIDUALS_KEPT,
    )
