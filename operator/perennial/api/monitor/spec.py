"""What is watched, by which tests."""

from pydantic import Field

from perennial.api.common import ApiModel, LocalRef
from perennial.api.monitor.actions import Actions
from perennial.api.monitor.behaviour import BEHAVIOUR, Behaviour
from perennial.api.monitor.drift import DriftTest
from perennial.api.monitor.performance import SOMETHING, Performance
from perennial.api.monitor.quality import Quality
from perennial.api.monitor.reference import REFERENCE, Reference
from perennial.api.monitor.report import Report
from perennial.api.values import Duration, Json, rule, within

LOG_NEEDS_REPORT: Json = {
    "x-kubernetes-validations": [
        rule(
            "!has(self.performance) || !has(self.performance.from) || "
            "self.performance.from != 'Log' || has(self.report)",
            "performance.from: Log is read by the report's Job: give spec.report, too",
        )
    ]
}


class MonitorSpec(ApiModel):
    """Which traffic is watched, by which tests, and what is done about drift."""

    model_config = {"json_schema_extra": LOG_NEEDS_REPORT}

    deployment_ref: LocalRef = Field(description="The ModelDeployment that is watched.")
    reference: Reference | None = Field(
        None,
        description=(
            "What the traffic is compared with; by default all rows that the version was learned "
            "from."
        ),
        json_schema_extra=REFERENCE,
    )
    window: Duration = Field(
        "1h",
        description="How far back requests count; the pods keep one day.",
        json_schema_extra=within("10s", "24h"),
    )
    interval: Duration = Field(
        "5m", description="Time between two evaluations.", json_schema_extra=within("1s")
    )
    minimum_samples: int = Field(
        500,
        ge=1,
        le=10_000_000,
        description=(
            "Rows that a verdict needs; fewer give Unknown. Of a feature with fewer than 50 values "
            "only the missing ones are compared."
        ),
    )
    alpha: float = Field(
        0.0005,
        gt=0,
        le=0.5,
        description=(
            "Chance of any false alarm within the length of a window, over all that is tested: in "
            "equal parts for the values of all features, refused requests, mixes, performance and "
            "its estimate, as far as each is asked for."
        ),
    )
    minimum_effect: float = Field(
        0.02,
        ge=0,
        le=1,
        description=(
            "Smallest score that matters, once a feature's usual scores are known: 0.02 is a shift "
            "of the mean by 0.14 standard deviations, 0.1 by 0.32."
        ),
    )
    tests: list[DriftTest] = Field(
        [],
        description=(
            "Limits of their own for some features; without any, all features and predictions are "
            "tested against what is usual of each."
        ),
        max_length=16,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    )
    quality: Quality = Field(Quality(), description="Limits on the quality of the values.")
    performance: Performance | None = Field(
        None,
        description=(
            "Limits on what becomes known of predictions; the ModelDeployment needs "
            "spec.serving.receipts, or a request log."
        ),
        json_schema_extra=SOMETHING,
    )
    behaviour: Behaviour | None = Field(
        None,
        description="How the model is used, beside what is usual at that time of the week.",
        json_schema_extra=BEHAVIOUR,
    )
    report: Report | None = Field(
        None,
        description=(
            "Reports from the request log, by a Job of the trainer's image; the ModelDeployment "
            "needs spec.serving.requestLog."
        ),
    )
    consecutive_breaches: int = Field(
        1,
        ge=1,
        le=100,
        description=(
            "Evaluations in a row that must find drift before an action; one rules out chance."
        ),
    )
    actions: Actions = Field(Actions(), description="What is done about drift.")
