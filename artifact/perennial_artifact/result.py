"""The training contract: run.json goes into a training pod, a termination message comes out."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from perennial_artifact.base import Document
from perennial_artifact.manifest import DatasetRecord, Metric, Sha256, Signature

MESSAGE_LIMIT = 4096
"""Bytes of a termination message that the kubelet keeps."""


class SplitSpec(Document):
    """How rows are held out."""

    method: Literal["Random", "Time"] = "Random"
    test_fraction: float = 0.2


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
    features: list[str] = []
    time_column: str | None = None
    split: SplitSpec = SplitSpec()
    feedback: FeedbackSpec | None = None


class SearchSpaceSpec(Document):
    """Distribution of one parameter: one of int, float, choice."""

    int_: Annotated[list[int] | None, Field(alias="int")] = None
    float_: Annotated[list[float] | None, Field(alias="float")] = None
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


class RunSpec(Document):
    """run.json: one run of a ModelTraining; a pod takes the candidate of its index."""

    training: str
    namespace: str
    run: int
    task: Literal["Classification", "Regression"]
    dataset: DatasetSpec
    objective: ObjectiveSpec
    metrics: list[str] = []
    candidates: list[CandidateSpec]
    champion: ChampionSpec | None = None
    store_uri: str


class ArtifactRecord(Document):
    """A published artifact."""

    uri: Annotated[str, Field(max_length=1024)]
    sha256: Sha256
    size_bytes: int


class Failure(Document):
    """Why there is no artifact: a word for programs, a sentence for people."""

    reason: Annotated[str, Field(max_length=64)]
    message: Annotated[str, Field(max_length=1024)]


class CandidateResult(Document):
    """The termination message of a training pod."""

    candidate: Annotated[str, Field(max_length=63)]
    artifact: ArtifactRecord | None = None
    metrics: Annotated[list[Metric], Field(max_length=64)] = []
    champion_metrics: Annotated[list[Metric], Field(max_length=64)] = []
    algorithm: Annotated[str, Field(max_length=64)] = ""
    parameters: dict[str, Any] = {}
    dataset: DatasetRecord | None = None
    signature: Signature | None = None
    libraries: Annotated[dict[str, str], Field(max_length=32)] = {}
    seconds: float = 0
    failure: Failure | None = None

    def to_message(self) -> str:
        """Return the JSON, without the signature where that would exceed 4 KiB.

        The signature also stands in the artifact's manifest, so nothing is lost.
        """
        message = self.to_json()
        if len(message.encode()) <= MESSAGE_LIMIT:
            return message
        return self.model_copy(update={"signature": None}).to_json()
