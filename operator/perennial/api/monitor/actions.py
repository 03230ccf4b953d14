"""What is done about drift."""

from typing import Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import Duration, plain_url, within


class RetrainAction(ApiModel):
    """Ask the ModelTraining for a run on the newest data."""

    cooldown: Duration = Field("6h", description="Shortest time between two retrainings.")
    daily_limit: int = Field(4, ge=1, le=100, description="Most retrainings in 24 hours.")


class NotifyAction(ApiModel):
    """Tell a URL by a CloudEvent."""

    url: str = Field(
        description=(
            "Where the CloudEvent is sent, by POST; the chart's allowedUrls must allow it."
        ),
        min_length=8,
        max_length=1024,
    )
    cooldown: Duration = Field(
        "6h",
        description="Shortest time between two notifications.",
        json_schema_extra=within("1m", "720h"),
    )


class Actions(ApiModel):
    """What is done about drift."""

    mode: Literal["Enforce", "Observe"] = Field(
        "Enforce", description="Observe: what would be done is told, and nothing is done."
    )
    retrain: RetrainAction | None = Field(
        None,
        description=(
            "Ask the ModelTraining that the ModelDeployment follows for a run on the newest data."
        ),
    )
    notify: NotifyAction | None = Field(
        None,
        description="Tell a URL by a CloudEvent.",
        json_schema_extra={"x-kubernetes-validations": [plain_url("url")]},
    )
