"""What is known of a training and its runs."""

from typing import Any, Literal

from pydantic import Field

from perennial.api.common import ApiModel, Conditions
from perennial.api.values import Sha256, Text, Time, Uri
from perennial.api.version.records import DatasetRecord, Metric

TriggerKind = Literal["Spec", "Schedule", "Drift", "Request"]
"""What starts a run."""


class CandidateStatus(ApiModel):
    """How one candidate of a run did."""

    name: str = Field(description="Name of the candidate.", max_length=63)
    metric: float | None = Field(None, description="Value of the objective's metric.")
    verdict: Literal["Running", "Won", "Passed", "GatesFailed", "Failed"] = Field(
        description="What became of the candidate."
    )
    message: Text = Field("", description="Which gate failed and by how much, or the failure.")
    result: dict[str, Any] = Field(
        {},
        description="What the candidate's pod told, kept until the run has ended.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )


class Champion(ApiModel):
    """A version that passed its gates, as it is served and compared with."""

    version: str = Field(description="Name of the ModelVersion.", max_length=253)
    metric: Metric = Field(description="The objective's metric on the rows held out by its run.")
    uri: Uri = Field(description="Where the artifact is.")
    sha256: Sha256 = Field(description="Digest of the artifact.")
    secret: str = Field("", description="Secret that opens the artifact's store.", max_length=253)
    dataset: DatasetRecord | None = Field(None, description="The rows that it learned from.")

    @property
    def summary(self) -> str:
        """Return the metric as name=value."""
        return f"{self.metric.name}={self.metric.value:.3f}"


class PrintedTraining(ApiModel):
    """What `kubectl get` prints: made of the facts beside it, and nothing to rely on."""

    training: str = Field("", description="The trigger of the run under way.", max_length=32)
    metric: str = Field("", description="The champion's metric.", max_length=128)


class Note(ApiModel):
    """Something about the dataset that should be known."""

    check: str = Field(description="What noticed it, such as leaking or columns.", max_length=64)
    message: Text = Field(description="What it is, in a sentence.")


class DatasetNotes(ApiModel):
    """What was read, and what was noticed about it."""

    rows: int = Field(description="Rows with a target.")
    held_out: int | None = Field(None, description="How many of them were held out.")
    notes: list[Note] = Field(
        [], description="What the columns were taken for, and what checks found.", max_length=64
    )


class RunStatus(ApiModel):
    """The run under way, or the newest one."""

    number: int = Field(description="Counts up from 1.")
    trigger: TriggerKind = Field(description="What started the run.")
    reason: Text = Field("", description="The trigger in a sentence.")
    phase: Literal["Fitting", "Finished"] = Field(description="Fitting until the Job has ended.")
    start_time: Time = Field(description="When the run started.")
    generation: int = Field(description="Generation of the spec that the run trains.")
    trained: str = Field(
        "", description="Hash of what is trained: a run starts when it changes.", max_length=16
    )
    champion: Champion | None = Field(
        None, description="What the candidates are compared with; absent where there is nothing."
    )
    dataset: DatasetNotes | None = Field(
        None, description="What was read, as soon as a pod has told; lastRun has it afterwards."
    )
    candidates: list[CandidateStatus] = Field(
        [], description="Each candidate's state.", max_length=16
    )


class LastRun(ApiModel):
    """The newest run that ended."""

    number: int = Field(description="Number of the run.")
    trigger: str = Field(description="What had started the run.", max_length=32)
    outcome: Literal["Promoted", "GatesFailed", "NothingNew", "NotBetter", "Failed"] = Field(
        description=(
            "Promoted: a candidate won. GatesFailed: nobody passed. NothingNew: a run that drift "
            "or the schedule asked for found the rows, or a model equal to the champion, again. "
            "NotBetter: what such a run trained is better than the champion neither on recent rows "
            "nor on older ones, or cannot be held against it. Failed: nobody trained."
        )
    )
    better: bool | None = Field(
        None,
        description=(
            "Whether its best candidate is shown to be better than the champion on rows that "
            "neither learned from; absent where that is not known."
        ),
    )
    message: Text = Field("", description="The outcome in a sentence.")
    start_time: Time = Field(description="When the run started.")
    finish_time: Time = Field(description="When the run ended.")
    dataset: DatasetNotes | None = Field(
        None, description="What was read, and what was noticed about it."
    )
    candidates: list[CandidateStatus] = Field(
        [], description="How each candidate did.", max_length=16
    )


class Pending(ApiModel):
    """A run that waits for the one under way; at most one, reasons joined."""

    trigger: TriggerKind = Field(description="What asked for the run.")
    reason: Text = Field("", description="The reasons, joined.")


class TrainingStatus(ApiModel):
    """What the operator knows about the training."""

    observed_generation: int = Field(-1, description="Generation that the status is about.")
    conditions: Conditions = []
    champion: Champion | None = Field(
        None, description="The newest version that passed its gates: ModelDeployments follow it."
    )
    run: RunStatus | None = Field(None, description="The run under way, or the newest one.")
    last_run: LastRun | None = Field(None, description="The newest run that ended.")
    pending: Pending | None = Field(None, description="A run that waits for the present one.")
    last_request: str = Field(
        "", description="The newest perennial.dev/request that was handled.", max_length=253
    )
    last_schedule_time: Time | None = Field(
        None, description="The newest moment of the schedule that was handled."
    )
    printed: PrintedTraining | None = Field(None, description="What kubectl get prints.")
