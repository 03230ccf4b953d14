"""manifest.json: names, digests and lineage of everything in an artifact."""

from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat

from perennial_artifact.base import Document

MANIFEST = "manifest.json"
MODEL = "model.onnx"
PROFILE = "profile.json"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
"""A plain file name: no separator, so no file can leave the artifact's directory."""


class Tensor(Document):
    """One input or output in the Open Inference Protocol's terms; -1 is a dimension that varies."""

    name: Annotated[str, Field(max_length=253)]
    datatype: Annotated[str, Field(max_length=16)]
    shape: Annotated[list[int], Field(max_length=16)]


class Signature(Document):
    """What the model takes and gives."""

    inputs: Annotated[list[Tensor], Field(max_length=512)]
    outputs: Annotated[list[Tensor], Field(max_length=64)]


class Metric(Document):
    """A measured value with its 95 % interval; greater is better, as scikit-learn's scorers."""

    name: Annotated[str, Field(max_length=64)]
    value: FiniteFloat
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    slice: Annotated[str, Field(max_length=253)] = ""


class DatasetRecord(Document):
    """The rows that a model learned from."""

    uri: Annotated[str, Field(max_length=1024)]
    sha256: Sha256
    rows: int
    feedback_rows: int | None = None
    """How many of the rows are logged requests with a label."""
    start: Annotated[str | None, Field(max_length=64)] = None
    end: Annotated[str | None, Field(max_length=64)] = None


class Lineage(Document):
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


class Manifest(Document):
    """The artifact's table of contents; its own SHA-256 names the artifact."""

    schema_version: Literal[1] = 1
    task: Literal["Classification", "Regression"]
    classes: list[str] = []
    signature: Signature
    files: Annotated[dict[FileName, File], Field(max_length=32)]
    metrics: list[Metric] = []
    lineage: Lineage | None = None
