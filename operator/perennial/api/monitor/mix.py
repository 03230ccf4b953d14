"""What live traffic is made of: segments, callers, predictions and errors, beside what is usual."""

from typing import Annotated, Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.monitor.drift import FeatureName
from perennial.api.values import Duration, Json, Text, Time, rule, within

SEGMENTS = 8
MIXES = SEGMENTS + 3
NAMES_KEPT = 16
"""Callers, or causes of errors, of which it is kept how many are usual; the others together."""
DAY_HOURS, WEEK_HOURS = 24, 168
MOVED_KEPT = 5
MixName = Annotated[str, Field(max_length=63)]
HourCounts = Annotated[str, Field(max_length=18 * (NAMES_KEPT + 1))]
"""Numbers with a blank between them: of a week a list of numbers is thousands of lines of YAML."""
MixKind = Literal["Segments", "Callers", "Predictions", "Errors"]


class MixTest(ApiModel):
    """How far a mix may be from what is usual."""

    minimum_effect: float | None = Field(
        None,
        ge=0,
        le=1,
        description=(
            "Smallest score that matters; by default spec.minimumEffect, of callers 0.05 at least."
        ),
    )


class Mix(ApiModel):
    """What live traffic is made of."""

    segments: list[FeatureName] = Field(
        [],
        description=(
            "Features whose categories are segments, such as a country; held against the profile."
        ),
        max_length=SEGMENTS,
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    predictions: MixTest | None = Field(
        None, description="What is predicted, by class; held against the held-out rows."
    )
    callers: MixTest | None = Field(
        None,
        description=(
            "Who asks, by the header that spec.serving.callerHeader of the ModelDeployment names; "
            "held against the last weeks."
        ),
    )
    errors: MixTest | None = Field(
        None,
        description="What is not answered, by its cause; held against the last weeks.",
    )
    learn: Duration = Field(
        "24h",
        description="For so long callers and errors are watched before they are judged.",
        json_schema_extra=within("10s", "168h"),
    )


SOMETHING_MIXED: Json = {
    "x-kubernetes-validations": [
        rule(
            "has(self.callers) || has(self.errors) || has(self.predictions) || "
            "(has(self.segments) && self.segments.size() > 0)",
            "give segments, predictions, callers or errors",
        )
    ]
}


class MixShare(ApiModel):
    """A part of the requests that has become larger or smaller."""

    value: str = Field(description="Segment, caller, class or cause.", max_length=253)
    share: float = Field(description="Its share in the window.")
    usual: float = Field(description="The share that is usual.")


class MixStatus(ApiModel):
    """What is known of one mix."""

    kind: MixKind = Field(description="What it is a mix of.")
    name: str = Field("", description="The feature, of segments.", max_length=253)
    verdict: Literal["Usual", "Changed", "Unknown"] = Field(
        "Unknown", description="Changed: by more than chance, and by more than is usual."
    )
    message: Text = Field("", description="The same in a sentence.")
    score: float | None = Field(
        None, description="Population stability index beyond what chance gives."
    )
    need: float | None = Field(None, description="Score that a change needs.")
    p: float | None = Field(None, description="Chance of such a difference without a change.")
    requests: int = Field(0, description="Requests, or rows, behind it.")
    moved: list[MixShare] = Field(
        [], description="What is furthest from its usual share.", max_length=MOVED_KEPT
    )
    changed_since: Time | None = Field(None, description="Since when it has been changed.")
    usual: float = Field(0, description="Highest score of the days before while it was quiet.")
    recent: float | None = Field(None, description="The same of today; it counts from tomorrow.")
    peak: float | None = Field(None, description="Highest score of the change that goes on.")
    usual_time: Time | None = Field(None, description="When that was last learned.")
    key: str = Field(
        "", description="What it is held against: a profile, or a header.", max_length=64
    )
    since: Time | None = Field(None, description="Since when it is held against that.")
    learned_until: Time | None = Field(
        None,
        description="What came before was learned, or passed over as unusual; nothing after.",
    )
    names: list[MixName] = Field([], description="What is counted by name.", max_length=NAMES_KEPT)
    hours: list[float] = Field(
        [],
        description=(
            "Requests of each name, and of all others, for each hour of the day (UTC); the older "
            "the less they count."
        ),
        max_length=DAY_HOURS * (NAMES_KEPT + 1),
    )
    week: list[HourCounts] = Field(
        [],
        description=(
            "The same for each hour of the week, from Monday 00:00 (UTC), of changes, too; a week "
            "halves it."
        ),
        max_length=WEEK_HOURS,
    )
    fresh: list[HourCounts] = Field(
        [],
        description="The same of the last hours until learnedUntil, which are in no week's yet.",
        max_length=2 * DAY_HOURS,
    )
