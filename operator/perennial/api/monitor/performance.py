"""Limits on what becomes known of predictions, and on how many of them are alerts."""

from typing import Annotated

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.monitor.estimated import EstimatedPerformance
from perennial.api.values import Duration, Json, one_of, rule, within

LARGEST = 1e15
KINDS = (
    "accuracy",
    "recall",
    "precision",
    "falsePositiveRate",
    "logLoss",
    "rmse",
    "meanReward",
    "alertRate",
)
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

    window: Duration = Field(
        "24h",
        description="How far back predictions count, once their labels have come.",
        json_schema_extra=within("10m", "720h"),
    )
    maturity: Duration | None = Field(
        None,
        description=(
            "Age of a prediction from which its label is expected to be known; by default it is "
            "learned how late labels come."
        ),
        json_schema_extra=within("1m", "24h"),
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
    estimated: EstimatedPerformance | None = Field(
        None, description="What scores tell of it before labels come."
    )


SOMETHING: Json = {
    "x-kubernetes-validations": [
        rule(
            "has(self.estimated) || (has(self.metrics) && self.metrics.size() > 0)",
            "give metrics, estimated or both",
        )
    ]
}
