"""The training contract: run.json goes into a training pod, a termination message comes out."""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from perennial_artifact.base import Document
from perennial_artifact.manifest import (
    DatasetRecord,
    Kind,
    Metric,
    Sha256,
    Signature,
    SplitMethod,
    Task,
)

MESSAGE_LIMIT = 4096
"""Bytes of a termination message that the kubelet keeps."""

MAXIMUM_DEPTH = 32
"""Lists and objects within each other in a parameter: what carries it on may be recursive."""


class SplitSpec(Document, omit_defaults=False):
    """How rows are held out."""

    method: SplitMethod = "Random"
    test_fraction: float = 0.2
    column: str | None = None
    """Rows with the same value of it stay together (Grouped)."""
    gap_seconds: float = 0.0
    """Rows this short a time before the oldest held-out one are in neither part (Time)."""


DeclaredKind = Literal[Kind, "Ignore"]


class ColumnSpec(Document):
    """What a column holds, where it is declared."""

    name: str
    kind: DeclaredKind


CheckAction = Literal["Tell", "Refuse", "Ignore"]
CheckName = Literal[
    "constant",
    "nearConstant",
    "leaking",
    "identifierLike",
    "duplicateRows",
    "missing",
    "imbalance",
    "shared",
]


class FeedbackSpec(Document):
    """The request log of a ModelDeployment, whose labelled requests are rows to learn from."""

    deployment: str
    uri: str | None = None
    """Directory with requests/ and feedback/; None where nothing was logged yet."""
    until: datetime | None = None
    """Files that the store took later are left out, so that all pods of a run read the same."""


class DatasetSpec(Document):
    """The rows to learn from; no features means all columns but target and time."""

    uri: str
    target: str
    positive_class: str | None = None
    """The class that metrics of two classes are about, as text; by default the last in order."""
    features: list[str] = []
    columns: list[ColumnSpec] = []
    missing: list[str] = []
    """Words that mean missing, besides the empty one."""
    checks: dict[CheckName, CheckAction] = {}
    """What to do about what a check finds; by default it is told."""
    time_column: str | None = None
    since: datetime | None = None
    """Rows from before are left out: a moment, so that all pods of a run read the same rows."""
    split: SplitSpec = SplitSpec()
    feedback: FeedbackSpec | None = None


class SearchSpaceSpec(Document):
    """Distribution of one parameter: one of int, float, choice."""

    int_: list[int] | None = field(name="int", default=None)
    float_: list[float] | None = field(name="float", default=None)
    log: bool = False
    choice: list[Any] | None = None


class SearchSpec(Document):
    """A random search."""

    trials: int
    parameters: dict[str, SearchSpaceSpec]


class CandidateSpec(Document):
    """One algorithm to fit."""

    name: str
    algorithm: str
    parameters: dict[str, Any] = {}
    search: SearchSpec | None = None


class ObjectiveSpec(Document):
    """What candidates are ranked by."""

    metric: str


class ChampionSpec(Document):
    """The version to compare with on the same held-out rows."""

    version: str
    uri: str
    sha256: Sha256


class RunSpec(Document, kw_only=True):
    """run.json: one run of a ModelTraining; a pod takes the candidate of its index."""

    training: str
    namespace: str
    run: int
    task: Task
    dataset: DatasetSpec
    objective: ObjectiveSpec
    metrics: list[str] = []
    candidates: list[CandidateSpec]
    champion: ChampionSpec | None = None
    store_uri: str


class ArtifactRecord(Document):
    """A published artifact."""

    uri: Annotated[str, Meta(max_length=1024)]
    sha256: Sha256
    size_bytes: int


class Failure(Document):
    """Why there is no artifact: a word for programs, a sentence for people."""

    reason: Annotated[str, Meta(max_length=64)]
    message: Annotated[str, Meta(max_length=1024)]
    retry: bool = False
    """Whether another try can help."""


class Comparison(Document):
    """A metric of the candidate beside the champion's, on rows that neither learned from.

    ``low`` and ``high`` are the ends of a 90 % interval of the difference, candidate less champion;
    None where it cannot be resampled.
    """

    name: Annotated[str, Meta(max_length=64)]
    value: float
    champion: float
    low: float | None = None
    high: float | None = None


class OnRows(Document):
    """The objective's metric beside the champion's, on some rows that neither learned from."""

    rows: int
    start: Annotated[str, Meta(max_length=64)] = ""
    """Time of the oldest of them."""
    end: Annotated[str, Meta(max_length=64)] = ""
    """Time of the newest."""
    compared: Comparison | None = None
    unknown: Annotated[str, Meta(max_length=256)] = ""
    """Why the two are not compared; empty where they are."""


class ByAge(Document):
    """The same on rows that are newer than those that the champion learned from, and on others."""

    recent: OnRows
    older: OnRows
    confidence: float
    """Of the intervals: 0.9, or more where several candidates try."""


class Note(Document):
    """What was seen in the dataset and should be known: what noticed it, and a sentence."""

    check: Annotated[str, Meta(max_length=64)]
    message: Annotated[str, Meta(max_length=512)]


class CandidateResult(Document):
    """The termination message of a training pod."""

    candidate: Annotated[str, Meta(max_length=63)]
    artifact: ArtifactRecord | None = None
    metrics: Annotated[list[Metric], Meta(max_length=64)] = []
    comparisons: Annotated[list[Comparison], Meta(max_length=64)] = []
    champion_failure: Annotated[str, Meta(max_length=256)] = ""
    """Why the champion was not measured on the same rows; empty where it was, or there is none."""
    by_age: ByAge | None = None
    """None where the champion was not measured."""
    algorithm: Annotated[str, Meta(max_length=64)] = ""
    parameters: dict[str, Any] = {}
    dataset: DatasetRecord | None = None
    notes: Annotated[list[Note], Meta(max_length=64)] = []
    signature: Signature | None = None
    libraries: Annotated[dict[str, str], Meta(max_length=32)] = {}
    seconds: float = 0
    failure: Failure | None = None

    def __post_init__(self) -> None:
        """Refuse parameters that are nested too deeply.

        Raises:
            ValueError: they are.
        """
        level: list[Any] = [self.parameters]
        for _ in range(MAXIMUM_DEPTH):
            level = [part for whole in level for part in _parts(whole)]
        if level:
            raise ValueError(f"parameters are nested more than {MAXIMUM_DEPTH} deep")

    def to_message(self) -> bytes:
        """Return the JSON, with less and less of what also stands in the artifact's manifest.

        A termination message beyond 4 KiB would be cut and so be no JSON at all: signature,
        libraries, all but the first notes, intervals, parameters and the comparison by age go, in
        this order, until it fits.
        """
        shorter: tuple[dict[str, Any], ...] = (
            {},
            {"signature": None},
            {"libraries": {}},
            {"notes": self.notes[:4]},
            {"metrics": _values(self.metrics)},
            {"notes": []},
            {"parameters": {}},
            {"by_age": None},
        )
        result = self
        for update in shorter:
            result = result.replace(**update)
            message = result.to_json()
            if len(message) <= MESSAGE_LIMIT:
                return message
        text = f"the result does not fit into {MESSAGE_LIMIT} bytes: gate on fewer metrics"
        failure = Failure(reason="ResultTooLarge", message=text)
        return CandidateResult(candidate=self.candidate, failure=failure).to_json()


def _parts(whole: Any) -> list[Any]:
    """Return the lists and objects in a list or an object."""
    found = whole.values() if isinstance(whole, dict) else whole
    return [part for part in found if isinstance(part, list | dict)]


def _values(metrics: list[Metric]) -> list[Metric]:
    """Return the values alone, to six digits."""
    return [Metric(name=m.name, value=float(f"{m.value:.6g}"), slice=m.slice) for m in metrics]
