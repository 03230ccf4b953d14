"""Limits on what becomes known of predictions, and on how many of them are alerts."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.monitor.drift import FeatureName
from perennial.api.monitor.estimated import EstimatedPerformance
from perennial.api.values import Duration, Json, bound, one_of, rule, within
from perennial_artifact.report import MetricKind

LARGEST = 1e15
KINDS = get_args(MetricKind)
"""What a metric may be: exactly one of these is given."""
ClassName = Annotated[str, Field(min_length=1, max_length=253)]
POSITIVE = (
    "The class that it is about, as labels name it; by default the second of two. It is needed "
    "where a model has more."
)


class LowestShare(ApiModel):
    """A share that should be high."""

    minimum: float = Field(ge=0, le=1, description="Lowest share that is allowed.")


class LowestShareOfClass(LowestShare):
    """The same of one class."""

    positive_class: ClassName | None = Field(None, description=POSITIVE)


class HighestShareOfClass(ApiModel):
    """A share of one class that should be low."""

    maximum: float = Field(ge=0, le=1, description="Highest share that is allowed.")
    positive_class: ClassName | None = Field(None, description=POSITIVE)


class HighestLoss(ApiModel):
    """A loss that should be low."""

    maximum: float = Field(ge=0, le=LARGEST, description="Highest loss that is allowed.")


class LowestReward(ApiModel):
    """A mean reward that should be high."""

    minimum: float = Field(ge=-LARGEST, le=LARGEST, description="Lowest mean that is allowed.")


class AlertRate(ApiModel):
    """How many predictions are alerts: known at once, without labels."""

    minimum: float | None = Field(None, ge=0, le=1, description="Lowest share that is usual.")
    maximum: float | None = Field(None, ge=0, le=1, description="Highest share that is usual.")
    threshold: float | None = Field(
        None,
        gt=0,
        lt=1,
        description=(
            "Probability of the second of two classes from which a prediction is an alert; by "
            "default 0.5. It is rounded to a quarter of log odds, as probabilities are counted."
        ),
    )
    positive_class: ClassName | None = Field(None, description=POSITIVE)


ALERTS: Json = {
    "x-kubernetes-validations": [
        rule("has(self.minimum) || has(self.maximum)", "give minimum, maximum or both"),
        rule(
            "!has(self.minimum) || !has(self.maximum) || self.minimum < self.maximum",
            "minimum must be below maximum",
        ),
        rule(
            "!has(self.threshold) || !has(self.positiveClass)",
            "threshold is about the second of two classes: give it or positiveClass",
        ),
    ]
}


class PerformanceMetric(ApiModel):
    """A metric with its limit: exactly one kind of it is given."""

    name: str = Field(description="Name, unique in the list.", min_length=1, max_length=63)
    accuracy: LowestShare | None = Field(
        None, description="Share of the labels that were predicted."
    )
    recall: LowestShareOfClass | None = Field(
        None, description="Share of a class' labels that were predicted."
    )
    precision: LowestShareOfClass | None = Field(
        None, description="Share of a class' predictions that were right."
    )
    false_positive_rate: HighestShareOfClass | None = Field(
        None, description="Share of the other labels for which the class was predicted."
    )
    log_loss: HighestLoss | None = Field(
        None,
        description="Mean of -log of the probability that a model of two classes gave the label.",
    )
    rmse: HighestLoss | None = Field(
        None,
        description="Root of the mean square of prediction less label, of a model of numbers.",
    )
    mean_reward: LowestReward | None = Field(
        None, description="Mean of the rewards that feedback tells."
    )
    alert_rate: AlertRate | None = Field(
        None,
        description="Share of the predictions that are alerts, of a model with classes.",
        json_schema_extra=ALERTS,
    )


class Performance(ApiModel):
    """How well the model still predicts; the ModelDeployment needs spec.serving.receipts."""

    source: Literal["Windows", "Log"] | None = Field(
        None,
        alias="from",
        description=(
            "Windows, the default: pods count what becomes known within a day of a prediction, and "
            "the ModelDeployment needs spec.serving.receipts. Log: the report's Job reads the "
            "request log, for labels that come later; that needs spec.report, and the "
            "ModelDeployment's spec.serving.requestLog."
        ),
    )
    window: Duration = Field(
        "24h",
        description=(
            "How far back predictions count, once their labels have come; at least 10m, and from "
            "the Log at least 1s."
        ),
        json_schema_extra=within("1s", "2160h"),
    )
    maturity: Duration | None = Field(
        None,
        description=(
            "Age of a prediction from which its label is expected to be known; by default it is "
            "learned how late labels come. At most 24h, and from the Log 2160h."
        ),
        json_schema_extra=within("1s", "2160h"),
    )
    metrics: list[PerformanceMetric] = Field(
        [],
        description="What is held against a limit.",
        max_length=8,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "x-item-validations": [one_of(*KINDS)],
        },
    )
    slices: list[FeatureName] = Field(
        [],
        description=(
            "Features by whose values the metrics are told apart, from the Log: the worst values "
            "stand in the status, with how they compare with all."
        ),
        max_length=4,
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    estimated: EstimatedPerformance | None = Field(
        None, description="What scores tell of it before labels come."
    )

    @property
    def is_from_log(self) -> bool:
        """Tell whether a Job reads the request log, and pods are not asked."""
        return self.source == "Log"


_FROM_LOG = "(has(self.from) && self.from == 'Log')"
SOMETHING: Json = {
    "x-kubernetes-validations": [
        bound(
            "window",
            ">= duration('10m')",
            "window must be at least 10m, as pods count by the minute; from: Log reads any",
            unless=_FROM_LOG,
        ),
        bound(
            "window",
            "<= duration('720h')",
            "window must be at most 720h where pods count; from: Log reads longer ones",
            unless=_FROM_LOG,
        ),
        bound(
            "maturity",
            ">= duration('1m')",
            "maturity must be at least 1m, as pods count by the minute; from: Log reads any",
            unless=_FROM_LOG,
        ),
        bound(
            "maturity",
            "<= duration('24h')",
            "maturity must be at most 24h, as pods keep a day; from: Log reads longer ones",
            unless=_FROM_LOG,
        ),
        rule(
            f"!has(self.slices) || self.slices.size() == 0 || {_FROM_LOG}",
            "slices are read from the request log: set from to Log",
        ),
        rule(
            "has(self.estimated) || (has(self.metrics) && self.metrics.size() > 0)",
            "give metrics, estimated or both",
        ),
    ]
}
