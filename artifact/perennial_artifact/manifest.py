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


class Metric(Document):
    """A measured value with its 95 % interval; greater is better, as scikit-learn's scorers."""

    name: Annotated[str, Meta(max_length=64)]
    value: float
    low: float | None = None
    high: float | None = None
    slice: Annotated[str, Meta(max_length=253)] = ""

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
    start: Annotated[str, Meta(max_length=64)] | None = None
    end: Annotated[str, Meta(max_length=64)] | None = None


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
    libraries: dict[str, str]


class File(Document):
    """Digest and size in bytes of one file."""

    sha256: Sha256
    size: int


class Manifest(Document, tag_field="schemaVersion", tag=1, kw_only=True):
    """The artifact's table of contents; its own SHA-256 names the artifact."""

    task: Literal["Classification", "Regression"]
    classes: list[str] = []
    signature: Signature
    files: Annotated[dict[FileName, File], Meta(max_length=32)]
    metrics: list[Metric] = []
    lineage: Lineage | None = None
