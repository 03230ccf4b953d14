"""The test of drift."""

from typing import Annotated, Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import rule

FeatureName = Annotated[str, Field(max_length=253)]


Effect = Literal[
    "PopulationStabilityIndex", "KolmogorovSmirnov", "JensenShannon", "Wasserstein", "ChiSquare"
]


_WITH_THRESHOLD = rule(
    "!has(self.effect) || self.effect == 'PopulationStabilityIndex' || has(self.threshold)",
    "what is usual is learned of the population stability index alone: another effect needs a "
    "threshold",
)


class DriftTest(ApiModel):
    """A limit of its own for some features."""

    model_config = {"json_schema_extra": {"x-kubernetes-validations": [_WITH_THRESHOLD]}}

    name: str = Field(description="Name, unique in the list.", min_length=1, max_length=63)
    threshold: float | None = Field(
        None,
        gt=0,
        le=1_000_000,
        description=(
            "Score from which these features have drifted, in place of what is learned of each "
            "(at first 0.1). Chance is ruled out all the same."
        ),
    )
    effect: Effect | None = Field(
        None,
        description=(
            "What their score is; by default the population stability index beyond what chance "
            "gives. Distances are of values that are not missing, as bins show them: of "
            "distribution functions (KolmogorovSmirnov), to the base of 2 (JensenShannon), over "
            "the reference's standard deviation (Wasserstein); ChiSquare is Pearson's statistic, "
            "which grows with the rows. KolmogorovSmirnov and Wasserstein are of numbers only."
        ),
    )
    features: list[FeatureName] = Field(
        [],
        description="Features that are tested so; by default all that no earlier test names.",
        max_length=512,
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
