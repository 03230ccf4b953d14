"""How well the model still predicts, and what is known for the next look."""

from typing import Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import Text, Time

COHORTS_KEPT = 96
DELAYS_KEPT = 17


class PerformanceMetricStatus(ApiModel):
    """What is known of one metric."""

    name: str = Field(description="Its name in the spec.", max_length=63)
    verdict: Literal["Kept", "Broken", "Undecided", "Unknown"] = Field(
        "Unknown",
        description=(
            "Kept: the value is within the limit. Broken: it is beyond, and that is no chance. "
            "Undecided: beyond, and it may be chance. Unknown: too little is known, or nothing."
        ),
    )
    message: Text = Field("", description="The same in a sentence.")
    value: float | None = Field(None, description="Measured, over the window.")
    low: float | None = Field(None, description="Lowest that it may truly be (95 % sure).")
    high: float | None = Field(None, description="Highest that it may truly be.")
    p: float | None = Field(None, description="Chance of it where the limit is kept.")
    rows: float = Field(0, description="Labels, rewards or predictions behind it.")


class Cohort(ApiModel):
    """Predictions of one time, and what became known of them."""

    start: Time = Field(description="Its beginning; it lasts until the next one's.")
    given: int = Field(0, description="Predictions.")
    labels: int = Field(0, description="Labels that have come.")
    rewards: int = Field(0, description="Rewards that have come.")
    counts: list[float] = Field(
        [], description="Three numbers a metric, in the spec's order.", max_length=24
    )


class Delay(ApiModel):
    """How late labels of one name come; rewards and numbers have none."""

    label: str = Field("", description="The label.", max_length=253)
    counts: list[float] = Field(
        [],
        description="How many by age: up to 1 minute, 10, 1 hour, 6, 24; none from the Log.",
        max_length=8,
    )
    labels: int | None = Field(None, description="How many it is learned from, from the Log.")
    half_seconds: int | None = Field(None, description="Within this half of them come.")
    most_seconds: int | None = Field(None, description="Within this 95 % of them come.")


class SliceStatus(ApiModel):
    """What a metric is where a feature has a value, and over all predictions."""

    feature: str = Field(description="Name of the feature.", max_length=253)
    value: str = Field(description="Its value, or between which numbers it is.", max_length=253)
    metric: str = Field(description="Name of the metric.", max_length=63)
    score: float = Field(description="The metric where the feature has this value.")
    overall: float = Field(description="The metric over all predictions.")
    rows: float = Field(description="Labels or rewards of this value.")
    p: float = Field(
        description="Chance that any value of any slice looks so bad while all are alike."
    )
    message: Text = Field("", description="The same in a sentence.")


class PerformanceStatus(ApiModel):
    """How well the model still predicts."""

    key: str = Field("", description="Hash of what is asked.", max_length=16)
    version: str = Field("", description="SHA-256 of the version's manifest.", max_length=64)
    since: Time | None = Field(None, description="Predictions from here on are known.")
    judged_until: Time | None = Field(
        None, description="All that came before is in these numbers, and nothing after."
    )
    maturity_seconds: int | None = Field(
        None, description="Age at which labels are known; absent while that is not."
    )
    coverage: float | None = Field(
        None, description="Share of the labels that are due that have come."
    )
    metrics: list[PerformanceMetricStatus] = Field(
        [], description="What is known of each metric.", max_length=8
    )
    cohorts: list[Cohort] = Field(
        [], description="Predictions by time, the newest last.", max_length=COHORTS_KEPT
    )
    past: list[float] = Field(
        [],
        description="Predictions, labels and rewards before the cohorts, the older the less.",
        max_length=4,
    )
    delays: list[Delay] = Field([], description="How late labels come.", max_length=DELAYS_KEPT)
    delays_since: Time | None = Field(None, description="Since when that is learned.")
    lacks: list[Text] = Field(
        [],
        description="What the Log lacks for each metric, in the spec's order; empty: nothing.",
        max_length=8,
    )
    slices: list[SliceStatus] = Field(
        [], description="Values of features with the worst metrics.", max_length=10
    )
