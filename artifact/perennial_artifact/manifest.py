"""manifest.json: names, digests and lineage of everything in an artifact."""

import math
from typing import Annotated, Any, Literal

from msgspec import Meta

from perennial_artifact.base import Document

MANIFEST = "manifest.json"
MODEL = "model.onnx"
PROFILE = "profile.json"

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")]
"""A plain file name: no separator, so no file can leave the artifact's directory."""


class Tensor(Document):
    """One input or output in the Open Inference Protocol's terms; -1 is a dimension that varies."""

    name: Annotated[str, Meta(max_length=253)]
    datatype: Annotated[str, Meta(max_length=16)]
    shape: Annotated[list[int], Meta(max_length=16)]


class Signature(Document):
    """What the model takes and gives."""

    inputs: Annotated[list[Tensor], Meta(max_length=512)]
    outputs: Annotated[list[Tensor], Meta(max_length=64)]


Task = Literal["Classification", "Regression"]
SplitMethod = Literal["Random", "Time", "Grouped"]
Kind = Literal["Number", "Category", "Boolean", "Time"]
"""What a column holds, as a model takes it. A Number or a Boolean (1 and 0) is FP32, a Time is FP64
in seconds since 1970 (UTC), each with NaN for missing; a Category is text, '' for missing."""


class Column(Document):
    """An input of a model that the trainer made. Any value of it may be missing."""

    name: Annotated[str, Meta(max_length=253)]
    kind: Kind


class Metric(Document):
    """A measured value with its interval; greater is better, as scikit-learn's scorers.

    ``confidence`` is what the interval covers: 0.95, or more where it is the best of many.
    """

    name: Annotated[str, Meta(max_length=64)]
    value: float
    low: float | None = None
    high: float | None = None
    slice: Annotated[str, Meta(max_length=253)] = ""
    confidence: float = 0.95

    def __post_init__(self) -> None:
        """Refuse what cannot be compared.

        Raises:
            ValueError: a number is not finite.
        """
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{name} of {self.name} must be finite, not {number}")


class DatasetRecord(Document):
    """The rows that a model learned from."""

    uri: Annotated[str, Meta(max_length=1024)]
    sha256: Sha256
    rows: int
    feedback_rows: int | None = None
    """How many of the rows are logged requests with a label."""
    held_out: int | None = None
    """How many of the rows were held out."""
    start: Annotated[str, Meta(max_length=64)] | None = None
    end: Annotated[str, Meta(max_length=64)] | None = None
    frequent_end: Annotated[str, Meta(max_length=64)] | None = None
    """Time of the newest row of the most frequent class; None for numbers.

    ``end`` may be of another class, whose labels come earlier: of what happened in between the
    model knows that class alone.
    """
    since: Annotated[str, Meta(max_length=64)] | None = None
    """Rows from before were left out (``dataset.newest``)."""


RowHash = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]


class RowSample(Document):
    """Some rows of the dataset, by which a later run tells whether it would know them again.

    Of all different rows (times, for Time; groups, for Grouped) they are those with the smallest
    keys, so which they are depends on no order and no file, and what has a key up to their largest
    one, and is none of them, was not in the dataset.
    """

    hashes: Annotated[list[RowHash], Meta(max_length=1024)] = []
    """Of the values in the split's ``columns``, without the time; in the order of the keys."""
    times: Annotated[list[float], Meta(max_length=1024)] = []
    """Of the same rows, of a group its newest: seconds since 1970, or the column's number."""


class SplitRecord(Document):
    """Which rows were held out, so that a later run knows which rows a model has not learned from.

    Random and Grouped: a row is held out where the hash of its values in ``columns`` (of its group
    alone, for Grouped) is below the threshold of its class; without classes there is one threshold,
    under the empty name. Time: a row is held out where it is newer than ``trained_until``; by its
    values in ``columns`` it is known again at another time.
    """

    method: SplitMethod
    columns: Annotated[list[Column], Meta(max_length=1024)] = []
    thresholds: dict[str, float] = {}
    duplicates: Literal["Together", "Apart"] = "Together"
    """Whether equal rows are all on one side; Apart hashes a row's number among its equals, too."""
    trained_until: float | None = None
    """Time of the newest row that was learned from: seconds since 1970, or the column's number."""
    sample: RowSample | None = None
    """None without a time column, and of older trainers: rows are taken to be what they were."""


class Lineage(Document, kw_only=True):
    """Where a model comes from."""

    training: str
    namespace: str
    run: int
    candidate: str
    algorithm: str
    parameters: dict[str, Any]
    parent: str | None = None
    dataset: DatasetRecord
    split: SplitRecord | None = None
    libraries: dict[str, str]


class File(Document):
    """Digest and size in bytes of one file."""

    sha256: Sha256
    size: int


class Manifest(Document, tag_field="schemaVersion", tag=1, kw_only=True):
    """The artifact's table of contents; its own SHA-256 names the artifact."""

    task: Task
    classes: list[str] = []
    """The classes in the order of the columns of ``probabilities``."""
    columns: Annotated[list[Column], Meta(max_length=512)] = []
    """What each input holds; empty for a model that the trainer did not make."""
    signature: Signature
    files: Annotated[dict[FileName, File], Meta(max_length=32)]
    metrics: list[Metric] = []
    lineage: Lineage | None = None
