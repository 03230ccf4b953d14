"""What is done about drift."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import Duration


class RetrainAction(ApiModel):
    """Ask the ModelTraining for a run on the newest data."""

    cooldown: Duration = Field("6h", description="Shortest time between two retrainings.")
    daily_limit: int = Field(4, ge=1, le=100, description="Most retrainings in 24 hours.")


class Actions(ApiModel):
    """What is done about drift."""

    retrain: RetrainAction | None = Field(
        None,
        description=(
            "Ask the ModelTraining that the ModelDeployment follows for a run on the newest data."
        ),
    )
