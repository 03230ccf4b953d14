"""Limits on the quality of the requests' values."""

from typing import Literal

from pydantic import Field

from perennial.api.common import ApiModel

MISSING_BEYOND_USUAL = 0.02
OUT_OF_RANGE = 0.01
UNSEEN_CATEGORY = 0.01
REFUSED = 0.01
DUPLICATES_BEYOND_USUAL = 0.1


class QualityLimit(ApiModel):
    """A limit on a share of the values."""

    maximum: float = Field(
        ge=0, le=1, description="Highest share that is allowed; 1 allows everything."
    )


class Quality(ApiModel):
    """Limits on the quality of the requests' values; a broken one is also beyond chance."""

    missing: QualityLimit = Field(
        QualityLimit(maximum=MISSING_BEYOND_USUAL),
        description="Values that are absent, beyond their share in the reference.",
    )
    out_of_range: QualityLimit = Field(
        QualityLimit(maximum=OUT_OF_RANGE),
        description="Numbers outside the reference's minimum and maximum.",
    )
    unseen_category: QualityLimit = Field(
        QualityLimit(maximum=UNSEEN_CATEGORY),
        description="Categories that the reference never had.",
    )
    constant: Literal["Enabled", "Disabled"] | None = Field(
        None,
        description=(
            "Enabled, the default: no feature that varied in the reference may have one value "
            "alone."
        ),
    )
    refused: QualityLimit | None = Field(
        None,
        description=(
            "Requests that are refused for an input that is missing, unknown or of another type; "
            "by default 0.01."
        ),
    )

    duplicates: QualityLimit | None = Field(
        None,
        description=(
            "Predictions whose features are all those of another one, beyond their share among as "
            "many rows of the reference; by default 0.1. Reports count them (report), where the "
            "request log has all features."
        ),
    )

    @property
    def duplicates_maximum(self) -> float:
        """Return the highest share, beyond what is usual, of predictions that repeat another."""
        return self.duplicates.maximum if self.duplicates is not None else DUPLICATES_BEYOND_USUAL

    @property
    def refused_maximum(self) -> float:
        """Return the highest share of requests that may be refused for their inputs."""
        return self.refused.maximum if self.refused is not None else REFUSED
