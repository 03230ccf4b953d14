"""The newest verdict, and what was done about it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from perennial.api.common import ApiModel, Conditions
from perennial.api.monitor.behaviour import BehaviourStatus
from perennial.api.monitor.drift import Effect, FeatureName
from perennial.api.monitor.estimated import EstimatedStatus
from perennial.api.monitor.mix import MIXES, MixStatus
from perennial.api.monitor.performance_status import PerformanceStatus
from perennial.api.monitor.report import ReportStatus
from perennial.api.values import Text, Time

USUAL_KEPT = 256
OPEN_SECONDS = 900.0
"""So long a rollback that was asked for is heeded."""


class FeatureScore(ApiModel):
    """How far a feature is from its reference."""

    feature: str = Field(description="Name of the feature.", max_length=253)
    score: float = Field(
        description=(
            "Population stability index beyond what chance gives, or the effect below; 0 is like "
            "the reference."
        )
    )
    effect: Effect | None = Field(
        None, description="What the score is, where a test chose another effect."
    )
    need: float = Field(description="Score that drift needs.")
    p: float = Field(description="Chance of such a difference without drift.")


class QualityBreach(ApiModel):
    """A feature whose values break a quality limit."""

    feature: str = Field(
        description=(
            "Name of the feature, or of the input that most refusals are about; empty where it "
            "is about whole rows."
        ),
        max_length=253,
    )
    check: Literal[
        "Missing", "OutOfRange", "UnseenCategory", "Constant", "Refused", "Duplicates"
    ] = Field(description="The check.")
    fraction: float = Field(description="Share of the values, or of the requests.")
    maximum: float = Field(description="Highest share that is allowed.")
    p: float = Field(description="Chance of so many where nothing is wrong.")


class UsualScore(ApiModel):
    """How far a feature usually is from its reference."""

    feature: str = Field(description="Name of the feature.", max_length=253)
    usual: float = Field(description="Highest score of the days before while it was quiet.")
    recent: float | None = Field(None, description="The same of today; it counts from tomorrow.")
    peak: float | None = Field(None, description="Highest score of the drift that goes on.")


class WindowStatus(ApiModel):
    """The requests that the newest verdict is about."""

    start: Time | None = Field(None, description="Oldest request.")
    end: Time | None = Field(None, description="Newest request.")
    samples: int = Field(0, description="Rows.")
    pods: int = Field(0, description="Pods that answered.")
    asked: int = Field(0, description="Pods that were ready, and were asked.")


class BeforeStatus(ApiModel):
    """What served before, and what was known to be as it should be when it was last looked at."""

    version: str = Field("", description="Name of the ModelVersion.", max_length=253)
    revision: str = Field("", description="Its revision.", max_length=32)
    quiet: list[Annotated[str, Field(max_length=63)]] = Field(
        [], description="Tests that found nothing wrong then.", max_length=16
    )


class ReferenceStatus(ApiModel):
    """What the traffic is compared with."""

    version: str = Field("", description="Name of the ModelVersion.", max_length=253)
    revision: str = Field("", description="Revision whose pods are read.", max_length=32)
    profile: str = Field("", description="SHA-256 of its profile.json.", max_length=64)
    since: Time | None = Field(None, description="Since when it is compared with this profile.")
    same_hours: bool | None = Field(
        None, description="Rows of the same hours are asked for; absent: all are."
    )
    message: Text | None = Field(
        None,
        description="Of which hours the rows are, or why they are of all; absent where not asked.",
    )
    before: BeforeStatus | None = Field(None, description="What served before.")


class LastAction(ApiModel):
    """What was last done about drift."""

    type: Literal["Retrain", "Rollback"] = Field(description="What was done.")
    time: Time = Field(description="When.")
    message: Text = Field("", description="Why, in a sentence.")
    version: str = Field("", description="Version that drifted.", max_length=253)
    test: str = Field(
        "", description="Test that asked for it; of older operators drift.", max_length=63
    )
    training: str = Field(
        "",
        description="ModelTraining that was asked; of older operators, and of a rollback, empty.",
        max_length=253,
    )
    run: int | None = Field(
        None, description="Number of the ModelTraining's run that came of it; absent until then."
    )
    outcome: str = Field("", description="How that run ended; empty until then.", max_length=32)
    better: bool | None = Field(
        None,
        description="Whether that run's best is shown to be better; absent where not known.",
    )
    result: Text = Field("", description="How that run ended, in a sentence.")


class RollbackStatus(ApiModel):
    """The newest rollback that was asked for; the ModelDeployment reads it here."""

    revision: str = Field(description="Revision that is to be taken back.", max_length=32)
    version: str = Field("", description="Its version.", max_length=253)
    to: str = Field(description="Revision that is to take over again.", max_length=32)
    to_version: str = Field("", description="Its version.", max_length=253)
    time: Time = Field(description="When it was asked for.")
    message: Text = Field("", description="Why, in a sentence.")
    outcome: str = Field(
        "",
        description=(
            "What came of it; empty until then. WentBack: what served before serves. Superseded: "
            "something else does. Aborted: by a person. Withdrawn: the action was taken out of the "
            "spec. NotDone: it was not heeded in time."
        ),
        max_length=32,
    )
    times: list[Time] = Field([], description="Rollbacks of the last 24 hours.", max_length=101)
    revisions: list[Annotated[str, Field(max_length=32)]] = Field(
        [],
        description="Revisions that were taken back so, the newest last: each is once.",
        max_length=16,
    )

    def is_open(self, now: datetime) -> bool:
        """Tell whether it is to be done yet: what was wrong long ago may be right by now.

        And what is to come was asked for while a clock was ahead.
        """
        return not self.outcome and abs((now - self.time).total_seconds()) < OPEN_SECONDS


class NotificationStatus(ApiModel):
    """The newest CloudEvent; it is sent until it was taken, or was refused too often."""

    id: str = Field(description="Its id, the same at each try.", max_length=128)
    time: Time = Field(description="When it was decided.")
    message: Text = Field("", description="What it tells.")
    version: str = Field("", description="Version that drifted.", max_length=253)
    delivered: bool = Field(False, description="It was taken.")
    tries: int = Field(0, description="How often it was not taken.")
    last_time: Time | None = Field(None, description="When it was last not taken.")
    problem: Text = Field("", description="Why it was last not taken.")
    times: list[Time] = Field([], description="Notifications of the last 24 hours.", max_length=101)


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
    deployment: str | None = Field(
        None,
        description="ModelDeployment that all this is about; absent: of older operators.",
        max_length=253,
    )
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
    usual_newest: list[UsualScore] = Field(
        [],
        description="The same of the window's newest quarter, which is tested by itself.",
        max_length=USUAL_KEPT,
    )
    usual_time: Time | None = Field(
        None, description="When what was seen last became usual: once a day."
    )
    performance: PerformanceStatus | None = Field(
        None, description="How well the model still predicts."
    )
    estimated: EstimatedStatus | None = Field(
        None, description="What scores tell of it before labels come."
    )
    behaviour: BehaviourStatus | None = Field(
        None, description="How many requests came, hour by hour."
    )
    mix: list[MixStatus] = Field([], description="What the requests are made of.", max_length=MIXES)
    report: ReportStatus | None = Field(None, description="The newest report.")
    consecutive_breaches: int = Field(0, description="Evaluations in a row that found drift.")
    last_action: LastAction | None = Field(None, description="What was last done about drift.")
    retraining: LastAction | None = Field(
        None,
        description="The newest retraining, where a rollback was asked for since; else lastAction.",
    )
    rollback: RollbackStatus | None = Field(
        None, description="The newest rollback that was asked for."
    )
    notification: NotificationStatus | None = Field(
        None, description="What was last sent to actions.notify.url."
    )
    action_times: list[Time] = Field(
        [], description="Actions of the last 24 hours.", max_length=100
    )
    retrainings: int = Field(0, description="How often a retraining was asked for.")
    rollbacks: int = Field(0, description="How often a rollback was asked for.")
    notifications: int = Field(0, description="How often something was to be told to a URL.")
    fruitless: int = Field(
        0,
        description=(
            "Runs that came of it and ended, since the traffic last was as learned, or since one "
            "of them was better and served."
        ),
    )
    history: list[Evaluation] = Field([], description="The last evaluations.", max_length=20)

    @property
    def last_retraining(self) -> LastAction | None:
        """Return the retraining that was asked for last, whatever else was done since."""
        last = self.last_action
        return last if last is not None and last.type == "Retrain" else self.retraining
