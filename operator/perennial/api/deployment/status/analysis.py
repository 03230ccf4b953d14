"""What was measured."""

from typing import Annotated, Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.measured import MeasuredMetric
from perennial.api.values import Text, Time

Outcome = Literal["Successful", "Failed", "Undecided", "Unreachable", "NotComparable"]


class MeasurementStatus(ApiModel):
    """How often a number was asked for outside, and what came of it."""

    taken: int = Field(0, description="Measurements that gave a number.")
    misses: int = Field(0, description="Of these, how many missed the limit.")
    unanswered: int = Field(0, description="Measurements in a row that gave no number.")
    last_time: Time | None = Field(None, description="When it was last asked for.")
    problem: Text = Field("", description="Why the last one gave no number.")


class MetricStatus(MeasuredMetric):
    """What is known of a metric, and what its test carries on from look to look."""

    key: str = Field("", description="Hash of the metric, as it was judged.", max_length=16)
    verdict: Outcome = Field(
        "Undecided",
        description=(
            "Successful, Failed, Undecided; Unreachable: the canary's pods do not answer; "
            "NotComparable: stable's do not, or do not tell it. Only Successful passes."
        ),
    )
    message: Text = Field("", description="The verdict in a sentence.")
    course: list[float] = Field(
        [],
        description=(
            "What the value was, from the first look on, oldest first: of all looks, or of each "
            "second, fourth, … so that they fit."
        ),
        max_length=20,
    )
    measured: MeasurementStatus | None = Field(
        None, description="What came of asking, of a metric that others measure."
    )
    suspected: bool = Field(False, description="Undecided, but something speaks against it.")
    alpha: float = Field(0, description="This metric's part of the risk of a false rollback.")
    canary: list[float] = Field([], description="Evidence on the canary.", max_length=48)
    stable: list[float] = Field([], description="Evidence on stable.", max_length=32)
    bounds: list[float] = Field(
        [], description="Bounds in seconds that are compared, and their margins.", max_length=6
    )
    due: list[float] = Field(
        [],
        description=(
            "Predictions with a receipt, and labels that have come: the canary's, then stable's."
        ),
        max_length=4,
    )
    obstacle: Text = Field("", description="What keeps it from being judged.")


class PartStatus(ApiModel):
    """Up to when a part of what pods count is judged, of those that are looked at seldom."""

    part: str = Field(description="The part: outcomes.", max_length=32)
    judged_until: Time = Field(description="Up to when it is in the evidence.")
    asked_until: Time | None = Field(
        None, description="Up to when pods were asked for it, though too little had come."
    )
    looks: int = Field(0, description="Looks so far.")


PodName = Annotated[str, Field(max_length=253)]


class AnalysisStatus(ApiModel):
    """What was measured up to the newest look; all that a restart needs to go on."""

    pair: str = Field("", description="Revisions that are compared.", max_length=80)
    judged_until: Time | None = Field(
        None, description="Up to when what pods counted is in the evidence below."
    )
    looks: int = Field(0, description="Looks so far.")
    traffic_time: Time | None = Field(None, description="When the canary first answered.")
    silent_time: Time | None = Field(
        None, description="Since when a ready pod of the canary does not answer its metrics."
    )
    message: Text = Field("", description="What the rollout waits for.")
    missing: list[PodName] = Field(
        [], description="Ready pods whose counts are not all in it.", max_length=8
    )
    skewed: list[PodName] = Field([], description="Pods whose clocks are wrong.", max_length=8)
    metrics: list[MetricStatus] = Field([], description="The metrics.", max_length=16)
    parts: list[PartStatus] = Field(
        [], description="What is looked at seldom: labels, rewards.", max_length=8
    )

    def part(self, name: str) -> PartStatus | None:
        """Return up to when a part is judged, None where it is not yet."""
        return next((p for p in self.parts if p.part == name), None)
