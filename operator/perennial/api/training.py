"""ModelTraining: keeps a model trained."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from perennial.api.base import (
    AGE,
    ApiModel,
    Column,
    Conditions,
    Duration,
    Json,
    Kind,
    LocalRef,
    Name,
    ScorerName,
    Sha256,
    Text,
    Time,
    Uri,
    rule,
    within,
)
from perennial.api.pods import Resources
from perennial.api.store import OPENABLE, SECRET, StoreRef
from perennial.api.version import DatasetRecord, Metric


class Split(ApiModel):
    """How rows are held out for the proof."""

    method: Literal["Random", "Time"] = Field(
        "Random",
        description=(
            "Random draws rows with a fixed seed; Time holds out the newest rows and needs "
            "timeColumn."
        ),
    )
    test_fraction: float = Field(
        0.2, ge=0.01, le=0.9, description="Share of the rows that is held out."
    )


class Feedback(ApiModel):
    """Answered requests whose truth came back, as rows to learn from."""

    deployment_ref: LocalRef = Field(
        description=(
            "ModelDeployment whose request log and feedback are joined; its "
            "spec.serving.requestLog must allow every feature."
        )
    )


class Dataset(ApiModel):
    """The rows that the model learns from."""

    uri: Uri = Field(
        description=(
            "A file, a prefix ending in /, or a glob, such as s3://data/flights/2013-*.parquet. "
            "CSV or Parquet by suffix."
        ),
        json_schema_extra=OPENABLE,
    )
    target: str = Field(description="Column to predict.", min_length=1, max_length=253)
    features: list[str] = Field(
        [],
        description="Columns to learn from; by default all but target and timeColumn.",
        max_length=512,
        json_schema_extra={"x-items-max-length": 253, "x-kubernetes-list-type": "set"},
    )
    time_column: str | None = Field(
        None, description="Column that says when a row happened.", min_length=1, max_length=253
    )
    split: Split = Field(Split(), description="How rows are held out for the proof.")
    secret_ref: LocalRef | None = Field(
        None,
        description=(
            f"{SECRET} By default that of the artifact store, of which only the keys of the "
            "dataset's own scheme are read."
        ),
    )
    feedback: Feedback | None = Field(
        None,
        description=(
            "Add the logged requests of a ModelDeployment, with the labels that its feedback "
            "endpoint was told, to the rows."
        ),
    )


class SearchSpace(ApiModel):
    """One parameter's distribution: exactly one of int, float or choice."""

    int_: list[int] | None = Field(
        None,
        alias="int",
        description="Whole numbers from the first to the second, both included.",
        min_length=2,
        max_length=2,
    )
    float_: list[float] | None = Field(
        None,
        alias="float",
        description="Numbers from the first to the second.",
        min_length=2,
        max_length=2,
    )
    log: bool = Field(False, description="Draw evenly on a logarithmic scale (float only).")
    choice: list[int | str] | None = Field(
        None,
        description="One of these whole numbers or words.",
        min_length=1,
        max_length=64,
    )


class Search(ApiModel):
    """A random search over parameters, scored on rows held out of the training rows."""

    trials: int = Field(8, ge=1, le=256, description="How many settings are tried.")
    parameters: dict[str, SearchSpace] = Field(
        description="Distribution of each parameter, by the estimator's own parameter name.",
        min_length=1,
        max_length=32,
        json_schema_extra={
            "x-item-validations": [
                rule(
                    "[has(self.int), has(self.float), has(self.choice)].filter(x, x).size() == 1",
                    "give exactly one of int, float or choice",
                ),
                rule(
                    "!has(self.int) || self.int[0] <= self.int[1]",
                    "int must be [lowest, highest]",
                ),
                rule(
                    "!has(self.float) || self.float[0] <= self.float[1]",
                    "float must be [lowest, highest]",
                ),
                rule(
                    "!has(self.log) || !self.log || (has(self.float) && self.float[0] > 0.0)",
                    "log needs float bounds above zero",
                ),
            ]
        },
    )


class Candidate(ApiModel):
    """One algorithm that competes to become the champion."""

    name: Name = Field(description="Name of the candidate, unique in the list.")
    algorithm: str = Field(
        description=(
            "A scikit-learn estimator by its own name, such as HistGradientBoostingClassifier."
        ),
        min_length=1,
        max_length=64,
        pattern=r"^[A-Z][A-Za-z0-9]+$",
        json_schema_extra={
            "x-message": "write a scikit-learn estimator by its own name, such as "
            "LogisticRegression"
        },
    )
    parameters: dict[str, Any] = Field(
        {},
        description="Parameters of the estimator, by its own parameter names.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    search: Search | None = Field(
        None, description="Parameters to search for; the others stay as given."
    )


class AgainstChampion(ApiModel):
    """A comparison with the champion on the same held-out rows."""

    maximum_loss: float = Field(
        0.0,
        ge=0,
        description="How much worse than the champion it may be, in units of the metric.",
    )


class Gate(ApiModel):
    """A limit that a candidate must pass; exactly one of minimum, maximum, againstChampion."""

    metric: ScorerName = Field(description="A scikit-learn scorer's name, such as roc_auc.")
    minimum: float | None = Field(None, description="The metric must not be below.")
    maximum: float | None = Field(None, description="The metric must not be above.")
    against_champion: AgainstChampion | None = Field(
        None,
        description=(
            "The metric must not be worse than the champion's on the same rows; or, where live "
            "traffic had the champion rolled back, than that of the version that serves instead."
        ),
    )


class Objective(ApiModel):
    """What the candidates are ranked by."""

    metric: ScorerName = Field(
        description=(
            "A scikit-learn scorer's name, such as roc_auc or neg_mean_absolute_error; greater is "
            "better for every scorer."
        )
    )


class Schedule(ApiModel):
    """When runs start by themselves."""

    cron: str = Field(
        description='Five cron fields, for example "0 3 * * *".',
        min_length=9,
        max_length=128,
        # Not \S: what is a space differs between the API server's expressions and Python's.
        pattern=r"^[!-~]+( +[!-~]+){4}$",
        json_schema_extra={
            "x-message": "write five cron fields (minute, hour, day, month, weekday), such as "
            '"0 3 * * *"'
        },
    )
    time_zone: str = Field(
        "Etc/UTC", description="IANA time zone of the cron fields.", min_length=1, max_length=64
    )


class JobOptions(ApiModel):
    """How a run's Job is run."""

    parallelism: int = Field(2, ge=1, le=64, description="Candidates trained at the same time.")
    backoff_limit: int = Field(2, ge=0, le=20, description="Retries of each candidate.")
    active_deadline: Duration = Field(
        "1h", description="Longest time that a run may take.", json_schema_extra=within("1s")
    )
    resources: Resources | None = Field(
        None, description="Requests and limits of the training container, as in a pod."
    )
    service_account_name: str = Field(
        "", description="Service account of the training pods.", max_length=253
    )


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
                    "!has(self.dataset.features) || !(self.dataset.target in "
                    "self.dataset.features)",
                    "features must not contain the target: the model would learn its own answer",
                    fieldPath=".dataset.features",
                ),
            ]
        }
    }

    task: Literal["Classification", "Regression"] = Field(
        description="Classification predicts a class, Regression a number."
    )
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
            "x-kubernetes-list-type": "atomic",
            "x-item-validations": [
                rule(
                    "[has(self.minimum), has(self.maximum), has(self.againstChampion)]"
                    ".filter(x, x).size() == 1",
                    "give exactly one of minimum, maximum or againstChampion",
                ),
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


class RunStatus(ApiModel):
    """The run under way, or the newest one."""

    number: int = Field(description="Counts up from 1.")
    trigger: Literal["Spec", "Schedule", "Drift", "Request"] = Field(
        description="What started the run."
    )
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
    candidates: list[CandidateStatus] = Field(
        [], description="Each candidate's state.", max_length=16
    )


class LastRun(ApiModel):
    """The newest run that ended."""

    number: int = Field(description="Number of the run.")
    trigger: str = Field(description="What had started the run.", max_length=32)
    outcome: Literal["Promoted", "GatesFailed", "NothingNew", "Failed"] = Field(
        description=(
            "Promoted: a candidate won. GatesFailed: nobody passed. NothingNew: a run that drift "
            "or the schedule asked for found the rows, or a model equal to the champion, again. "
            "Failed: nobody trained."
        )
    )
    message: Text = Field("", description="The outcome in a sentence.")
    start_time: Time = Field(description="When the run started.")
    finish_time: Time = Field(description="When the run ended.")
    candidates: list[CandidateStatus] = Field(
        [], description="How each candidate did.", max_length=16
    )


class Pending(ApiModel):
    """A run that waits for the one under way; at most one, reasons joined."""

    trigger: Literal["Spec", "Schedule", "Drift", "Request"] = Field(
        description="What asked for the run."
    )
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


class ModelTraining(Kind):
    """Keeps a model trained: runs candidates, proves them, and records the winner."""

    PLURAL: ClassVar[str] = "modeltrainings"
    SHORT: ClassVar[str] = "mt"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Ready", json_path='.status.conditions[?(@.type=="Ready")].status'),
        Column(name="Training", json_path=".status.printed.training"),
        Column(name="Champion", json_path=".status.champion.version"),
        Column(name="Metric", json_path=".status.printed.metric"),
        Column(name="Last-Run", json_path=".status.lastRun.outcome"),
        Column(name="Finished", json_path=".status.lastRun.finishTime", type="date"),
        Column(name="Reason", json_path='.status.conditions[?(@.type=="Ready")].reason'),
        AGE,
        Column(
            name="Message",
            json_path='.status.conditions[?(@.type=="Ready")].message',
            priority=1,
        ),
    )
    RULES: ClassVar[tuple[Json, ...]] = (
        rule(
            "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')"
            " && size(self.metadata.name) <= 52",
            "name must be a DNS label of at most 52 characters: the training pods' host names "
            "begin with it",
        ),
    )

    spec: TrainingSpec = Field(description="What to train, and what it must prove.")
    status: TrainingStatus = Field(
        TrainingStatus(), description="What the operator knows about the training."
    )
