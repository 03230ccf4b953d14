"""ModelDeployment: serves a model and rolls out its new versions."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from perennial.api.base import (
    AGE,
    ApiModel,
    ByteSize,
    Column,
    Conditions,
    Duration,
    Json,
    Kind,
    LocalRef,
    Sha256,
    Text,
    Time,
    Uri,
    rule,
    sized,
    within,
)
from perennial.api.pods import PodOverrides, Resources
from perennial.api.store import OPENABLE, SECRET, StoreRef

_ONE_MODEL = rule(
    "[has(self.trainingRef), has(self.versionRef), has(self.artifact)].filter(x, x).size() == 1",
    "give exactly one of trainingRef (follow a training), versionRef (one version) "
    "or artifact (uri and sha256)",
)


class ArtifactRef(ApiModel):
    """A model by its place and digest."""

    uri: Uri = Field(
        description="Directory of the artifact, for example s3://models/sha256/ab…/.",
        json_schema_extra=OPENABLE,
    )
    sha256: Sha256 = Field(description="SHA-256 of the artifact's manifest.json.")


class ArtifactSource(ArtifactRef):
    """A model by its place and digest, and the Secret that opens its store."""

    secret_ref: LocalRef | None = Field(
        None,
        description=(
            f"{SECRET} By default the chart's, where the scheme is that of the chart's default "
            "store; elsewhere the pod's own identity counts."
        ),
    )


class ModelSource(ApiModel):
    """Which model to serve: exactly one of trainingRef, versionRef, artifact."""

    model_config = {"json_schema_extra": {"x-kubernetes-validations": [_ONE_MODEL]}}

    training_ref: LocalRef | None = Field(
        None, description="Follow the newest version of this ModelTraining that passed its gates."
    )
    version_ref: LocalRef | None = Field(None, description="Serve this ModelVersion.")
    artifact: ArtifactSource | None = Field(None, description="Serve the artifact at this place.")


class Batching(ApiModel):
    """How requests that wait at the same time run together; no request waits for another."""

    max_rows: int = Field(
        ge=0,
        le=65_536,
        description="Most rows that run together; 0 runs every request by itself.",
    )


class Limits(ApiModel):
    """What one pod takes on; beyond it a request is refused, and nothing else suffers."""

    max_body_size: ByteSize | None = Field(
        None,
        description="Largest request (16Mi by default); a larger one is answered with 413.",
        json_schema_extra=sized("1Ki", "1Gi"),
    )
    max_in_flight: int | None = Field(
        None,
        ge=1,
        le=65_536,
        description=(
            "Most requests at once (1024 by default); one more is answered with 503 and "
            "Retry-After."
        ),
    )


InputName = Annotated[str, Field(min_length=1, max_length=253)]


class RequestLog(ApiModel):
    """Which requests and answers are kept as Parquet files, and the feedback endpoint.

    They are written below logs/NAMESPACE/NAME in the store, in the background.
    """

    sample_fraction: float = Field(
        1.0, gt=0, le=1, description="Share of the requests that is logged, drawn at random."
    )
    features: list[InputName] = Field(
        [],
        description=(
            "Inputs that may be logged; by default none, only the answers, so that private "
            "columns never leave the pod."
        ),
        max_length=512,
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    store: StoreRef | None = Field(
        None,
        description=(
            "Store of the log; by default that of the ModelTraining, else the one that the chart "
            "set, which every namespace can open."
        ),
    )


class Serving(ApiModel):
    """How the model server runs."""

    # A new field has no default here: it would make a new revision of everybody's.
    resources: Resources | None = Field(
        None, description="Requests and limits of the serving container, as in a pod."
    )
    batching: Batching | None = Field(
        None, description="How requests run together; by default up to 256 rows do."
    )
    drift_windows: Literal["Enabled", "Disabled"] | None = Field(
        None,
        description=(
            "Enabled, the default, counts every row for the DriftMonitors that watch this; "
            "Disabled spares the few microseconds a row that it costs."
        ),
    )
    limits: Limits | None = Field(None, description="What one pod takes on.")
    request_log: RequestLog | None = Field(
        None,
        description=(
            "Keep requests and answers, and take feedback about them; by default neither. "
            "Joined, they are rows for the next training (ModelTraining spec.dataset.feedback)."
        ),
    )


class Pause(ApiModel):
    """A wait: for a duration, or, left empty, for a person's promote."""

    duration: Duration | None = Field(
        None, description="How long to wait; without it, until a person promotes."
    )


class Step(ApiModel):
    """One step of a canary: exactly one of setWeight, pause."""

    name: str = Field(
        "", description="What the status calls it; by default its number.", max_length=63
    )
    set_weight: int | None = Field(
        None, ge=0, le=100, description="Share of the traffic for the canary, in percent."
    )
    pause: Pause | None = Field(None, description="A wait, during which analysis goes on.")


class ErrorRate(ApiModel):
    """Share of the canary's answers that are errors of the server (5xx)."""

    maximum: float = Field(ge=0, le=1, description="Highest share that is allowed.")


class Latency(ApiModel):
    """A quantile of the canary's answer time."""

    quantile: float = Field(0.99, gt=0, lt=1, description="Quantile, 0.99 for the slowest 1 %.")
    maximum: Duration = Field(description="Longest time that is allowed, for example 250ms.")


class AnalysisMetric(ApiModel):
    """A metric that is judged during the canary: exactly one of errorRate, latency."""

    name: str = Field(description="Name, unique in the list.", min_length=1, max_length=63)
    error_rate: ErrorRate | None = Field(None, description="Share of answers that are 5xx.")
    latency: Latency | None = Field(None, description="A quantile of the answer time.")


class Analysis(ApiModel):
    """What must hold while the canary takes traffic."""

    interval: Duration = Field(
        "10s", description="Time between two measurements.", json_schema_extra=within("1s")
    )
    failure_limit: int = Field(
        1, ge=0, le=100, description="Failed measurements that are allowed in a step."
    )
    inconclusive_limit: int = Field(
        6,
        ge=0,
        le=1000,
        description="Measurements with too few requests that are allowed before a person decides.",
    )
    minimum_requests: int = Field(
        100,
        ge=1,
        le=1_000_000,
        description="Requests that a measurement needs; fewer are inconclusive, never a success.",
    )
    metrics: list[AnalysisMetric] = Field(
        description="What is measured.",
        min_length=1,
        max_length=16,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "x-item-validations": [
                rule(
                    "[has(self.errorRate), has(self.latency)].filter(x, x).size() == 1",
                    "give exactly one of errorRate or latency",
                )
            ],
        },
    )


class Canary(ApiModel):
    """Steps by which a new version takes over the traffic."""

    steps: list[Step] = Field(
        description="Weights and pauses, in order; after the last one the canary is promoted.",
        min_length=1,
        max_length=32,
        json_schema_extra={
            "x-kubernetes-list-type": "atomic",
            "x-item-validations": [
                rule(
                    "[has(self.setWeight), has(self.pause)].filter(x, x).size() == 1",
                    "give exactly one of setWeight or pause",
                )
            ],
        },
    )


DEFAULT_STEPS = (
    Step(set_weight=20),
    Step(pause=Pause(duration="30s")),
    Step(set_weight=50),
    Step(pause=Pause(duration="30s")),
)


class Rollout(ApiModel):
    """How a new version replaces the present one."""

    # A member of a choice has no default here: another one could not be chosen beside it.
    canary: Canary | None = Field(
        None,
        description=(
            "Steps by which a new version takes over the traffic; by default 20 % and 50 %, half "
            "a minute each."
        ),
    )
    analysis: Analysis | None = Field(
        None, description="What must hold while the canary takes traffic."
    )
    progress_deadline: Duration = Field(
        "10m",
        description="Longest time for pods to become ready before a rollout is rolled back.",
        json_schema_extra=within("1s"),
    )
    on_new_version: Literal["Finish", "Restart"] = Field(
        "Finish",
        description=(
            "What a newer version does to a canary under way: Finish lets it end first, "
            "Restart begins anew with the newest."
        ),
    )

    @property
    def steps(self) -> list[Step]:
        """Return the canary's steps, by default the operator's own."""
        return list(DEFAULT_STEPS) if self.canary is None else self.canary.steps


class DeploymentSpec(ApiModel):
    """Which model to serve, and how new versions roll out."""

    model: ModelSource = Field(description="Which model to serve.")
    replicas: int = Field(
        1,
        ge=0,
        le=1000,
        description=(
            "Number of pods. An autoscaler writes it (kubectl scale, too); leave it out of what "
            "you apply where one does."
        ),
    )
    serving: Serving = Field(Serving(), description="How the model server runs.")
    pod_overrides: PodOverrides = Field(
        PodOverrides(), description="What is added to the serving pods."
    )
    rollout: Rollout = Field(Rollout(), description="How a new version replaces the present one.")


class LogPlace(ApiModel):
    """Where requests are logged."""

    uri: str = Field(description="Directory with requests/ and feedback/.", max_length=1280)
    secret: str = Field("", description="Secret that opens the store.", max_length=253)


class _Named(ApiModel):
    """A version under one set of settings."""

    version: str = Field("", description="Name of the ModelVersion.", max_length=253)
    revision: str = Field(
        alias="name",
        description="Hash of what the user wrote, and a count; a ControllerRevision has the rest.",
        max_length=32,
    )

    @property
    def name(self) -> str:
        """What people call it: its version, where it has one."""
        return self.version or self.revision


class Share(ApiModel):
    """Share of the traffic, in percent."""

    asked: int = Field(description="What the step asks for.")
    actual: int = Field(description="What the ratio of replicas gives.")


Role = Literal["Stable", "Canary", "Previous"]


class Revision(_Named):
    """A served revision: a version under one set of settings."""

    role: Role | None = Field(
        None,
        description=(
            "Stable answers. Canary is on trial. Previous answered before stable did: its "
            "Deployment stays, without pods, for the request undo."
        ),
    )
    share: Share | None = Field(None, description="Its share of the traffic, while on trial.")

    artifact: ArtifactRef = Field(description="The artifact that is served.")
    secret: str = Field("", description="Secret that opens the artifact's store.", max_length=253)
    request_log: LogPlace | None = Field(
        None, description="Where its pods log requests; absent where they do not."
    )
    replicas: int = Field(0, description="Pods wanted.")
    ready_replicas: int = Field(0, description="Pods that are ready.")
    start_time: Time | None = Field(None, description="When the revision was started.")


class MetricCount(ApiModel):
    """Counters of one pod when the step's present measurement began."""

    pod: str = Field(description="Name of the pod.", max_length=253)
    requests: float = Field(description="Requests answered.")
    errors: float = Field(description="Requests answered with 5xx.")
    buckets: dict[str, float] = Field(
        {}, description="Latency histogram, cumulative by upper bound in seconds.", max_length=64
    )


class Measurement(ApiModel):
    """One look at one metric."""

    metric: str = Field(description="Name of the metric.", max_length=63)
    verdict: Literal["Successful", "Failed", "Inconclusive"] = Field(
        description="Successful, Failed or Inconclusive."
    )
    value: float | None = Field(None, description="What was measured.")
    requests: int = Field(0, description="Requests behind the value.")
    message: Text = Field("", description="The verdict in a sentence.")
    time: Time = Field(description="When.")


class StepStatus(ApiModel):
    """Where a canary stands; all that a restart needs to go on."""

    index: int = Field(description="Index of the step, from 0.")
    steps: str = Field(
        "", description="Hash of the list of steps; a canary begins anew on another.", max_length=16
    )
    start_time: Time | None = Field(
        None, description="When the step's weight was in force; absent while it scales."
    )
    scaling_since: Time | None = Field(None, description="When the step began to scale.")
    baseline: list[MetricCount] = Field(
        [], description="Counters when the present measurement began.", max_length=256
    )
    baseline_time: Time | None = Field(None, description="When the present measurement began.")
    measurements: list[Measurement] = Field(
        [], description="The newest measurements.", max_length=64
    )
    failures: int = Field(0, description="Failed measurements in this step.")
    inconclusive: int = Field(0, description="Inconclusive measurements in a row.")
    successes: int = Field(0, description="Successful measurements in this step.")


class Rejection(_Named):
    """A revision that was rolled back; it is not tried again by itself."""

    reason: str = Field(description="Why, in one word.", max_length=64)
    message: Text = Field("", description="Why, in a sentence.")
    time: Time = Field(description="When.")


class Address(ApiModel):
    """Where the model answers."""

    url: str = Field(description="URL inside the cluster.", max_length=512)


class Printed(ApiModel):
    """What `kubectl get` prints: made of the facts beside it, and nothing to rely on."""

    model: str = Field("", description="What serves.", max_length=253)
    canary: str = Field("", description="What is on trial.", max_length=253)
    weight: str = Field("", description="The canary's share, asked/actual.", max_length=16)
    step: str = Field("", description="Step of steps.", max_length=16)
    ready: str = Field("", description="Ready pods of wanted pods.", max_length=16)


ROLES: dict[str, Role] = {"stable": "Stable", "canary": "Canary", "replaced": "Previous"}


class DeploymentStatus(ApiModel):
    """What is served, and where a rollout stands."""

    observed_generation: int = Field(-1, description="Generation that the status is about.")
    conditions: Conditions = []
    revisions: list[Revision] = Field(
        [],
        description="The revisions that have a part in it: Stable, Canary, Previous.",
        max_length=8,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    promoted_time: Time | None = Field(None, description="When stable was promoted.")
    promoting: bool = Field(False, description="The canary passed its steps and takes over.")
    step: StepStatus | None = Field(None, description="Where the canary stands.")
    paused: str = Field(
        "", description="Why the rollout waits for a person; empty when it does not.", max_length=64
    )
    rejected: list[Rejection] = Field(
        [], description="The last revisions that were rolled back.", max_length=5
    )
    serving_image_outdated: bool = Field(
        False, description="The pods run an older serving image than the operator's."
    )
    serving_image: str = Field("", description="The image that stable's pods run.", max_length=512)
    replicas: int = Field(
        0, description="Pods: stable's alone while it is full, else those of all revisions."
    )
    ready_replicas: int = Field(0, description="Pods that are ready, of all revisions.")
    selector: str = Field("", description="Label selector of these pods.", max_length=1024)
    printed: Printed | None = Field(None, description="What kubectl get prints.")
    address: Address | None = Field(None, description="Where the model answers.")
    last_request: str = Field(
        "", description="The newest perennial.dev/request that was handled.", max_length=253
    )

    def _in(self, role: Role) -> Revision | None:
        return next((r for r in self.revisions if r.role == role), None)

    @property
    def stable(self) -> Revision | None:
        """The revision that answers."""
        return self._in("Stable")

    @property
    def canary(self) -> Revision | None:
        """The revision that is on trial."""
        return self._in("Canary")

    @property
    def replaced(self) -> Revision | None:
        """The revision that answered before stable did."""
        return self._in("Previous")

    @property
    def weight(self) -> Share | None:
        """The canary's share of the traffic."""
        return self.canary.share if self.canary is not None else None

    def having(self, **changes: object) -> Self:
        """Return the status with changes; ``stable``, ``canary``, ``replaced`` are revisions.

        ``weight`` is the canary's share; a revision that changes its role loses the one it had.
        """
        found: dict[str, Any] = {field: getattr(self, field) for field in ROLES}
        found |= {field: changes.pop(field) for field in ROLES if field in changes}
        if "weight" in changes:
            share, canary = changes.pop("weight"), found["canary"]
            found["canary"] = canary and canary.model_copy(update={"share": share})
        revisions = [
            r if r.role == role else r.model_copy(update={"role": role, "share": None})
            for field, role in ROLES.items()
            if (r := found[field]) is not None
        ]
        return self.model_copy(update={**changes, "revisions": revisions})


class ModelDeployment(Kind):
    """Serves a model over the Open Inference Protocol and rolls out its new versions."""

    PLURAL: ClassVar[str] = "modeldeployments"
    SHORT: ClassVar[str] = "md"
    SELECTABLE: ClassVar[tuple[str, ...]] = (".spec.model.trainingRef.name",)
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Ready", json_path='.status.conditions[?(@.type=="Ready")].status'),
        Column(name="Model", json_path=".status.printed.model"),
        Column(name="Canary", json_path=".status.printed.canary"),
        Column(name="Weight", json_path=".status.printed.weight"),
        Column(name="Step", json_path=".status.printed.step"),
        Column(name="Replicas", json_path=".status.printed.ready"),
        Column(name="Reason", json_path='.status.conditions[?(@.type=="Ready")].reason'),
        AGE,
        Column(
            name="Message", json_path='.status.conditions[?(@.type=="Ready")].message', priority=1
        ),
    )
    SCALE: ClassVar[Json | None] = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    RULES: ClassVar[tuple[Json, ...]] = (
        rule(
            "!self.metadata.name.endsWith('-canary') && !self.metadata.name.endsWith('-preview')",
            "name must not end in -canary or -preview: Services of a rollout may be called so",
        ),
        rule(
            "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')"
            " && size(self.metadata.name) <= 52",
            "name must be a DNS label of at most 52 characters that starts with a letter: "
            "the Service has the same name",
        ),
    )

    spec: DeploymentSpec = Field(description="Which model to serve, and how versions roll out.")
    status: DeploymentStatus = Field(
        DeploymentStatus(), description="What is served, and where a rollout stands."
    )
