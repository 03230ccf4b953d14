"""What must hold while a new version takes traffic."""

from typing import Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.deployment.analysis.metric import KINDS, AnalysisMetric
from perennial.api.deployment.analysis.rate import MaximumIncrease, RateLimit
from perennial.api.values import Duration, one_of, within


class NoAnalysis(ApiModel):
    """Nothing is measured."""


class Analysis(ApiModel):
    """What must hold while the canary takes traffic: it is looked at every two seconds."""

    none: NoAnalysis | None = Field(
        None, description="Measure nothing: a canary goes on when its pauses are over."
    )
    alpha: float = Field(
        0.01,
        gt=0,
        le=0.5,
        description=(
            "Chance that a canary as good as it ought to be is rolled back, over a whole rollout "
            "and all metrics."
        ),
    )
    planned: int = Field(
        500,
        ge=1,
        le=1_000_000_000,
        description=(
            "Requests of the canary (labels or rewards, where a metric is of these) after which it "
            "is enough that nothing speaks against it; more find smaller faults."
        ),
    )
    wait_at_most: Duration = Field(
        "1h",
        description="Longest wait for a verdict after a pause is over.",
        json_schema_extra=within("1s", "8760h"),
    )
    undecided: Literal["Pause", "Promote"] = Field(
        "Pause",
        description=(
            "What happens then. Pause: a person decides. Promote: the canary goes on unless "
            "something speaks against it, for models with little traffic."
        ),
    )
    metrics: list[AnalysisMetric] | None = Field(
        None,
        description=(
            "What is measured; by default errors and refusals, each at most one point above "
            "stable's."
        ),
        min_length=1,
        max_length=16,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "x-item-validations": [one_of(*KINDS)],
        },
    )

    @property
    def judged(self) -> tuple[AnalysisMetric, ...]:
        """What is measured, by default the operator's own choice."""
        if self.none is not None:
            return ()
        return DEFAULT_METRICS if self.metrics is None else tuple(self.metrics)

    @property
    def counted(self) -> tuple[AnalysisMetric, ...]:
        """What our own pods count."""
        return tuple(asked for asked in self.judged if asked.outside is None)


DEFAULT_METRICS = (
    AnalysisMetric(name="errors", error_rate=RateLimit(against_stable=MaximumIncrease())),
    AnalysisMetric(name="refusals", refusal_rate=RateLimit(against_stable=MaximumIncrease())),
)
