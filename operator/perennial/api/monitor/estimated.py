"""Performance before labels come."""

from typing import Literal

from pydantic import Field

from perennial.api.common import ApiModel


class EstimatedPerformance(ApiModel):
    """What a change of the inputs does to the model, by how often each score was right before.

    It cannot see that the same inputs mean something else now.
    """

    metric: Literal["accuracy", "precision", "recall", "f1", "roc_auc"] = Field(
        "roc_auc", description="What is estimated, of a model of two classes."
    )
    maximum_decrease: float = Field(
        0.05, gt=0, le=1, description="By how much it may be below that of the held-out rows."
    )


class EstimatedStatus(ApiModel):
    """What is estimated of the newest window."""

    metric: str = Field("", description="What is estimated.", max_length=16)
    value: float | None = Field(None, description="The estimate.")
    standard_error: float | None = Field(None, description="Its standard error.")
    reference: float | None = Field(None, description="The same of the held-out rows.")
    rows: int = Field(0, description="Predictions behind it.")
