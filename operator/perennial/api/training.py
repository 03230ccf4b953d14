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

    method: Literal["Random", "Time", "Grouped"] = Field(
        "Random",
        description=(
            "Random holds rows out by a hash of their values, the same share of each class, so "
            "that a row stays on its side when files change; Time holds out the newest rows and "
            "needs timeColumn; Grouped keeps all rows with the same value of column together."
        ),
    )
    test_fraction: float = Field(
        0.2, ge=0.01, le=0.9, description="Share of the rows that is held out."
    )
    column: str | None = Field(
        None,
        description="Column whose value says which rows belong together (Grouped only).",
        min_length=1,
        max_length=253,
    )
    gap: Duration | None = Field(
        None,
        description=(
            "Rows this short a time before the oldest held-out one are left out, so that nothing "
            "that they share with it is learned (Time only)."
        ),
        json_schema_extra=within("1s", "8760h"),
    )


class DeclaredColumn(ApiModel):
    """What a column holds, where the rule for it would be wrong."""

    name: str = Field(description="Name of the column.", min_length=1, max_length=253)
    kind: Literal["Number", "Category", "Boolean", "Time", "Ignore"] = Field(
        description=(
            "Number; Category, which is text; Boolean; Time, of which hour, weekday, day and month "
            "are learned; or Ignore, which leaves the column out."
        )
    )


CheckAction = Literal["Tell", "Refuse", "Ignore"]


class Checks(ApiModel):
    """What is done about what a check finds in the rows: told in status (default), or refused."""

    constant: CheckAction | None = Field(None, description="Columns with one value in all rows.")
    near_constant: CheckAction | None = Field(
        None, description="Columns with one value in 99 % of the rows."
    )
    leaking: CheckAction | None = Field(
        None, description="Columns that alone tell nearly every answer, as what is known late."
    )
    identifier_like: CheckAction | None = Field(
        None, description="Columns with another value in nearly every row."
    )
    duplicate_rows: CheckAction | None = Field(None, description="Rows that repeat others.")
    missing: CheckAction | None = Field(None, description="Columns that are mostly missing.")
    imbalance: CheckAction | None = Field(None, description="Rare classes.")
    shared: CheckAction | None = Field(
        None, description="Held-out rows that are equal to rows that are learned from."
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
            "Parquet or CSV by suffix, CSV also as .csv.gz; of a path such as year=2013/ the "
            "values become columns."
        ),
        json_schema_extra=OPENABLE,
    )
    target: str = Field(description="Column to predict.", min_length=1, max_length=253)
    positive_class: str | None = Field(
        None,
        description=(
            "The class that metrics of two classes, such as f1, are about; by default the last in "
            "order, such as 1, true or yes."
        ),
        max_length=253,
    )
    features: list[str] = Field(
        [],
        description=(
            "Columns to learn from; by default all but target, timeColumn and split.column."
        ),
        max_length=512,
        json_schema_extra={"x-items-max-length": 253, "x-kubernetes-list-type": "set"},
    )
    columns: list[DeclaredColumn] = Field(
        [],
        description=(
            "What columns hold, where it should not be settled by rule. By rule a column is a "
            "Number where all values in all files are numbers, Boolean where all are true or "
            "false, else a Category; times are left out unless they are declared. Status tells "
            "what was settled."
        ),
        max_length=512,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    )
    missing: list[str] = Field(
        [],
        description=(
            "Words that mean missing in any column, besides the empty one; in a column of numbers "
            "the usual ones (NA, NaN, null, ?) mean it anyway."
        ),
        max_length=32,
        json_schema_extra={"x-items-max-length": 64, "x-kubernetes-list-type": "set"},
    )
    checks: Checks = Field(Checks(), description="What to do about what is odd in the rows.")
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
    # Of any type, so a rule in CEL does not see it: the operator checks that it is alone.
    choice: list[Any] | None = Field(
        None,
        description="One of these values, of any type, null included.",
        min_length=1,
        max_length=64,
        json_schema_extra={"x-preserve-items": True},
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
                    "!has(self.int) || !has(self.float)",
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

    maximum_decrease: float = Field(
        0.0,
        ge=0,
        description="How much worse than the champion it may be, in units of the metric.",
    )


class Gate(ApiModel):
    """A limit that a candidate must pass; exactly one of minimum, maximum, againstChampion."""

    name: Name = Field(description="Name of the gate, unique in the list.")
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
        "1h",
        description=(
            "Longest time that a run may take. While its pods wait for the cluster, and no other "
            "run is wished for, its Job is given more."
        ),
        json_schema_extra=within("1s"),
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
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
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
    dataset: DatasetNotes | None = Field(
        None, description="What was read, and what was noticed about it."
    )
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
