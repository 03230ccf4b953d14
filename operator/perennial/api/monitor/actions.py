"""What is done about drift."""

from typing import Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import Duration, plain_url, within


class RetrainAction(ApiModel):
    """Ask the ModelTraining for a run on the newest data."""

    cooldown: Duration = Field("6h", description="Shortest time between two retrainings.")
    daily_limit: int = Field(4, ge=1, le=100, description="Most retrainings in 24 hours.")


class RollbackAction(ApiModel):
    """Ask the ModelDeployment to go back to what served before."""

    within: Duration = Field(
        "24h",
        description=(
            "How soon after a version took over it must have begun, to be the rollout's doing; "
            "with labels that come late it is seen later."
        ),
        json_schema_extra=within("1s"),
    )
    cooldown: Duration = Field("6h", description="Shortest time between two rollbacks.")
    daily_limit: int = Field(2, ge=1, le=100, description="Most rollbacks in 24 hours.")


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
    daily_limit: int | None = Field(
        None, ge=1, le=100, description="Most notifications in 24 hours; any number by default."
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
    rollback: RollbackAction | None = Field(
        None,
        description=(
            "Ask the ModelDeployment to go back to what served before, where predictions drift or "
            "performance is broken since a version took over, and were not before; it goes before "
            "retrain, and is done once for a revision."
        ),
    )
    notify: NotifyAction | None = Field(
        None,
        description="Tell a URL by a CloudEvent.",
        json_schema_extra={"x-kubernetes-validations": [plain_url("url")]},
    )
