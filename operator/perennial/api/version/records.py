"""What was measured, learned from, and made."""

from pydantic import Field

from perennial.api.common import ApiModel, LocalRef
from perennial.api.values import Sha256, Uri


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
    frequent_end: str | None = Field(
        None,
        description=(
            "Time of the newest row of the most frequent class, which may be older than end where "
            "labels of others come earlier; absent for numbers."
        ),
        max_length=64,
    )
    since: str | None = Field(
        None, description="Rows from before were left out (dataset.newest).", max_length=64
    )


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
