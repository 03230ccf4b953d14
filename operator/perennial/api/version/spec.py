"""What a version says of itself; it never changes."""

from typing import Any

from pydantic import Field

from perennial.api.common import ApiModel, LocalRef
from perennial.api.values import Text, rule
from perennial.api.version.records import Artifact, DatasetRecord, Metric, Signature


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
