"""DriftMonitor: watches the live traffic of a ModelDeployment."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from perennial.api.base import (
    AGE,
    ApiModel,
    Column,
    Conditions,
    Duration,
    Kind,
    LocalRef,
    Text,
    Time,
    within,
)

Method = Literal["PSI", "KolmogorovSmirnov"]
FeatureName = Annotated[str, Field(max_length=253)]


class DriftTest(ApiModel):
    """One statistical test, run on each feature."""

    name: str = Field(description="Name, unique in the list.", min_length=1, max_length=63)
    method: Method = Field(
        description=(
            "PSI: population stability index over the profile's bins. KolmogorovSmirnov: largest "
            "distance between the two distribution functions at the profile's bin edges "
            "(numeric features only)."
        )
    )
    threshold: float = Field(
        gt=0, le=100, description="A score above this is drift (PSI: 0.2 is customary)."
    )
    features: list[FeatureName] = Field(
        [],
        description="Features that are tested; by default all of them and the predictions.",
        max_length=512,
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )


class QualityLimit(ApiModel):
    """A limit on a share of the values."""

    maximum_fraction: float = Field(ge=0, le=1, description="Highest share that is allowed.")


class Quality(ApiModel):
    """Limits on the quality of the requests' values."""

    missing: QualityLimit | None = Field(
        None, description="Values that are absent, beyond their share in the reference."
    )
    out_of_range: QualityLimit | None = Field(
        None, description="Numbers outside the reference's minimum and maximum."
    )
    unseen_category: QualityLimit | None = Field(
        None, description="Categories that the reference never had."
    )


class RetrainAction(ApiModel):
    """Ask the ModelTraining for a run on the newest data."""

    cooldown: Duration = Field("6h", description="Shortest time between two retrainings.")
    daily_limit: int = Field(4, ge=1, le=100, description="Most retrainings in 24 hours.")


class Actions(ApiModel):
    """What is done about drift."""

    retrain: RetrainAction | None = Field(
        None,
        description=(
            "Ask the ModelTraining that the ModelDeployment follows for a run on the newest data."
        ),
    )


class MonitorSpec(ApiModel):
    """Which traffic is watched, by which tests, and what is done about drift."""

    deployment_ref: LocalRef = Field(description="The ModelDeployment that is watched.")
    window: Duration = Field(
        "1h",
        description="How far back requests count; the pods keep one day.",
        json_schema_extra=within("10s", "24h"),
    )
    interval: Duration = Field(
        "5m", description="Time between two evaluations.", json_schema_extra=within("1s")
    )
    minimum_samples: int = Field(
        500, ge=1, le=10_000_000, description="Rows that a verdict needs; fewer give Unknown."
    )
    tests: list[DriftTest] = Field(
        [DriftTest(name="psi", method="PSI", threshold=0.2)],
        description="The tests; any feature over any threshold is drift.",
        min_length=1,
        max_length=16,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    )
    quality: Quality = Field(Quality(), description="Limits on the quality of the values.")
    consecutive_breaches: int = Field(
        3, ge=1, le=100, description="Evaluations in a row that must find drift before an action."
    )
    actions: Actions = Field(Actions(), description="What is done about drift.")


class FeatureScore(ApiModel):
    """A feature's score in one test."""

    feature: str = Field(description="Name of the feature.", max_length=253)
    test: str = Field(description="Name of the test.", max_length=63)
    method: str = Field(description="Method of the test.", max_length=32)
    score: float = Field(description="The score.")
    threshold: float = Field(description="The test's threshold.")


class QualityBreach(ApiModel):
    """A feature whose values break a quality limit."""

    feature: str = Field(description="Name of the feature.", max_length=253)
    check: Literal["Missing", "OutOfRange", "UnseenCategory"] = Field(description="The check.")
    fraction: float = Field(description="Share of the values.")
    maximum: float = Field(description="Highest share that is allowed.")


class WindowStatus(ApiModel):
    """The requests that the newest verdict is about."""

    start: Time | None = Field(None, description="Oldest request.")
    end: Time | None = Field(None, description="Newest request.")
    samples: int = Field(0, description="Rows.")
    pods: int = Field(0, description="Pods that were asked and answered.")


class ReferenceStatus(ApiModel):
    """What the traffic is compared with."""

    version: str = Field("", description="Name of the ModelVersion.", max_length=253)
    revision: str = Field("", description="Revision whose pods are read.", max_length=32)
    since: Time | None = Field(
        None, description="When this revision became the one that is watched."
    )


class LastAction(ApiModel):
    """What was last done about drift."""

    type: Literal["Retrain"] = Field(description="What was done.")
    time: Time = Field(description="When.")
    message: Text = Field("", description="Why, in a sentence.")
    version: str = Field("", description="Version that drifted.", max_length=253)
    run: int | None = Field(
        None, description="Number of the ModelTraining's run that came of it; absent until then."
    )
    outcome: str = Field("", description="How that run ended; empty until then.", max_length=32)


class Evaluation(ApiModel):
    """One evaluation, kept for the record."""

    time: Time = Field(description="When.")
    samples: int = Field(description="Rows.")
    worst_score: float | None = Field(None, description="Highest score over threshold.")
    drifted: Literal["True", "False", "Unknown"] = Field(description="The verdict.")


class MonitorStatus(ApiModel):
    """The newest verdict, and what was done about it."""

    observed_generation: int = Field(-1, description="Generation that the status is about.")
    conditions: Conditions = []
    reference: ReferenceStatus | None = Field(
        None, description="What the traffic is compared with."
    )
    window: WindowStatus | None = Field(None, description="The requests behind the verdict.")
    checked_time: Time | None = Field(None, description="When the newest evaluation was.")
    worst: list[FeatureScore] = Field([], description="The highest scores.", max_length=10)
    quality: list[QualityBreach] = Field([], description="Broken quality limits.", max_length=10)
    consecutive_breaches: int = Field(0, description="Evaluations in a row that found drift.")
    last_action: LastAction | None = Field(None, description="What was last done about drift.")
    action_times: list[Time] = Field(
        [], description="Actions of the last 24 hours.", max_length=100
    )
    retrainings: int = Field(0, description="How often a retraining was asked for.")
    fruitless: int = Field(
        0, description="Runs that came of it and ended, since the traffic last was as learned."
    )
    history: list[Evaluation] = Field([], description="The last evaluations.", max_length=20)


class DriftMonitor(Kind):
    """Watches the live traffic of a ModelDeployment and asks for retraining when it drifts."""

    PLURAL: ClassVar[str] = "driftmonitors"
    SHORT: ClassVar[str] = "dm"
    SELECTABLE: ClassVar[tuple[str, ...]] = (".spec.deploymentRef.name",)
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Drifted", json_path='.status.conditions[?(@.type=="Drifted")].status'),
        Column(name="Worst", json_path=".status.worst[0].feature"),
        Column(name="Score", json_path=".status.worst[0].score", type="number"),
        Column(name="Samples", json_path=".status.window.samples", type="integer"),
        Column(name="Checked", json_path=".status.checkedTime", type="date"),
        Column(name="Reason", json_path='.status.conditions[?(@.type=="Drifted")].reason'),
        AGE,
        Column(
            name="Message", json_path='.status.conditions[?(@.type=="Drifted")].message', priority=1
        ),
    )

    spec: MonitorSpec = Field(
        description="Which traffic is watched, by which tests, and what is done about drift."
    )
    status: MonitorStatus = Field(
        MonitorStatus(), description="The newest verdict, and what was done about it."
    )
