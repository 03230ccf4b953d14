"""ModelDeployment: the rollout's state machine. Every row can be cut at any write.

The order of writes is the contract: capacity before weight, weight before scale-down. No write
lowers the ready pods behind the Service below what is asked for: the Service is turned only to
where enough of them are, and a workload is deleted once the Service was seen turned away from it.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from perennial.api.base import Condition, Json, seconds
from perennial.api.deployment import (
    Address,
    ArtifactRef,
    DeploymentStatus,
    ModelDeployment,
    Rejection,
    Revision,
    StepStatus,
    Weight,
)
from perennial.api.training import ModelTraining
from perennial.api.version import ModelVersion
from perennial.plan.analysis import PodMetrics, counts, difference, judge
from perennial.plan.core import (
    REQUEST_ANNOTATION,
    Deletion,
    Event,
    Plan,
    Settings,
    condition,
    owned_by,
    request_of,
    settle,
    with_stall,
)
from perennial.plan.podhealth import Trouble, trouble
from perennial.plan.pods import secret_of
from perennial.plan.requestlog import attached, place
from perennial.plan.stores import chosen, refusal
from perennial.plan.weights import actual, beside, split
from perennial.plan.workload import child_name, image_of, revision_hash, service, workload

SCALE_DOWN_DELAY_SECONDS = 30
MEASUREMENTS_KEPT = 20
REJECTIONS_KEPT = 5
PAUSE_STEP = "CanaryPauseStep"
REVISION_LABEL = "perennial.dev/revision"
ROLE_LABEL = "perennial.dev/role"
REPLACED = "replaced"
VERBS = ("promote", "pause", "resume", "abort", "retry", "undo")


@dataclass(frozen=True)
class DeploymentSnapshot:
    """All that a decision about a ModelDeployment depends on."""

    deployment: ModelDeployment
    now: datetime
    settings: Settings
    training: ModelTraining | None = None
    version: ModelVersion | None = None
    """The version that the spec names; or, while no status is known, that its training names."""
    workloads: tuple[Json, ...] = ()
    service: Json | None = None
    pods: tuple[Json, ...] = ()
    metrics: tuple[PodMetrics, ...] | None = None
    """Counters of the canary's pods; None where they were not read in this pass."""


@dataclass(frozen=True)
class _State:
    """The status under way, with what is to be told about it."""

    status: DeploymentStatus
    events: tuple[Event, ...] = ()
    problem: tuple[str, str] | None = None
    waiting: tuple[str, str] | None = None

    def set(self, *events: Event, **changes: object) -> "_State":
        """Return the state with a changed status and more to tell."""
        status = self.status.model_copy(update=changes)
        return replace(self, status=status, events=(*self.events, *events))


def wants_metrics(deployment: ModelDeployment, now: datetime) -> bool:
    """Tell whether this pass needs the canary's counters."""
    step, analysis = deployment.status.step, deployment.spec.rollout.analysis
    if analysis is None or step is None or step.start_time is None:
        return False
    return _due(step, seconds(analysis.interval), now)


def _due(step: StepStatus, interval: float, now: datetime) -> bool:
    times = [t for t in (step.baseline_time, *(m.time for m in step.measurements)) if t]
    return step.baseline_time is None or (now - max(times)).total_seconds() >= interval


def plan_deployment(s: DeploymentSnapshot) -> Plan:
    """Decide what to do about a ModelDeployment."""
    state = _State(s.deployment.status)
    if conflict := _conflict(s):
        return _finish(s, replace(state, problem=("NameConflict", conflict)), apply=())
    if state.status.stable is None:
        state = _rebuild(s, state)
    state = _take_request(s, state)
    desired, problem, waiting = _desired(s, state.status)
    state = replace(state, problem=problem, waiting=waiting)
    stable, canary = state.status.stable, state.status.canary
    if stable is None:
        if desired is None:
            return _finish(s, state, apply=())
        state = state.set(stable=desired)
    elif canary is not None and _is_undone(state.status):
        state = _advance(s, state, canary)  # whatever the spec wants, once this is over
    elif desired is not None and desired.revision != stable.revision:
        state = _roll(s, state, desired)
    elif desired is not None and canary is not None:
        state = _drop(state)
    return _finish(s, _settle_stable(s, state))


def _conflict(s: DeploymentSnapshot) -> str:
    uid = s.deployment.metadata.uid
    for child in (*s.workloads, *([s.service] if s.service else [])):
        if not owned_by(child, uid):
            other = f"{child['kind']} {child['metadata']['name']}"
            return f"{other} exists and is not ours: delete it or rename the ModelDeployment"
    return ""


def _take_request(s: DeploymentSnapshot, state: _State) -> _State:
    """Handle a person's request once."""
    request = request_of(s.deployment.metadata.annotations, state.status.last_request)
    if request is None:
        return state
    verb, text = request
    state = state.set(last_request=text)
    status, step = state.status, state.status.step
    if verb not in VERBS:
        told = f"{verb} is unknown here; known are {', '.join(VERBS)}"
        return state.set(Event("UnknownRequest", told, "Warning"))
    if verb == "retry":
        told = f"{len(status.rejected)} rejected revisions may be tried again, asked by {text}"
        return state.set(Event("RetryAllowed", told), rejected=[])
    if verb == "undo":
        return _undo(s, state, text)
    if status.canary is None or step is None:
        told = f"{verb}: no rollout is under way"
        return state.set(Event("NothingToDo", told, "Warning"))
    if verb == "abort":
        if _is_undone(status):
            return _drop(state).set(Event("UndoAborted", f"undo was aborted by {text}"))
        return _reject(s, state, "Aborted", f"aborted by {text}")
    if verb == "pause":
        return state.set(Event("RolloutPaused", f"paused by {text}"), paused="Requested")
    if verb == "resume":
        if not status.paused:
            return state.set(Event("NothingToDo", "resume: the rollout is not paused", "Warning"))
        state = state.set(Event("RolloutResumed", f"resumed by {text}"), paused="")
        if status.paused == PAUSE_STEP:
            return _next_step(s, state)
        # Its time to become ready, and its chance to be conclusive, begin anew.
        return state.set(step=step.model_copy(update={"scaling_since": s.now, "inconclusive": 0}))
    told = f"step {step.index + 1} was ended by {text}"
    return _next_step(s, state.set(Event("StepPromoted", told), paused=""))


def _undo(s: DeploymentSnapshot, state: _State, text: str) -> _State:
    """Go back to what served before, by a canary that has no steps; one under way just ends."""
    status, stable, earlier = state.status, state.status.stable, state.status.replaced
    if status.canary is not None and not _is_undone(status):
        return _reject(s, state, "Undone", f"undone by {text}")
    told = ""
    if status.canary is not None:
        told = f"{status.canary.name} is under way already"
    elif stable is None or earlier is None:
        told = "no earlier version is known"
    elif _rejection(status, earlier.revision) is not None:
        told = f"{earlier.name}, the earlier version, was rejected itself: ask for retry first"
    if told or stable is None or earlier is None:
        return state.set(Event("NothingToDo", f"undo: {told}", "Warning"))
    told = f"{stable.name} is undone by {text}: {earlier.name} takes over at once"
    return state.set(
        Event("UndoStarted", told),
        canary=earlier.model_copy(update={"start_time": s.now}),
        step=StepStatus(index=len(s.deployment.spec.rollout.canary.steps) - 1, scaling_since=s.now),
        promoting=True,
        rejected=_rejected(s, status, stable, "Undone", f"undone by {text}"),
    )


def _rejection(status: DeploymentStatus, revision: str) -> Rejection | None:
    return next((r for r in status.rejected if r.revision == revision), None)


def _is_undone(status: DeploymentStatus) -> bool:
    """Tell whether stable is being undone: it is rejected only while its successor gets ready."""
    return status.stable is not None and _rejection(status, status.stable.revision) is not None


def _rebuild(s: DeploymentSnapshot, state: _State) -> _State:
    """Rebuild a lost status from the children's labels; what serves is kept."""
    chosen = _likely_stable(s)
    if chosen is None:
        return state
    retired = [w for w in s.workloads if w["metadata"]["labels"].get(ROLE_LABEL) == REPLACED]
    replaced = next((_revision_of(w) for w in retired if w is not chosen), None)
    # What was asked for was handled, as far as we know: undo must not come twice.
    asked = s.deployment.metadata.annotations.get(REQUEST_ANNOTATION, "")[:253]
    return state.set(
        stable=_revision_of(chosen),
        replaced=replaced,
        promoted_time=s.now,
        last_request=asked,
        rejected=_remembered(s, chosen),
    )


def _remembered(s: DeploymentSnapshot, stable: Json) -> list[Rejection]:
    """Return the rejection of the wanted version that its ModelVersion still tells of."""
    outcome = s.version.status.outcome if s.version is not None else None
    if s.version is None or outcome is None or outcome.reason != "RolledBack":
        return []
    revision = revision_hash(s.deployment, s.version.spec.artifact.sha256)
    serves = stable["metadata"]["labels"][REVISION_LABEL] == revision
    if serves or outcome.deployment != s.deployment.metadata.name:
        return []
    return [
        Rejection(
            revision=revision,
            version=s.version.metadata.name,
            reason=outcome.reason,
            message=outcome.message,
            time=outcome.time or s.now,
        )
    ]


def _revision_of(live: Json) -> Revision:
    """Return the revision that a Deployment was made for."""
    labels = live["metadata"]["labels"]
    pod = live["spec"]["template"]["spec"]
    env = {e["name"]: e.get("value", "") for e in pod["initContainers"][0]["env"]}
    return Revision(
        version=labels.get("perennial.dev/version", ""),
        artifact=ArtifactRef(
            uri=env["PERENNIAL_ARTIFACT_URI"], sha256=env["PERENNIAL_ARTIFACT_SHA256"]
        ),
        revision=labels["perennial.dev/revision"],
        secret=secret_of(pod, "store"),
        request_log=attached(pod),
    )


def _likely_stable(s: DeploymentSnapshot) -> Json | None:
    """Return the Deployment that serves, as far as its labels and the Service tell."""
    answering = _selection(s)

    def likely(live: Json) -> tuple[bool, bool, int]:
        labels = live["metadata"]["labels"]
        # The replaced one is still called stable too: whom the Service names is the right one.
        is_stable = labels.get(ROLE_LABEL) == "stable"
        return labels.get(REVISION_LABEL) == answering, is_stable, _ready_pods(live)

    return max(s.workloads, key=likely, default=None)


def _desired(
    s: DeploymentSnapshot, status: DeploymentStatus
) -> tuple[Revision | None, tuple[str, str] | None, tuple[str, str] | None]:
    """Return the wanted revision; or a problem, or what is waited for.

    A version that is on trial or serves goes on where it, or its training, is gone.
    """
    model, settings = s.deployment.spec.model, s.settings
    secret, version = settings.store_secret, ""
    known = [r for r in (status.canary, status.stable) if r is not None]
    if model.artifact is not None:
        artifact = model.artifact
    elif model.version_ref is not None:
        version = model.version_ref.name
        if s.version is not None:
            found = s.version.spec.artifact
            artifact = ArtifactRef(uri=found.uri, sha256=found.sha256)
        elif kept := next((r for r in known if r.version == version), None):
            artifact, secret = kept.artifact, kept.secret
        else:
            return None, ("VersionNotFound", f"there is no ModelVersion {version}"), None
    else:
        assert model.training_ref is not None
        name = model.training_ref.name
        champion = s.training.status.champion if s.training is not None else None
        if champion is not None:
            artifact = ArtifactRef(uri=champion.uri, sha256=champion.sha256)
            version = champion.version
        elif known:
            artifact, version, secret = known[0].artifact, known[0].version, known[0].secret
        elif s.training is None:
            return None, None, ("TrainingNotFound", f"there is no ModelTraining {name} yet")
        else:
            return None, None, ("WaitingForVersion", f"{name} has no version that passed yet")
    if s.training is not None and s.training.spec.store is not None:
        _, secret = chosen(s.training.spec.store, settings)
    log = place(s.deployment, s.training, settings)
    told = refusal("the artifact's URI", artifact.uri, settings)
    if not told and log is not None:
        told = refusal("spec.serving.requestLog.store.uri", log.uri, settings)
    if told:
        return None, ("InvalidSpec", told), None
    revision = Revision(
        version=version,
        artifact=artifact,
        revision=revision_hash(s.deployment, artifact.sha256),
        secret=secret,
        request_log=log,
        start_time=s.now,
    )
    return revision, None, None


def _roll(s: DeploymentSnapshot, state: _State, desired: Revision) -> _State:
    """Move a rollout on, or begin one."""
    status, canary = state.status, state.status.canary
    if _rejection(status, desired.revision) is not None:
        return _drop(state) if canary else state
    if status.promoted_time is None:
        # Nothing serves, so there is nothing to protect: begin anew with what is wanted.
        return _drop(state).set(stable=desired)
    if _replicas(s) == 0:
        return _drop(state).set(stable=desired, replaced=status.stable)
    if canary is not None and canary.revision != desired.revision:
        same_settings = revision_hash(s.deployment, canary.artifact.sha256) == canary.revision
        follows = s.deployment.spec.model.training_ref is not None
        finish = s.deployment.spec.rollout.on_new_version == "Finish"
        if not (same_settings and follows and finish):
            return _drop(state)  # the next pass begins anew against stable
    if canary is None:
        if _lingers(s, status) or not _is_closed(s, status):
            return state  # what opens for the canary would open for what is still there, too
        told = f"canary of {desired.name} started"
        return state.set(
            Event("CanaryStarted", told),
            canary=desired,
            step=StepStatus(index=0, scaling_since=s.now),
            promoting=False,
            paused="",
        )
    return _advance(s, state, canary)


def _drop(state: _State) -> _State:
    """Take the canary away without a rejection; it leaves the Service first, then goes.

    What serves on is not rejected: an undo that failed leaves it as it was.
    """
    stable = state.status.stable
    rejected = [r for r in state.status.rejected if not stable or r.revision != stable.revision]
    return state.set(
        canary=None, step=None, weight=None, promoting=False, paused="", rejected=rejected
    )


def _reject(s: DeploymentSnapshot, state: _State, reason: str, message: str) -> _State:
    canary = state.status.canary
    assert canary is not None
    told = f"{canary.name} was rolled back: {message}"
    state = _drop(state).set(Event("RolledBack", told, "Warning"))
    return state.set(rejected=_rejected(s, state.status, canary, reason, message))


def _rejected(
    s: DeploymentSnapshot, status: DeploymentStatus, revision: Revision, reason: str, message: str
) -> list[Rejection]:
    """Return the rejections with one more."""
    rejection = Rejection(
        revision=revision.revision,
        version=revision.version,
        reason=reason,
        message=message,
        time=s.now,
    )
    return [*status.rejected, rejection][-REJECTIONS_KEPT:]


def _advance(s: DeploymentSnapshot, state: _State, canary: Revision) -> _State:
    """One pass over a canary that is under way."""
    status, rollout = state.status, s.deployment.spec.rollout
    step = status.step or StepStatus(index=0, scaling_since=s.now)
    why = trouble(_pods(s, canary.revision))
    if why is not None and why.fatal:
        return _reject(s, state, why.reason, why.message)
    if status.paused:
        return _measure(s, state, step)
    ready, since = _ready(s, canary.revision), step.scaling_since or s.now
    late = (s.now - since).total_seconds() > seconds(rollout.progress_deadline)
    if status.promoting:
        if ready >= _replicas(s):
            return _promote(s, state, canary)
        return _overdue(s, state, why) if late else state
    weight = _weight(s, step.index)
    stable_pods, canary_pods = _sizes(s, weight)
    if step.start_time is None:
        if ready < canary_pods:
            return _overdue(s, state, why) if late else state
        if not _has_grown(s, status, stable_pods):
            return _stuck(s, state, weight) if late else state
        shown = actual(stable_pods, canary_pods) if 0 < weight < 100 else weight
        told = Weight(asked=weight, actual=shown, summary=f"{weight}/{shown}")
        started = step.model_copy(update={"start_time": s.now})
        changed = status.weight is None or status.weight != told
        text = f"canary takes {shown} % of the traffic ({weight} % asked)"
        events = (Event("WeightSet", text),) if changed else ()
        return state.set(*events, step=started, weight=told)
    if ready < canary_pods:
        # Its pods went away, or more are wanted: the step begins anew once they are there.
        return state.set(step=step.model_copy(update={"start_time": None, "scaling_since": s.now}))
    if rollout.canary.steps[step.index].pause is None and not _last_look(s, step):
        return _next_step(s, state)
    return _hold(s, state, step)


def _has_grown(s: DeploymentSnapshot, status: DeploymentStatus, goal: int) -> bool:
    """Tell whether stable has the pods that a smaller weight of the canary asks of it."""
    stable = status.stable
    assert stable is not None
    return goal <= _in_force(s, status)[0] or _ready(s, stable.revision) >= goal


def _last_look(s: DeploymentSnapshot, step: StepStatus) -> bool:
    """Tell whether the steps end without one successful measurement: then the last one holds."""
    rollout = s.deployment.spec.rollout
    last = step.index == len(rollout.canary.steps) - 1
    return last and rollout.analysis is not None and step.successes == 0


def _measure(s: DeploymentSnapshot, state: _State, step: StepStatus) -> _State:
    """Judge the canary where a look is due: failures beyond the limit roll it back."""
    analysis = s.deployment.spec.rollout.analysis
    if analysis is None or s.metrics is None or step.start_time is None:
        return state
    if step.baseline_time is None:
        begun = {"baseline": counts(s.metrics), "baseline_time": s.now}
        return state.set(step=step.model_copy(update=begun))
    if not _due(step, seconds(analysis.interval), s.now):
        return state
    found = judge(analysis, difference(s.metrics, step.baseline), s.now)
    kept = [*step.measurements, *found][-MEASUREMENTS_KEPT:]
    step = step.model_copy(update={"measurements": kept})
    failed = [m for m in found if m.verdict == "Failed"]
    if failed:
        step = step.model_copy(update={"failures": step.failures + 1})
        if step.failures > analysis.failure_limit:
            return _reject(s, state, "AnalysisFailed", "; ".join(m.message for m in failed))
    if not failed and any(m.verdict == "Inconclusive" for m in found):
        # The baseline stays, so that few requests add up to enough.
        step = step.model_copy(update={"inconclusive": step.inconclusive + 1})
    else:
        step = step.model_copy(
            update={
                "inconclusive": 0,
                "successes": step.successes + (0 if failed else 1),
                "baseline": counts(s.metrics),
                "baseline_time": s.now,
            }
        )
    return state.set(step=step)


def _hold(s: DeploymentSnapshot, state: _State, step: StepStatus) -> _State:
    """Measure, and end the pause when its time is over and the verdict is success."""
    rollout = s.deployment.spec.rollout
    analysis = rollout.analysis
    state = _measure(s, state, step)
    if state.status.canary is None or state.status.step is None:
        return state
    step = state.status.step
    pause = rollout.canary.steps[step.index].pause
    if pause is not None and pause.duration is None:
        name = s.deployment.metadata.name
        how = f"kubectl annotate md {name} --overwrite {REQUEST_ANNOTATION}=promote/$(date +%s)"
        told = Event("RolloutPaused", f"waits for a person: {how}")
        return state.set(told, paused=PAUSE_STEP)
    waited = (s.now - (step.start_time or s.now)).total_seconds()
    over = pause is None or waited >= seconds(pause.duration or "0s")
    if over and (analysis is None or step.successes > 0):
        return _next_step(s, state)
    if over and analysis is not None and step.inconclusive > analysis.inconclusive_limit:
        message = step.measurements[-1].message
        told = Event("RolloutPaused", f"analysis is inconclusive: {message}", "Warning")
        return state.set(told, paused="AnalysisInconclusive")
    return state


def _next_step(s: DeploymentSnapshot, state: _State) -> _State:
    step = state.status.step or StepStatus(index=0)
    steps = s.deployment.spec.rollout.canary.steps
    if step.index + 1 >= len(steps):
        return state.set(promoting=True, step=step.model_copy(update={"scaling_since": s.now}))
    is_pause = steps[step.index + 1].pause is not None
    following = StepStatus(
        index=step.index + 1,
        scaling_since=s.now,
        # A weight that follows a pause keeps the pause's verdict; a pause must earn its own.
        successes=0 if is_pause else step.successes,
        measurements=step.measurements,
    )
    return state.set(step=following)


def _overdue(s: DeploymentSnapshot, state: _State, why: Trouble | None) -> _State:
    if why is not None and why.store:
        # Not the model's fault: no rejection, so that the next pass tries it again.
        return _drop(state).set(Event("ArtifactUnavailable", why.message, "Warning"))
    told = f"{why.reason}: {why.message}" if why else "its pods did not become ready in time"
    return _reject(s, state, "ProgressDeadlineExceeded", told)


def _stuck(s: DeploymentSnapshot, state: _State, weight: int) -> _State:
    """Let a person decide where the canary is sound, but stable has no room for its pods."""
    stable = state.status.stable
    assert stable is not None
    why = trouble(_pods(s, stable.revision))
    told = f"{stable.name} has not the pods for a weight of {weight} %"
    told += f": {why.message}" if why else ""
    return state.set(Event("RolloutPaused", told, "Warning"), paused="StableNotReady")


def _promote(s: DeploymentSnapshot, state: _State, canary: Revision) -> _State:
    told = Event("CanaryPromoted", f"{canary.name} is stable now")
    replaced = state.status.stable
    return _drop(state.set(told, stable=canary, replaced=replaced, promoted_time=s.now))


def _settle_stable(s: DeploymentSnapshot, state: _State) -> _State:
    """Note that stable has begun to serve."""
    status, stable = state.status, state.status.stable
    if stable is None:
        return state
    if status.promoted_time is None and _ready(s, stable.revision) >= max(1, _replicas(s)):
        return state.set(Event("Serving", f"{stable.name} serves"), promoted_time=s.now)
    return state


def _weight(s: DeploymentSnapshot, index: int) -> int:
    """Return the weight in force at a step: that of the newest setWeight up to it."""
    steps = s.deployment.spec.rollout.canary.steps[: index + 1]
    return next((st.set_weight for st in reversed(steps) if st.set_weight is not None), 0)


def _replicas(s: DeploymentSnapshot) -> int:
    """Return the pods wanted: the spec's, else what an autoscaler set, else 1."""
    if s.deployment.spec.replicas is not None:
        return s.deployment.spec.replicas
    stable = s.deployment.status.stable
    live = _workload(s, stable.revision) if stable else _likely_stable(s)
    return max(1, int(live["spec"].get("replicas", 1))) if live is not None else 1


def _sizes(s: DeploymentSnapshot, weight: int) -> tuple[int, int]:
    """Return the pods of stable and canary at a weight."""
    if s.deployment.spec.replicas is None:  # stable's are an autoscaler's
        return _replicas(s), beside(_replicas(s), weight)
    return split(_replicas(s), weight)


def _in_force(s: DeploymentSnapshot, status: DeploymentStatus) -> tuple[int, int]:
    """Return the pods of stable and canary at the weight that is in force."""
    weight = status.weight.asked if status.canary is not None and status.weight is not None else 0
    return _sizes(s, weight) if weight > 0 else (_replicas(s), 0)


def _selection(s: DeploymentSnapshot) -> str | None:
    """Return the one revision that the Service was seen to name; None: all, or no Service."""
    found = (s.service or {}).get("spec", {}).get("selector", {}).get(REVISION_LABEL)
    return None if found is None else str(found)


def _is_closed(s: DeploymentSnapshot, status: DeploymentStatus) -> bool:
    """Tell whether the Service was seen to name stable alone."""
    return status.stable is not None and _selection(s) == status.stable.revision


def _answering(s: DeploymentSnapshot, selection: str | None) -> list[Json]:
    """Return the Deployments behind a selection of the Service."""
    label = REVISION_LABEL
    return [w for w in s.workloads if selection in (None, w["metadata"]["labels"].get(label))]


def _front(s: DeploymentSnapshot, stable: Revision, wanted: str | None) -> Json:
    """Return the Service, turned to a selection (None for all) where enough pods are ready.

    Where stable cannot have them, as on a full node, it is turned nevertheless: what has to go
    makes room.
    """
    present = _selection(s)
    now = sum(_ready_pods(w) for w in _answering(s, present))
    needed = min(_replicas(s), now) if s.service is not None else 0
    then = sum(_ready(s, w["metadata"]["labels"][REVISION_LABEL]) for w in _answering(s, wanted))
    stuck = then > 0 and trouble(_pods(s, stable.revision)) is not None
    enough = then >= needed or stuck
    return service(s.deployment, wanted if enough else present)


def _workload(s: DeploymentSnapshot, revision: str) -> Json | None:
    name = child_name(s.deployment, revision)
    return next((w for w in s.workloads if w["metadata"]["name"] == name), None)


def _has(s: DeploymentSnapshot, revision: str) -> int:
    """Return the pods that a revision's Deployment asks for."""
    live = _workload(s, revision)
    return int(live["spec"].get("replicas", 1)) if live is not None else 0


def _pods(s: DeploymentSnapshot, revision: str) -> list[Json]:
    return [p for p in s.pods if p["metadata"].get("labels", {}).get(REVISION_LABEL) == revision]


def _ready_pods(live: Json) -> int:
    return int(live.get("status", {}).get("readyReplicas", 0))


def _ready(s: DeploymentSnapshot, revision: str) -> int:
    """Return the ready pods of a revision, 0 while its Deployment's newest wish is unseen."""
    live = _workload(s, revision)
    if live is None:
        return 0
    status = live.get("status", {})
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        return 0
    return min(int(status.get("readyReplicas", 0)), int(status.get("updatedReplicas", 0)))


def _has_pods(live: Json) -> bool:
    return int(live["spec"].get("replicas", 1)) > 0 or _ready_pods(live) > 0


def _lingers(s: DeploymentSnapshot, status: DeploymentStatus) -> bool:
    """Tell whether the replaced revision is not retired yet, or has pods."""
    live = _workload(s, status.replaced.revision) if status.replaced is not None else None
    if live is None:
        return False
    retired = live["metadata"]["labels"].get(ROLE_LABEL) == REPLACED
    return not retired or _has_pods(live)


def _retired(s: DeploymentSnapshot, status: DeploymentStatus) -> tuple[Json, ...]:
    """Return the replaced revision's Deployment, kept for undo; it loses its pods after a delay."""
    replaced, since = status.replaced, status.promoted_time
    if replaced is None or since is None or not _is_closed(s, status):
        return ()
    live = _workload(s, replaced.revision)
    on_trial = status.canary is not None and status.canary.revision == replaced.revision
    waited = (s.now - since).total_seconds()
    if live is None or on_trial or waited < SCALE_DOWN_DELAY_SECONDS:
        return ()
    return (workload(s.deployment, replaced, REPLACED, 0, live, s.settings),)


def _children(s: DeploymentSnapshot, status: DeploymentStatus) -> tuple[Json, ...]:
    """Return the wanted children in the order of their writes: capacity before weight."""
    stable, canary, step = status.stable, status.canary, status.step
    assert stable is not None
    wanted = _replicas(s)

    def made(revision: Revision, role: str, replicas: int | None) -> Json:
        live = _workload(s, revision.revision)
        return workload(s.deployment, revision, role, replicas, live, s.settings)

    own: int | None = wanted
    if s.deployment.spec.replicas is None and _has(s, stable.revision):
        own = None
    if canary is None or step is None:
        front = _front(s, stable, stable.revision)
        return made(stable, "stable", own), front, *_retired(s, status)
    asked = status.weight.asked if status.weight is not None else 0
    selection = stable.revision if asked <= 0 else canary.revision if asked >= 100 else None
    goal = _sizes(s, _weight(s, step.index))
    if status.promoting:
        goal = (_in_force(s, status)[0], wanted)
    front = _front(s, stable, selection)
    goals = {canary.revision: goal[1], stable.revision: goal[0]}
    waits: set[str] = set()  # what shrinks waits for the Service, and stable for the canary
    if front["spec"]["selector"].get(REVISION_LABEL) != selection:
        waits = set(goals)
    elif step.start_time is None:
        waits = {stable.revision}
    goals |= {revision: max(goals[revision], _has(s, revision)) for revision in waits}
    goals = _spared(s, selection, goals)
    sized = [
        made(canary, "canary", goals[canary.revision]),
        made(stable, "stable", own and goals[stable.revision]),
    ]
    shrinking = [
        w
        for w in sized
        if w["spec"].get("replicas", 0) < _has(s, w["metadata"]["labels"][REVISION_LABEL])
    ]
    return (*(w for w in sized if w not in shrinking), front, *shrinking)


def _spared(s: DeploymentSnapshot, selection: str | None, goals: dict[str, int]) -> dict[str, int]:
    """Return the pods to ask for: no fewer than there are while the others are not ready."""
    behind = _answering(s, selection)
    needed = min(_replicas(s), sum(_ready_pods(w) for w in behind))
    # Pods that are about to end are ready, but not to be counted on.
    revisions = [str(w["metadata"]["labels"][REVISION_LABEL]) for w in behind]
    ready = {r: min(_ready(s, r), _has(s, r)) for r in revisions}
    spared = dict(goals)
    for revision in [r for r in goals if r in ready]:
        missing = needed - sum(n for other, n in ready.items() if other != revision)
        spared[revision] = max(goals[revision], min(missing, _has(s, revision)))
        ready[revision] = min(ready[revision], spared[revision])
    return spared


def _finish(s: DeploymentSnapshot, state: _State, apply: tuple[Json, ...] | None = None) -> Plan:
    """Derive children, deletions, conditions, and when to look again."""
    status = state.status
    generation = s.deployment.metadata.generation
    if apply is None:
        apply = _children(s, status)
    # Only what the stored status has forgotten too, so that a decision is recorded before.
    named = {
        r.revision
        for known in (status, s.deployment.status)
        for r in (known.stable, known.canary, known.replaced)
        if r is not None
    }
    surplus = tuple(
        Deletion(
            "apps/v1", "Deployment", w["metadata"]["namespace"], w["metadata"]["name"],
            w["metadata"]["uid"],
        )
        for w in s.workloads
        if _is_closed(s, status)
        and owned_by(w, s.deployment.metadata.uid)
        and w["metadata"]["labels"].get(REVISION_LABEL) not in named
    )  # fmt: skip
    status = _shown(s, status)
    before = s.deployment.status.conditions
    told = settle(before, _conditions(s, replace(state, status=status)), generation, s.now)
    status = status.model_copy(update={"conditions": told, "observed_generation": generation})
    return Plan(
        apply=apply,
        delete=surplus,
        status=status,
        events=with_stall(before, told, state.events),
        requeue_after=_requeue(s, status, state),
    )


def _shown(s: DeploymentSnapshot, status: DeploymentStatus) -> DeploymentStatus:
    """Fill in what people and autoscalers read."""
    updates: dict[str, object] = {}
    total = ready = 0
    for role in ("stable", "canary", REPLACED):
        revision: Revision | None = getattr(status, role)
        if revision is None:
            continue
        live = _workload(s, revision.revision)
        has = int(live.get("status", {}).get("replicas", 0)) if live else 0
        is_ready = _ready(s, revision.revision)
        if role != REPLACED:
            total, ready = total + has, ready + is_ready
        updates[role] = revision.model_copy(update={"replicas": has, "ready_replicas": is_ready})
    meta = s.deployment.metadata
    stable = status.stable
    if stable is not None:
        live = _workload(s, stable.revision)
        if live is not None:
            image = image_of(live, s.settings)
            updates["serving_image"] = image
            updates["serving_image_outdated"] = image != s.settings.serving_image
        domain = s.settings.cluster_domain
        updates["address"] = Address(url=f"http://{meta.name}.{meta.namespace}.{domain}")
    steps = len(s.deployment.spec.rollout.canary.steps)
    shown = f"{status.step.index + 1}/{steps}" if status.canary and status.step else ""
    return status.model_copy(
        update={
            **updates,
            "replicas": total,
            "ready": f"{ready}/{max(total, _replicas(s))}",
            "selector": f"perennial.dev/deployment={meta.name}",
            "step_summary": shown,
        }
    )


def _conditions(s: DeploymentSnapshot, state: _State) -> list[Condition]:
    status, stable = state.status, state.status.stable
    canary, rollout = status.canary, s.deployment.spec.rollout
    serving = stable is not None and stable.ready_replicas > 0
    idle = stable is not None and not serving and _replicas(s) == 0
    name = stable.name if stable else ""
    why = trouble(_pods(s, stable.revision)) if stable is not None else None
    stalled = state.problem
    if stable is not None and not serving and stalled is None and why is not None:
        since = stable.start_time or s.now
        late = (s.now - since).total_seconds() > seconds(rollout.progress_deadline)
        if why.fatal or late:
            stalled = (why.reason, why.message)
    explicit = s.deployment.spec.model.training_ref is None
    refused = _refused(s, status) if canary is None else None
    if refused is not None and explicit and stalled is None:
        told = f"the spec names {refused.name}: {refused.message}; change it or ask for retry"
        stalled = (refused.reason, told)
    if canary is not None:
        trial = "Undoing" if _is_undone(status) else "Promoting" if status.promoting else "Canary"
        told = f"{canary.name} on trial"
        rolled = condition("RolledOut", False, status.paused or trial, told)
    elif refused is not None:
        rolled = condition("RolledOut", False, refused.reason, refused.message)
    else:
        word = "Serving" if serving else "ScaledToZero" if idle else "Starting"
        rolled = condition("RolledOut", serving or idle, word)
    if serving:
        reason = "Serving" if canary is None else status.paused or "Canary"
        if refused is not None:
            reason = "RolledBack"
        ready = condition("Ready", not (stalled and explicit and refused), reason, f"{name} serves")
        if not stalled and refused is not None:
            told = f"{name} serves; {refused.name}: {refused.message}"
            ready = condition("Ready", True, reason, told)
    elif stalled is not None:
        ready = condition("Ready", False, stalled[0], stalled[1])
    elif idle:
        told = f"spec.replicas is 0: {name} serves as soon as it is more"
        ready = condition("Ready", True, "ScaledToZero", told)
    elif why is not None:
        ready = condition("Ready", False, why.reason, why.message)
    elif state.waiting is not None and stable is None:
        ready = condition("Ready", False, state.waiting[0], state.waiting[1])
    else:
        ready = condition("Ready", False, "Starting", f"pods of {name} are not ready yet")
    by_spec = canary is not None and explicit
    busy = (not (serving or idle) or by_spec) and stalled is None
    return [
        ready,
        condition("Available", serving, "PodsReady" if serving else "NoPodReady"),
        rolled,
        condition("Paused", bool(status.paused), status.paused or "NotPaused"),
        condition("Reconciling", busy, "RolloutUnderWay" if busy else "UpToDate"),
        condition("Stalled", stalled is not None, *(stalled or ("Progressing", ""))),
    ]


def _refused(s: DeploymentSnapshot, status: DeploymentStatus) -> Rejection | None:
    """Return the rejection of what the spec wants, if it was rejected."""
    desired, _, _ = _desired(s, status)
    if desired is None:
        return None
    return _rejection(status, desired.revision)


def _requeue(s: DeploymentSnapshot, status: DeploymentStatus, state: _State) -> float | None:
    """Return when time alone may change the decision."""
    analysis = s.deployment.spec.rollout.analysis
    if status != s.deployment.status and status.canary is not None:
        return 0.5
    if status.canary is not None and not status.paused:
        return 1.0
    if status.canary is not None and analysis is not None:
        return seconds(analysis.interval)  # a canary that waits for a person is watched
    if _lingers(s, status):
        return 2.0
    if status.stable is None or state.problem is not None:
        return None
    if status.promoted_time is None and _replicas(s):
        # Pods wake us; only their being late does not.
        waited = (s.now - (status.stable.start_time or s.now)).total_seconds()
        left = seconds(s.deployment.spec.rollout.progress_deadline) - max(0.0, waited)
        return left + 1.0 if left >= 0 else None
    return None
