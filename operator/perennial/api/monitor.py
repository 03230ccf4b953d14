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

MISSING_BEYOND_USUAL = 0.02
OUT_OF_RANGE = 0.01
UNSEEN_CATEGORY = 0.01
USUAL_KEPT = 256
FeatureName = Annotated[str, Field(max_length=253)]


class DriftTest(ApiModel):
    """A limit of its own for some features."""

    name: str = Field(description="Name, unique in the list.", min_length=1, max_length=63)
    threshold: float | None = Field(
        None,
        gt=0,
        le=100,
        description=(
            "Score from which these features have drifted, in place of what is learned of each "
            "(at first 0.1). Chance is ruled out all the same."
        ),
    )
    features: list[FeatureName] = Field(
        [],
        description="Features that are tested so; by default all that no earlier test names.",
        max_length=512,
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )


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
        description="Chance of any false alarm within the length of a window, over all features.",
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
    consecutive_breaches: int = Field(
        1,
        ge=1,
        le=100,
        description=(
            "Evaluations in a row that must find drift before an action; one rules out chance."
        ),
    )
    actions: Actions = Field(Actions(), description="What is done about drift.")


class FeatureScore(ApiModel):
    """How far a feature is from its reference."""

    feature: str = Field(description="Name of the feature.", max_length=253)
    score: float = Field(
        description="Population stability index beyond what chance gives; 0 is like the reference."
    )
    need: float = Field(description="Score that drift needs.")
    p: float = Field(description="Chance of such a difference without drift.")


class QualityBreach(ApiModel):
    """A feature whose values break a quality limit."""

    feature: str = Field(description="Name of the feature.", max_length=253)
    check: Literal["Missing", "OutOfRange", "UnseenCategory"] = Field(description="The check.")
    fraction: float = Field(description="Share of the values.")
    maximum: float = Field(description="Highest share that is allowed.")
    p: float = Field(description="Chance of so many where nothing is wrong.")


class UsualScore(ApiModel):
    """How far a feature usually is from its reference."""

    feature: str = Field(description="Name of the feature.", max_length=253)
    usual: float = Field(description="Highest score of late while it was quiet.")
    peak: float | None = Field(None, description="Highest score of the drift that goes on.")


class WindowStatus(ApiModel):
    """The requests that the newest verdict is about."""

    start: Time | None = Field(None, description="Oldest request.")
    end: Time | None = Field(None, description="Newest request.")
    samples: int = Field(0, description="Rows.")
    pods: int = Field(0, description="Pods that answered.")
    asked: int = Field(0, description="Pods that were ready, and were asked.")


class ReferenceStatus(ApiModel):
    """What the traffic is compared with."""

    version: str = Field("", description="Name of the ModelVersion.", max_length=253)
    revision: str = Field("", description="Revision whose pods are read.", max_length=32)
    profile: str = Field("", description="SHA-256 of its profile.json.", max_length=64)
    since: Time | None = Field(None, description="Since when it is compared with this profile.")


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
    worst_score: float | None = Field(None, description="Score of the worst feature.")
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
    suspects: list[FeatureName] = Field(
        [], description="Features that may differ from the reference; no alarm.", max_length=10
    )
    usual: list[UsualScore] = Field(
        [],
        description="What is usual of features where it raises what drift needs.",
        max_length=USUAL_KEPT,
    )
    usual_time: Time | None = Field(
        None, description="When what is usual was last learned: once in a window's length."
    )
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
