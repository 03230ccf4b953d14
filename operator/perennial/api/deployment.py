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
            "set, where the namespace may have that."
        ),
    )


Reward = Annotated[float, Field(ge=-1e15, le=1e15)]


class RewardRange(ApiModel):
    """Between what rewards lie; feedback with another one is refused."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                rule("self.minimum < self.maximum", "minimum must be below maximum")
            ]
        }
    }

    minimum: Reward = Field(description="The smallest reward that there is.")
    maximum: Reward = Field(description="The largest reward that there is.")


class Receipts(ApiModel):
    """A receipt in each answer; feedback that quotes it is counted at once, with no store."""

    reward: RewardRange | None = Field(
        None, description="What rewards there are; by default any number."
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

    receipts: Receipts | None = Field(
        None,
        description=(
            "Give each answer a receipt, sealed with a key of this ModelDeployment's own, and "
            "count the labels and rewards of feedback that quotes one; by default neither."
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


class MaximumIncrease(ApiModel):
    """By how much the canary's share may be above stable's at the same time."""

    maximum_increase: float = Field(
        0.01, ge=0, le=1, description="Largest difference; 0.01 is one point."
    )


class SameAsStable(ApiModel):
    """The shares of slow answers beside stable's, beyond its median, p90 and p99."""


_ONE_LIMIT = rule(
    "[has(self.maximum), has(self.againstStable)].filter(x, x).size() == 1",
    "give exactly one of maximum or againstStable",
)


class RateLimit(ApiModel):
    """A share of the canary's answers: exactly one of maximum, againstStable."""

    maximum: float | None = Field(None, ge=0, le=1, description="Highest share that is allowed.")
    against_stable: MaximumIncrease | None = Field(
        None, description="The share may be above stable's by so much."
    )


class LatencyLimit(ApiModel):
    """The canary's answer time: exactly one of maximum, againstStable."""

    quantile: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Quantile that the maximum is about; by default 0.99, the slowest 1 %.",
    )
    maximum: Duration | None = Field(
        None,
        description="Longest time that is allowed, for example 250ms; pods count up to 10s.",
        json_schema_extra=within("1ms", "10s"),
    )
    against_stable: SameAsStable | None = Field(
        None, description="No more slow answers than stable gives at the same time."
    )


class AnalysisMetric(ApiModel):
    """A metric that is judged during the canary: exactly one of errorRate, refusalRate, latency."""

    name: str = Field(description="Name, unique in the list.", min_length=1, max_length=63)
    error_rate: RateLimit | None = Field(
        None,
        description="Share of answers that are 5xx.",
        json_schema_extra={"x-kubernetes-validations": [_ONE_LIMIT]},
    )
    refusal_rate: RateLimit | None = Field(
        None,
        description="Share of answers that are 4xx.",
        json_schema_extra={"x-kubernetes-validations": [_ONE_LIMIT]},
    )
    latency: LatencyLimit | None = Field(
        None,
        description="The answer time.",
        json_schema_extra={
            "x-kubernetes-validations": [
                _ONE_LIMIT,
                rule(
                    "!has(self.quantile) || has(self.maximum)",
                    "a quantile belongs to a maximum; againstStable has its own",
                ),
            ]
        },
    )
    warm_up: Duration | None = Field(
        None,
        description="Time from the canary's first answer in which its answers do not count.",
        json_schema_extra=within("1ms", "24h"),
    )
    mode: Literal["Enforce", "Observe"] = Field(
        "Enforce", description="Observe: measured and told, without a vote."
    )


class NoAnalysis(ApiModel):
    """Nothing is measured."""


class Analysis(ApiModel):
    """What must hold while the canary takes traffic: it is looked at every two seconds."""

    none: NoAnalysis | None = Field(
        None, description="Measure nothing: a canary goes on when its pauses are over."
    )
    alpha: float = Field(
        0.01,
        gt=0,
        le=0.5,
        description=(
            "Chance that a canary as good as it ought to be is rolled back, over a whole rollout "
            "and all metrics."
        ),
    )
    planned: int = Field(
        500,
        ge=1,
        le=1_000_000_000,
        description=(
            "Requests of the canary after which it is enough that nothing speaks against it; more "
            "find smaller faults."
        ),
    )
    wait_at_most: Duration = Field(
        "1h",
        description="Longest wait for a verdict after a pause is over.",
        json_schema_extra=within("1s", "8760h"),
    )
    undecided: Literal["Pause", "Promote"] = Field(
        "Pause",
        description=(
            "What happens then. Pause: a person decides. Promote: the canary goes on unless "
            "something speaks against it, for models with little traffic."
        ),
    )
    metrics: list[AnalysisMetric] | None = Field(
        None,
        description=(
            "What is measured; by default errors and refusals, each at most one point above "
            "stable's."
        ),
        min_length=1,
        max_length=16,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "x-item-validations": [
                rule(
                    "[has(self.errorRate), has(self.refusalRate), has(self.latency)]"
                    ".filter(x, x).size() == 1",
                    "give exactly one of errorRate, refusalRate or latency",
                )
            ],
        },
    )

    @property
    def judged(self) -> tuple[AnalysisMetric, ...]:
        """What is measured, by default the operator's own choice."""
        if self.none is not None:
            return ()
        return DEFAULT_METRICS if self.metrics is None else tuple(self.metrics)


DEFAULT_METRICS = (
    AnalysisMetric(name="errors", error_rate=RateLimit(against_stable=MaximumIncrease())),
    AnalysisMetric(name="refusals", refusal_rate=RateLimit(against_stable=MaximumIncrease())),
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


_SURGE = r"^[1-9][0-9]{0,2}%$"
Surge = Annotated[
    int | str,
    Field(
        json_schema_extra={
            "pattern": _SURGE,
            "minimum": 1,
            "maximum": 1000,
            "maxLength": 4,
            "x-kubernetes-validations": [
                rule(
                    f"type(self) == int || string(self).matches('{_SURGE}')",
                    "write a number of pods, at least 1, or a percentage such as 25%",
                )
            ],
        }
    ),
]
"""Pods beside others: a number, or a percentage of them."""


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
        None,
        description=(
            "What must hold while the canary takes traffic; by default it has at most one point "
            "more errors and refusals than stable. none: {} opts out."
        ),
        json_schema_extra={
            "x-kubernetes-validations": [
                rule(
                    "!has(self.none) || !has(self.metrics)",
                    "give either none or metrics",
                )
            ]
        },
    )
    max_surge: Surge = Field(
        "100%",
        description=(
            "Pods that there may be beside replicas, of all versions together, as a number or in "
            "percent of replicas (rounded up). What is on trial has them first, then what was "
            "replaced. With few, a new version takes the pods over one by one."
        ),
    )
    keep_replaced: Duration = Field(
        "30s",
        description=(
            "How long the pods of what was replaced are kept, at most: maxSurge cuts them, and the "
            "next version waits for 30s of it only. Until then, a spec that names it again goes "
            "back at once, without steps."
        ),
        json_schema_extra=within(longest="720h"),
    )
    progress_deadline: Duration = Field(
        "10m",
        description=(
            "Longest time for pods to become ready before a rollout is rolled back; it begins "
            "when nothing of the cluster hinders them any more."
        ),
        json_schema_extra=within("1s"),
    )
    deadline: Duration = Field(
        "24h",
        description=(
            "Longest time for a whole rollout, pauses included. Then it goes back to stable, and "
            "the version is tried again when somebody asks for retry."
        ),
        json_schema_extra=within("1m", "720h"),
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

    def surge(self, replicas: int) -> int:
        """Return how many pods there may be beside so many replicas, at least one of any."""
        if isinstance(self.max_surge, int):
            return self.max_surge
        percent = int(self.max_surge.removesuffix("%"))
        return -(-replicas * percent // 100)

    @property
    def judging(self) -> Analysis:
        """Return how the canary is judged, by default the operator's own way."""
        return Analysis() if self.analysis is None else self.analysis


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
    actual: int = Field(description="What the Service and the ready pods give now.")


Role = Literal["Stable", "Canary", "Previous", "Failed"]


class Revision(_Named):
    """A served revision: a version under one set of settings."""

    role: Role | None = Field(
        None,
        description=(
            "Stable answers. Canary is on trial. Previous answered before stable did: its "
            "Deployment stays, soon without pods, for the request undo. Failed was taken back, and "
            "has requests until stable has its pods."
        ),
    )
    share: Share | None = Field(
        None, description="Its share of the traffic; absent where it has none to have."
    )

    artifact: ArtifactRef = Field(description="The artifact that is served.")
    secret: str = Field("", description="Secret that opens the artifact's store.", max_length=253)
    request_log: LogPlace | None = Field(
        None, description="Where its pods log requests; absent where they do not."
    )
    replicas: int = Field(0, description="Pods wanted.")
    ready_replicas: int = Field(0, description="Pods that are ready.")
    start_time: Time | None = Field(None, description="When the revision was started.")
    hindered_since: Time | None = Field(
        None,
        description=(
            "Since when the cluster or the store keeps its pods from becoming ready; absent while "
            "neither does. Their time to become ready begins when that has ended."
        ),
    )


Outcome = Literal["Successful", "Failed", "Undecided", "Unreachable", "NotComparable"]


class MetricStatus(ApiModel):
    """What is known of a metric, and what its test carries on from look to look."""

    name: str = Field(description="Name of the metric.", max_length=63)
    key: str = Field("", description="Hash of the metric, as it was judged.", max_length=16)
    verdict: Outcome = Field(
        "Undecided",
        description=(
            "Successful, Failed, Undecided; Unreachable: the canary's pods do not answer; "
            "NotComparable: stable's do not. Only Successful passes."
        ),
    )
    message: Text = Field("", description="The verdict in a sentence.")
    value: float | None = Field(None, description="The canary's share.")
    reference: float | None = Field(None, description="Stable's share, or the limit.")
    requests: int = Field(0, description="Requests of the canary behind the value.")
    suspected: bool = Field(False, description="Undecided, but something speaks against it.")
    alpha: float = Field(0, description="This metric's part of the risk of a false rollback.")
    canary: list[float] = Field([], description="Evidence on the canary.", max_length=48)
    stable: list[float] = Field([], description="Evidence on stable.", max_length=32)
    bounds: list[float] = Field(
        [], description="Bounds in seconds that are compared, and their margins.", max_length=6
    )


PodName = Annotated[str, Field(max_length=253)]


class AnalysisStatus(ApiModel):
    """What was measured up to the newest look; all that a restart needs to go on."""

    pair: str = Field("", description="Revisions that are compared.", max_length=80)
    judged_until: Time | None = Field(
        None, description="Up to when what pods counted is in the evidence below."
    )
    looks: int = Field(0, description="Looks so far.")
    traffic_time: Time | None = Field(None, description="When the canary first answered.")
    silent_time: Time | None = Field(
        None, description="Since when a ready pod of the canary does not answer its metrics."
    )
    message: Text = Field("", description="What the rollout waits for.")
    missing: list[PodName] = Field(
        [], description="Ready pods whose counts are not all in it.", max_length=8
    )
    skewed: list[PodName] = Field([], description="Pods whose clocks are wrong.", max_length=8)
    metrics: list[MetricStatus] = Field([], description="The metrics.", max_length=16)


class StepStatus(ApiModel):
    """Where a canary stands; all that a restart needs to go on."""

    index: int = Field(description="Index of the step, from 0.")
    steps: str = Field(
        "", description="Hash of the list of steps; a canary begins anew on another.", max_length=16
    )
    start_time: Time | None = Field(
        None, description="When the step's weight was in force; absent while it scales."
    )
    served_seconds: float = Field(
        0,
        description=(
            "Time in which its weight was in force before startTime: readiness that flaps stops "
            "the step's time, and does not begin it anew."
        ),
    )
    scaling_since: Time | None = Field(None, description="When the step began to scale.")
    waiting_since: Time | None = Field(
        None, description="When a person resumed it: from then it may wait for a verdict anew."
    )


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
    step: str = Field("", description="The step's name, or step of steps.", max_length=63)
    ready: str = Field("", description="Ready pods of wanted pods.", max_length=16)


ROLES: dict[str, Role] = {
    "stable": "Stable",
    "canary": "Canary",
    "replaced": "Previous",
    "failed": "Failed",
}


class DeploymentStatus(ApiModel):
    """What is served, and where a rollout stands."""

    observed_generation: int = Field(-1, description="Generation that the status is about.")
    conditions: Conditions = []
    revisions: list[Revision] = Field(
        [],
        description="The revisions that have a part in it: Stable, Canary, Previous, Failed.",
        max_length=8,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    promoted_time: Time | None = Field(None, description="When stable was promoted.")
    promoting: bool = Field(False, description="The canary passed its steps and takes over.")
    step: StepStatus | None = Field(None, description="Where the canary stands.")
    analysis: AnalysisStatus | None = Field(
        None, description="What is known of the canary on trial."
    )
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
    def failed(self) -> Revision | None:
        """The revision that was taken back and has requests yet."""
        return self._in("Failed")

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
