"""ModelVersion: the immutable record of one trained, proven model."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from perennial.api.base import (
    AGE,
    ApiModel,
    Column,
    Conditions,
    Kind,
    LocalRef,
    Sha256,
    Text,
    Time,
    Uri,
    rule,
)


class Metric(ApiModel):
    """A measured value, with its confidence interval where one was computed."""

    name: str = Field(description="A scikit-learn scorer's name.", max_length=64)
    value: float = Field(description="Value on the held-out rows; greater is better.")
    low: float | None = Field(None, description="Lower end of the interval.")
    high: float | None = Field(None, description="Upper end of the interval.")
    confidence: float = Field(
        0.95,
        description="What the interval covers; more than 0.95 where it is the best of many.",
    )
    slice: str = Field("", description="Segment of the rows, empty for all.", max_length=253)


class DatasetRecord(ApiModel):
    """The rows that a version learned from."""

    uri: Uri = Field(description="The dataset's URI.")
    sha256: Sha256 = Field(description="Digest over the files that were read.")
    rows: int = Field(description="Number of rows.")
    feedback_rows: int | None = Field(
        None, description="How many of the rows are logged requests with a label."
    )
    held_out: int | None = Field(None, description="How many of the rows were held out.")
    start: str | None = Field(None, description="Time of the oldest row.", max_length=64)
    end: str | None = Field(None, description="Time of the newest row.", max_length=64)


class Artifact(ApiModel):
    """Where a model is kept, and its digest."""

    uri: Uri = Field(description="Directory of the artifact.")
    sha256: Sha256 = Field(
        description="SHA-256 of the artifact's manifest.json, which lists every file's own."
    )
    size_bytes: int | None = Field(None, ge=0, description="Size of all files, in bytes.")
    secret_ref: LocalRef | None = Field(
        None, description="Secret in the same namespace with the credentials of its store."
    )


class Tensor(ApiModel):
    """One input or output, in the Open Inference Protocol's terms."""

    name: str = Field(description="Name of the tensor.", max_length=253)
    datatype: str = Field(description="Datatype such as FP32 or BYTES.", max_length=16)
    shape: list[int] = Field(
        description="Size of each dimension, -1 where it varies.", max_length=16
    )


class Signature(ApiModel):
    """What the model takes and gives."""

    inputs: list[Tensor] = Field(description="What the model takes.", max_length=512)
    outputs: list[Tensor] = Field(description="What the model gives.", max_length=64)


class Imported(ApiModel):
    """A model that came from elsewhere: bought, or trained without us."""

    origin: Text = Field(description="Where it came from, for people.")


class Source(ApiModel):
    """Where a version comes from: a training's run, or elsewhere."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                rule(
                    "has(self.imported) != has(self.trainingRef)"
                    " && has(self.trainingRef) == has(self.run)"
                    " && has(self.run) == has(self.candidate)",
                    "give either trainingRef, run and candidate, or imported",
                )
            ]
        }
    }

    training_ref: LocalRef | None = Field(
        None, description="The ModelTraining that made this version."
    )
    run: int | None = Field(None, ge=1, description="Number of the run that made it.")
    candidate: str | None = Field(
        None, description="Name of the candidate that won.", min_length=1, max_length=63
    )
    imported: Imported | None = Field(None, description="A model that came from elsewhere.")


class VersionSpec(ApiModel):
    """What was trained, from what, and how good it proved."""

    source: Source = Field(description="Where it comes from.")
    artifact: Artifact = Field(description="Where the model is kept, and its digest.")
    signature: Signature | None = Field(None, description="What the model takes and gives.")
    metrics: list[Metric] = Field(
        [], description="What was measured on the held-out rows.", max_length=64
    )
    dataset: DatasetRecord | None = Field(None, description="The rows that it learned from.")
    algorithm: str = Field(
        "", description="scikit-learn's name of the estimator, where it is one.", max_length=64
    )
    parameters: dict[str, Any] = Field(
        {},
        description="Parameters of the estimator, those found by search included.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    parent: str | None = Field(
        None, description="The champion that it was compared with.", max_length=253
    )
    libraries: dict[str, str] = Field(
        {},
        description="Versions of the libraries that trained and exported it.",
        max_length=32,
        json_schema_extra={"x-items-max-length": 64},
    )

    @property
    def run(self) -> int:
        """The number of the run that made it; 0 where none did."""
        return self.source.run or 0


class DeployedBy(ApiModel):
    """A ModelDeployment that serves the version."""

    name: str = Field(description="Name of the ModelDeployment.", max_length=253)
    role: Literal["Stable", "Canary"] = Field(description="Stable or Canary.")


class Outcome(ApiModel):
    """What became of the version in front of live traffic."""

    reason: Literal["Promoted", "RolledBack"] = Field(description="Promoted or RolledBack.")
    deployment: str = Field(
        "", description="Name of the ModelDeployment that did so.", max_length=253
    )
    message: Text = Field("", description="The outcome in a sentence.")
    time: Time | None = Field(None, description="When.")


class PrintedVersion(ApiModel):
    """What `kubectl get` prints: made of the facts beside it, and nothing to rely on."""

    metric: str = Field("", description="The first metric as name=value.", max_length=128)


class VersionStatus(ApiModel):
    """Where the version is deployed and what became of it."""

    observed_generation: int = Field(-1, description="Generation that the status is about.")
    conditions: Conditions = []
    deployments: list[DeployedBy] = Field(
        [], description="The ModelDeployments that serve it.", max_length=64
    )
    outcome: Outcome | None = Field(None, description="What became of it in live traffic.")
    printed: PrintedVersion | None = Field(None, description="What kubectl get prints.")


class ModelVersion(Kind):
    """The immutable record of one proven model: made by a ModelTraining's run, or imported."""

    PLURAL: ClassVar[str] = "modelversions"
    SHORT: ClassVar[str] = "mv"
    SELECTABLE: ClassVar[tuple[str, ...]] = (".spec.source.trainingRef.name",)
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Training", json_path=".spec.source.trainingRef.name"),
        Column(name="Algorithm", json_path=".spec.algorithm"),
        Column(name="Metric", json_path=".status.printed.metric"),
        Column(name="Deployed", json_path='.status.conditions[?(@.type=="Deployed")].status'),
        Column(name="Outcome", json_path=".status.outcome.reason"),
        AGE,
        Column(name="Rows", json_path=".spec.dataset.rows", type="integer", priority=1),
        Column(name="Parent", json_path=".spec.parent", priority=1),
        Column(name="Sha256", json_path=".spec.artifact.sha256", priority=1),
    )

    spec: VersionSpec = Field(
        description="What was trained, from what, and how good it proved.",
        json_schema_extra={
            "x-kubernetes-validations": [
                rule(
                    "self == oldSelf", "a ModelVersion never changes: train again to get a new one"
                )
            ]
        },
    )
    status: VersionStatus = Field(
        VersionStatus(), description="Where the version is deployed and what became of it."
    )

    @property
    def refuted(self) -> Outcome | None:
        """How live traffic had it rolled back; None where it had not."""
        outcome = self.status.outcome
        return outcome if outcome is not None and outcome.reason == "RolledBack" else None
