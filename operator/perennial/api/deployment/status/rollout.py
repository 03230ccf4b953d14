"""Where a rollout stands."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.deployment.status.analysis import AnalysisStatus, MetricStatus
from perennial.api.deployment.status.decision import Decided
from perennial.api.deployment.status.revision import Rejection
from perennial.api.values import Text, Time


class StepStatus(ApiModel):
    """Where a canary stands; all that a restart needs to go on."""

    index: int = Field(description="Index of the step, from 0.")
    steps: str = Field(
        "",
        alias="hash",
        description="Hash of the list of steps; a canary begins anew on another.",
        max_length=16,
    )
    start_time: Time | None = Field(
        None, description="When the step's weight was in force; absent while it scales."
    )
    served_seconds: float = Field(
        0,
        description=(
            "Time in which its weight was in force before startTime: readiness that flaps stops "
            "the step's time, and does not begin it anew."
        ),
    )
    scaling_since: Time | None = Field(None, description="When the step began to scale.")
    waiting_since: Time | None = Field(
        None, description="When a person resumed it: from then it may wait for a verdict anew."
    )


class SignatureStatus(ApiModel):
    """Whether the canary takes and gives all that stable does; before that it has no traffic."""

    pair: str = Field(description="Revisions that are compared.", max_length=80)
    passed: bool = Field(
        False, description="It does, or somebody accepted that it does not: it may have traffic."
    )
    message: Text = Field("", description="What it waits for, or who accepted what differs.")


class BeforeTrafficStatus(ApiModel):
    """Whether the canary has shown what it must before it has traffic."""

    key: str = Field(description="Hash of the revision and what it must show.", max_length=16)
    passed: bool = Field(False, description="It has, or somebody accepted that it has not.")
    golden_passed: bool = Field(False, description="It answers the golden requests rightly.")
    message: Text = Field("", description="What it waits for, or who accepted what it lacks.")
    web: list[MetricStatus] = Field([], description="The checks by URL.", max_length=8)


class RolloutStatus(ApiModel):
    """Where a rollout stands; all that a restart needs to go on."""

    promoted_time: Time | None = Field(None, description="When stable was promoted.")
    baking: str = Field(
        "",
        description="Revision that was promoted and is still watched; empty when that is over.",
        max_length=32,
    )
    promoting: bool = Field(False, description="The canary passed its steps and takes over.")
    step: StepStatus | None = Field(None, description="Where the canary stands.")
    traffic: str = Field(
        "",
        description="How requests are divided while it is on trial; otherwise it begins anew.",
        max_length=16,
    )
    analysis: AnalysisStatus | None = Field(
        None, description="What is known of the canary on trial."
    )
    signature: SignatureStatus | None = Field(
        None, description="Whether the canary takes and gives all that stable does."
    )
    before_traffic: BeforeTrafficStatus | None = Field(
        None, description="Whether the canary has shown what it must before it has traffic."
    )
    paused: str = Field(
        "", description="Why the rollout waits for a person; empty when it does not.", max_length=64
    )
    rejected: list[Rejection] = Field(
        [], description="The last revisions that were rolled back.", max_length=5
    )
    decisions: list[Decided] = Field(
        [], description="The last decisions, with the numbers behind them.", max_length=8
    )
