"""What to train."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.store import StoreRef
from perennial.api.training.candidates import Candidate
from perennial.api.training.dataset import Dataset
from perennial.api.training.gates import Gate, Objective
from perennial.api.training.runs import JobOptions, Schedule
from perennial.api.values import one_of, rule
from perennial_artifact.manifest import Task


class TrainingSpec(ApiModel):
    """What to train, on which rows, and what it must prove."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                rule(
                    "!has(self.dataset.split) || self.dataset.split.method != 'Time' "
                    "|| has(self.dataset.timeColumn)",
                    "split method Time needs dataset.timeColumn: name the column that says when "
                    "a row happened, or use Random",
                    fieldPath=".dataset.split.method",
                ),
                rule(
                    "!has(self.dataset.newest) || has(self.dataset.timeColumn)",
                    "newest needs dataset.timeColumn: name the column that says when a row "
                    "happened, or remove newest",
                    fieldPath=".dataset.newest",
                ),
                rule(
                    "!has(self.dataset.split) || (self.dataset.split.method == 'Grouped') == "
                    "has(self.dataset.split.column)",
                    "split method Grouped needs split.column, and the other methods have none: "
                    "name the column whose value says which rows belong together",
                    fieldPath=".dataset.split",
                ),
                rule(
                    "!has(self.dataset.split) || !has(self.dataset.split.gap) || "
                    "self.dataset.split.method == 'Time'",
                    "only split method Time has a gap: remove it, or hold rows out by time",
                    fieldPath=".dataset.split.gap",
                ),
                rule(
                    "!has(self.dataset.split) || !has(self.dataset.split.column) || "
                    "self.dataset.split.column != self.dataset.target",
                    "split.column must not be the target: its classes would be in one part only",
                    fieldPath=".dataset.split.column",
                ),
                rule(
                    "!has(self.dataset.positiveClass) || self.task == 'Classification'",
                    "only a classification has a positiveClass: remove it",
                    fieldPath=".dataset.positiveClass",
                ),
                rule(
                    "!has(self.dataset.features) || !(self.dataset.target in "
                    "self.dataset.features)",
                    "features must not contain the target: the model would learn its own answer",
                    fieldPath=".dataset.features",
                ),
            ]
        }
    }

    task: Task = Field(description="Classification predicts a class, Regression a number.")
    dataset: Dataset = Field(description="The rows that the model learns from.")
    objective: Objective = Field(description="What the candidates are ranked by.")
    candidates: list[Candidate] = Field(
        description="The algorithms that compete; the best that passes every gate wins.",
        min_length=1,
        max_length=16,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    )
    gates: list[Gate] = Field(
        [],
        description="What a candidate must prove before it becomes a ModelVersion.",
        max_length=32,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "x-item-validations": [
                one_of("minimum", "maximum", "againstChampion"),
            ],
        },
    )
    schedule: Schedule | None = Field(None, description="When runs start by themselves.")
    suspend: bool = Field(False, description="True starts no new run; a run under way goes on.")
    store: StoreRef | None = Field(
        None, description="Where artifacts are kept; by default the store that the chart set."
    )
    job: JobOptions = Field(JobOptions(), description="How a run's Job is run.")
    version_history_limit: int = Field(
        10,
        ge=1,
        le=100,
        description="How many ModelVersions to keep that no ModelDeployment names.",
    )
