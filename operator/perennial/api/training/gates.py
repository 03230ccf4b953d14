"""What a candidate must prove."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import Name, ScorerName


class AgainstChampion(ApiModel):
    """A comparison with the champion on the same held-out rows."""

    maximum_decrease: float = Field(
        0.0,
        ge=0,
        description="How much worse than the champion it may be, in units of the metric.",
    )


class Gate(ApiModel):
    """A limit that a candidate must pass; exactly one of minimum, maximum, againstChampion."""

    name: Name = Field(description="Name of the gate, unique in the list.")
    metric: ScorerName = Field(description="A scikit-learn scorer's name, such as roc_auc.")
    minimum: float | None = Field(None, description="The metric must not be below.")
    maximum: float | None = Field(None, description="The metric must not be above.")
    against_champion: AgainstChampion | None = Field(
        None,
        description=(
            "The metric must not be worse than the champion's on the same rows; or, where live "
            "traffic had the champion rolled back, than that of the version that serves instead."
        ),
    )


class Objective(ApiModel):
    """What the candidates are ranked by."""

    metric: ScorerName = Field(
        description=(
            "A scikit-learn scorer's name, such as roc_auc or neg_mean_absolute_error; greater is "
            "better for every scorer."
        )
    )
