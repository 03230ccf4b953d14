"""One metric that is judged."""

from typing import Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.deployment.analysis.disagreement import DisagreementLimit
from perennial.api.deployment.analysis.labels import (
    ONE_FLOOR,
    HighestShareOfClass,
    LowestShare,
    LowestShareOfClass,
)
from perennial.api.deployment.analysis.latency import LatencyLimit
from perennial.api.deployment.analysis.means import HighestLoss, LowestReward
from perennial.api.deployment.analysis.outside import (
    PROMETHEUS_RULES,
    WEB_RULES,
    PrometheusLimit,
    WebLimit,
)
from perennial.api.deployment.analysis.rate import ONE_LIMIT, RateLimit
from perennial.api.deployment.analysis.shift import ShiftLimit
from perennial.api.values import Duration, Json, rule, within

KINDS = (
    "errorRate",
    "refusalRate",
    "latency",
    "accuracy",
    "recall",
    "precision",
    "falsePositiveRate",
    "logLoss",
    "rmse",
    "meanReward",
    "predictionShift",
    "disagreement",
    "prometheus",
    "web",
)
"""What a metric may be: exactly one of these is given."""
OF_OUTCOMES = (
    "accuracy",
    "recall",
    "precision",
    "falsePositiveRate",
    "logLoss",
    "rmse",
    "meanReward",
    "predictionShift",
)
"""Those that are counted by receipts: of predictions, and of the feedback that quotes one."""
CEILING: Json = {"x-kubernetes-validations": [ONE_LIMIT]}
FLOOR: Json = {"x-kubernetes-validations": [ONE_FLOOR]}


class AnalysisMetric(ApiModel):
    """A metric that is judged during the canary: exactly one kind of it is given."""

    name: str = Field(description="Name, unique in the list.", min_length=1, max_length=63)
    error_rate: RateLimit | None = Field(
        None, description="Share of answers that are 5xx.", json_schema_extra=CEILING
    )
    refusal_rate: RateLimit | None = Field(
        None, description="Share of answers that are 4xx.", json_schema_extra=CEILING
    )
    latency: LatencyLimit | None = Field(
        None,
        description="The answer time.",
        json_schema_extra={
            "x-kubernetes-validations": [
                ONE_LIMIT,
                rule(
                    "!has(self.quantile) || has(self.maximum)",
                    "a quantile belongs to a maximum; againstStable has its own",
                ),
            ]
        },
    )
    accuracy: LowestShare | None = Field(
        None,
        description="Share of the labels that were predicted; needs serving.receipts.",
        json_schema_extra=FLOOR,
    )
    recall: LowestShareOfClass | None = Field(
        None,
        description="Share of a class' labels that were predicted; needs serving.receipts.",
        json_schema_extra=FLOOR,
    )
    precision: LowestShareOfClass | None = Field(
        None,
        description="Share of a class' predictions that were right; needs serving.receipts.",
        json_schema_extra=FLOOR,
    )
    false_positive_rate: HighestShareOfClass | None = Field(
        None,
        description=(
            "Share of the other labels for which the class was predicted; needs serving.receipts."
        ),
        json_schema_extra=CEILING,
    )
    log_loss: HighestLoss | None = Field(
        None,
        description=(
            "Mean of -log of the probability that a model of two classes gave the label; needs "
            "serving.receipts."
        ),
        json_schema_extra=CEILING,
    )
    rmse: HighestLoss | None = Field(
        None,
        description=(
            "Root of the mean square of prediction less label, of a model that predicts numbers; "
            "needs serving.receipts."
        ),
        json_schema_extra=CEILING,
    )
    mean_reward: LowestReward | None = Field(
        None,
        description="Mean of the rewards that feedback tells; needs serving.receipts.",
        json_schema_extra=FLOOR,
    )
    prediction_shift: ShiftLimit | None = Field(
        None,
        description=(
            "How far the distribution of the canary's predictions is from stable's at the same "
            "time; needs serving.receipts."
        ),
    )
    prometheus: PrometheusLimit | None = Field(
        None,
        description="A number that a query of Prometheus gives.",
        json_schema_extra={"x-kubernetes-validations": PROMETHEUS_RULES},
    )
    web: WebLimit | None = Field(
        None,
        description="A number that a URL answers with, as JSON.",
        json_schema_extra={"x-kubernetes-validations": WEB_RULES},
    )
    disagreement: DisagreementLimit | None = Field(
        None,
        description=(
            "How many requests a shadow answers differently from stable; needs serving.pairs."
        ),
    )
    warm_up: Duration | None = Field(
        None,
        description="Time from the canary's first answer in which its answers do not count.",
        json_schema_extra=within("1ms", "24h"),
    )
    mode: Literal["Enforce", "Observe"] = Field(
        "Enforce", description="Observe: measured and told, without a vote."
    )

    @property
    def counts_requests(self) -> bool:
        """Tell whether it is of requests, rather than of labels, rewards or numbers of others."""
        return bool(self.error_rate or self.refusal_rate or self.latency)

    @property
    def outside(self) -> PrometheusLimit | WebLimit | None:
        """What is asked of others, None where our own pods count."""
        return self.prometheus or self.web
