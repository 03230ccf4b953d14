"""The report's contract: what a monitor's Job is to read goes in, a termination message comes out.

What comes out are counts, cohort by cohort of when predictions were made, so that whoever reads
them judges as pods' windows are judged; the page for people is in the store.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from perennial_artifact.base import Document
from perennial_artifact.manifest import Sha256
from perennial_artifact.result import MESSAGE_LIMIT, Failure, Note

SIZE = 3
"""Numbers that a metric has of a cohort: rows and events and 0, or rows, a sum and that of
squares. Events of recall, precision and accuracy are what went wrong."""

PAGE_BEGINS = "-----BEGIN PERENNIAL REPORT-----"
PAGE_ENDS = "-----END PERENNIAL REPORT-----"
"""Lines of a report's pod's log between which its page is: gzip, base64."""

MetricKind = Literal[
    "accuracy",
    "recall",
    "precision",
    "falsePositiveRate",
    "logLoss",
    "rmse",
    "meanReward",
    "alertRate",
]

SHARES: tuple[MetricKind, ...] = (
    "accuracy",
    "recall",
    "precision",
    "falsePositiveRate",
    "alertRate",
)
"""Those that count events among rows."""


class MetricSpec(Document):
    """A metric of performance, with its limits for people to read."""

    name: str
    kind: MetricKind
    positive_class: str | None = None
    """By default the second of two."""
    threshold: float | None = None
    """Probability of the second class from which a prediction is an alert; by default 0.5."""
    minimum: float | None = None
    maximum: float | None = None


class Moment(Document):
    """Something that happened, for people."""

    time: datetime
    message: str


class Said(Document):
    """A condition of the monitor."""

    type: str
    status: str
    message: str = ""


class Looked(Document):
    """An evaluation of the monitor."""

    time: datetime
    samples: int
    score: float | None = None
    drifted: str = "Unknown"


class Story(Document):
    """What is known of the monitor, told to people as it is."""

    conditions: list[Said] = []
    looks: list[Looked] = []
    happened: list[Moment] = []
    need: float | None = None
    """The drift score that drift needs."""


class ReportSpec(Document, kw_only=True):
    """What a report is to be made of."""

    monitor: str
    namespace: str
    deployment: str
    number: int
    version: str
    """Whose predictions are judged, as the log calls it."""
    artifact_uri: str
    artifact_sha256: Sha256
    log_uri: str
    """Directory with requests/ and feedback/."""
    into: str
    """Directory for NUMBER/report.html."""
    until: datetime
    """Files that the store took later are left out, and what is told later."""
    window_seconds: float
    """How far back predictions count, once their labels have come."""
    cohort_seconds: int
    maturity_seconds: float | None = None
    """Age at which labels are expected to be known; None: it is learned."""
    metrics: list[MetricSpec] = []
    slices: list[str] = []
    duplicates_maximum: float = 0.1
    """Share of rows, beyond the reference's, that may repeat another one."""
    same_hours: str | None = None
    """IANA time zone of the profile's hours, where rows of the same hours are compared with."""
    story: Story = Story()


class CohortCounts(Document, array_like=True):
    """Predictions of one time, and what became known of them."""

    place: int
    """Its beginning: so many times ``cohort_seconds`` since 1970."""
    given: int
    labels: int
    rewards: int
    counts: list[float] = []
    """``SIZE`` numbers a metric."""


class LabelDelay(Document):
    """How late the labels of one name come, in seconds."""

    label: Annotated[str, Meta(max_length=253)]
    labels: int
    half: int
    most: int
    """Within this 95 % of them come."""


class SliceValue(Document):
    """A metric where a feature has some value."""

    feature: Annotated[str, Meta(max_length=253)]
    value: Annotated[str, Meta(max_length=253)]
    metric: Annotated[str, Meta(max_length=63)]
    score: float
    overall: float
    rows: int
    p: float
    """Adjusted for all slices and metrics (Holm)."""


class EqualRows(Document, kw_only=True):
    """Predictions of the newest window whose features are all those of another one."""

    rows: int
    """Among so many, which the reference has too, these shares are expected."""
    found: float
    usual: float
    """That of the reference."""
    p: float
    """Chance of so many more where nothing is wrong."""


class ReportResult(Document, kw_only=True):
    """The termination message of a report's pod."""

    number: int
    version: Annotated[str, Meta(max_length=64)] = ""
    """SHA-256 of the manifest of the version that it is about."""
    until: int = 0
    """Seconds since 1970 up to which the log was read."""
    predictions: int = 0
    """How many of the version were read."""
    cohort_seconds: int = 0
    maturity_seconds: int | None = None
    cohorts: Annotated[list[CohortCounts], Meta(max_length=96)] = []
    """Those of the window whose labels are in, and those of the newest, the oldest first."""
    past: Annotated[list[int], Meta(max_length=3)] = []
    """Predictions, labels and rewards of cohorts before these."""
    delays: Annotated[list[LabelDelay], Meta(max_length=16)] = []
    lacks: Annotated[list[Annotated[str, Meta(max_length=512)]], Meta(max_length=8)] = []
    """What is lacking for each metric, in their order; empty where nothing is."""
    slices: Annotated[list[SliceValue], Meta(max_length=10)] = []
    equal_rows: EqualRows | None = None
    """None where the log has not all features, or the version has an older profile."""
    uri: Annotated[str, Meta(max_length=1024)] = ""
    """Of the page; "" where the store did not take it, which the first of the notes tells."""
    notes: Annotated[list[Note], Meta(max_length=16)] = []
    failure: Failure | None = None

    def to_message(self) -> bytes:
        """Return the JSON, with less and less of it until it fits into a termination message.

        Beyond 4 KiB it would be cut and be no JSON at all. Other notes and delays also stand in the
        report; without its oldest cohorts a window says less, and nothing wrong.
        """
        result = self
        for shorter in (_as_it_is, _with_one_note, _with_few_slices, _with_short_lacks):
            result = shorter(result)
            if len(message := result.to_json()) <= MESSAGE_LIMIT:
                return message
        while result.cohorts:
            result = _without_the_oldest(result)
            if len(message := result.to_json()) <= MESSAGE_LIMIT:
                return message
        text = f"the result does not fit into {MESSAGE_LIMIT} bytes: ask for fewer metrics"
        failure = Failure(reason="ResultTooLarge", message=text)
        return ReportResult(number=self.number, failure=failure).to_json()


Shorter = Callable[[ReportResult], ReportResult]


def _as_it_is(result: ReportResult) -> ReportResult:
    return result


def _with_one_note(result: ReportResult) -> ReportResult:
    return result.replace(notes=result.notes[:1], delays=result.delays[:4])


def _with_few_slices(result: ReportResult) -> ReportResult:
    return result.replace(slices=result.slices[:3])


def _with_short_lacks(result: ReportResult) -> ReportResult:
    return result.replace(lacks=[text[:160] for text in result.lacks])


def _without_the_oldest(result: ReportResult) -> ReportResult:
    """Return the result without its oldest cohort; how many labels that got stays known."""
    oldest, *newer = result.cohorts
    before = result.past or [0, 0, 0]
    each = (oldest.given, oldest.labels, oldest.rewards)
    past = [a + b for a, b in zip(before, each, strict=True)]
    return result.replace(cohorts=newer, past=past)
