"""ModelTraining: when a run starts, what it yields, and what is kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from perennial.api import API_VERSION
from perennial.api.base import Condition, Json
from perennial.api.deployment import ModelDeployment
from perennial.api.monitor import DriftMonitor
from perennial.api.training import (
    CandidateStatus,
    Champion,
    LastRun,
    ModelTraining,
    Pending,
    RunStatus,
    TrainingStatus,
)
from perennial.api.version import ModelVersion
from perennial.plan.core import (
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
from perennial.plan.feedback import Source, source
from perennial.plan.gates import failures, value_of
from perennial.plan.job import child_name, children, labels
from perennial.plan.podhealth import not_starting
from perennial.plan.schedule import ScheduleInvalid, next_after
from perennial.plan.stores import chosen, refusal
from perennial_artifact.result import CandidateResult, Failure

RETRAIN = "retrain"
INDEX_LABEL = "batch.kubernetes.io/job-completion-index"


@dataclass(frozen=True)
class TrainingSnapshot:
    """All that a decision about a ModelTraining depends on."""

    training: ModelTraining
    now: datetime
    settings: Settings
    jobs: tuple[Json, ...] = ()
    config_maps: tuple[Json, ...] = ()
    pods: tuple[Json, ...] = ()
    versions: tuple[ModelVersion, ...] = ()
    monitors: tuple[DriftMonitor, ...] = ()
    deployed: frozenset[str] = frozenset()
    teacher: ModelDeployment | None = None
    """The ModelDeployment whose feedback the spec asks for."""

    @property
    def feedback(self) -> Source | None:
        """Where the feedback is that the runs learn from, None where none is wanted."""
        return source(self.training, self.teacher)


@dataclass(frozen=True)
class _Wish:
    """A run that somebody wants."""

    trigger: Any
    reason: str


def plan_training(s: TrainingSnapshot) -> Plan:
    """Decide what to do about a ModelTraining."""
    status = s.training.status
    problem = _problem(s)
    if problem:
        return _finish(s, status, stalled=("InvalidSpec", problem))
    if status.champion is None and s.versions:
        status = _rebuilt(s, status)
    run = status.run
    if run is not None and run.phase == "Fitting":
        return _follow(s, status, run)
    if s.feedback is not None and s.feedback.missing:
        return _finish(s, status)  # what is asked for stays asked for
    wishes, status, events = _wishes(s, status)
    if wishes and not s.training.spec.suspend:
        return _start(s, status, wishes, events)
    # A person asked once and is heard once suspend ends; the spec and drift still stand then.
    status = _postponed(status, [w for w in wishes if w.trigger == "Request"])
    return _finish(s, status, events=events)


def _problem(s: TrainingSnapshot) -> str:
    """Return what is wrong with the spec beyond what the schema can see."""
    spec = s.training.spec
    store_uri, _ = chosen(spec.store, s.settings)
    for field, uri in (("spec.dataset.uri", spec.dataset.uri), ("spec.store.uri", store_uri)):
        if told := refusal(field, uri, s.settings):
            return told
    if spec.schedule is not None:
        try:
            next_after(spec.schedule, s.now)
        except ScheduleInvalid as error:
            return str(error)
    uid, name = s.training.metadata.uid, s.training.metadata.name
    for child in (*s.jobs, *s.config_maps):
        if not owned_by(child, uid):
            other = f"{child['kind']} {child['metadata']['name']}"
            return f"{other} exists and is not ours: rename it or the ModelTraining {name}"
    return ""


def _number(s: TrainingSnapshot, status: TrainingStatus) -> int:
    """Return the next run's number, right even where the status was lost."""
    seen = [v.spec.run for v in s.versions]
    seen += [int(j["metadata"]["labels"].get("perennial.dev/run", 0)) for j in s.jobs]
    seen += [status.run.number] if status.run else []
    return max(seen, default=0) + 1


def _wishes(
    s: TrainingSnapshot, status: TrainingStatus
) -> tuple[list[_Wish], TrainingStatus, tuple[Event, ...]]:
    """Return who wants a run, with the status that remembers having asked."""
    training, spec = s.training, s.training.spec
    wishes: list[_Wish] = []
    events: tuple[Event, ...] = ()
    newest = status.run
    if newest is None and status.champion is None:
        wishes.append(_Wish("Spec", "first run"))
    elif newest is not None and newest.generation < training.metadata.generation:
        wishes.append(_Wish("Spec", f"spec changed to generation {training.metadata.generation}"))
    if status.pending is not None:
        wishes.append(_Wish(status.pending.trigger, status.pending.reason))
    if request := request_of(training.metadata.annotations, status.last_request):
        verb, text = request
        if verb == RETRAIN:
            wishes.append(_Wish("Request", f"asked for by {text}"))
        else:
            told = f"{verb} is unknown here; a ModelTraining knows {RETRAIN}"
            events = (Event("UnknownRequest", told, "Warning"),)
        status = status.model_copy(update={"last_request": text})
    if spec.schedule is not None:
        since = status.last_schedule_time or training.metadata.creation_timestamp or s.now
        due = next_after(spec.schedule, since)
        if due <= s.now:
            wishes.append(_Wish("Schedule", f"scheduled for {due:%Y-%m-%dT%H:%M:%SZ}"))
            status = status.model_copy(update={"last_schedule_time": s.now})
    began = newest.start_time if newest else None
    for monitor in s.monitors:
        action = monitor.status.last_action
        if action is not None and began is not None and action.time > began:
            wishes.append(_Wish("Drift", f"{monitor.metadata.name}: {action.message}"))
    return wishes, status, events


def _reasons(wishes: list[_Wish]) -> str:
    """Return the reasons joined, each once."""
    told: list[str] = []
    for wish in wishes:
        if not any(wish.reason in known for known in told):
            told.append(wish.reason)
    return "; ".join(told)[:1024]


def _postponed(status: TrainingStatus, wishes: list[_Wish]) -> TrainingStatus:
    """Return the status that remembers wishes beside what already waits."""
    if not wishes:
        return status
    if status.pending is not None:
        wishes = [_Wish(status.pending.trigger, status.pending.reason), *wishes]
    pending = Pending(trigger=wishes[0].trigger, reason=_reasons(wishes))
    return status.model_copy(update={"pending": pending})


def _start(
    s: TrainingSnapshot, status: TrainingStatus, wishes: list[_Wish], events: tuple[Event, ...]
) -> Plan:
    """Record a new run; the next pass makes its Job, so that no crash can make two."""
    reason = _reasons(wishes)
    run = RunStatus(
        number=_number(s, status),
        trigger=wishes[0].trigger,
        reason=reason,
        phase="Fitting",
        start_time=s.now,
        generation=s.training.metadata.generation,
        champion=_to_beat(s, status),
        candidates=[
            CandidateStatus(name=c.name, verdict="Running") for c in s.training.spec.candidates
        ],
    )
    status = status.model_copy(update={"run": run, "pending": None})
    event = Event("RunStarted", f"run {run.number} started: {reason}")
    return _finish(s, status, events=(*events, event))


def _follow(s: TrainingSnapshot, status: TrainingStatus, run: RunStatus) -> Plan:
    """Make sure that the run's Job exists, read its results, and end the run with it."""
    wishes, status, events = _wishes(s, status)
    status = _postponed(status, [w for w in wishes if w.trigger != "Spec"])
    name = child_name(s.training, run.number)
    job = next((j for j in s.jobs if j["metadata"]["name"] == name), None)
    if job is None:
        log = s.feedback.log if s.feedback is not None else None
        made = children(s.training, run, log, s.settings)
        return _finish(s, status, apply=made, events=events)
    results = _results(s, run)
    ended = {
        c["type"]
        for c in job.get("status", {}).get("conditions", [])
        if c.get("status") == "True" and c["type"] in ("Complete", "Failed")
    }
    if ended:
        return _end(s, status, run, results, job, events)
    waiting = [_waiting(s, run, n) for n in range(len(run.candidates))]
    seen = [_seen(s, run, c, results.get(c.name)) for c in waiting]
    status = status.model_copy(update={"run": run.model_copy(update={"candidates": seen})})
    return _finish(s, status, events=events)


def _pods(s: TrainingSnapshot, run: RunStatus, **labels: str) -> list[Json]:
    """Return the pods of a run that have these labels, too."""
    wanted = {"perennial.dev/run": str(run.number), **labels}.items()
    return [p for p in s.pods if wanted <= p["metadata"].get("labels", {}).items()]


def _waiting(s: TrainingSnapshot, run: RunStatus, index: int) -> CandidateStatus:
    """Return a candidate's state with why its pod does not start, kept when the pod is gone."""
    candidate, pods = run.candidates[index], _pods(s, run, **{INDEX_LABEL: str(index)})
    if not pods or candidate.verdict != "Running":
        return candidate
    why = not_starting(pods)
    return candidate.model_copy(update={"message": f"{why.reason}: {why.message}" if why else ""})


def _results(s: TrainingSnapshot, run: RunStatus) -> dict[str, CandidateResult]:
    """Return each candidate's newest termination message; what a pod says is not trusted."""
    newest: dict[str, tuple[str, CandidateResult]] = {}
    for pod in s.pods:
        meta = pod["metadata"]
        if meta.get("labels", {}).get("perennial.dev/run") != str(run.number):
            continue
        index = int(meta.get("labels", {}).get(INDEX_LABEL, -1))
        if not 0 <= index < len(run.candidates):
            continue
        name = run.candidates[index].name
        for container in pod.get("status", {}).get("containerStatuses", []):
            ended = container.get("state", {}).get("terminated")
            if not ended:
                continue
            result = _parse(name, ended)
            at = ended.get("finishedAt") or ""
            if name not in newest or newest[name][0] <= at:
                newest[name] = (at, result)
    return {name: result for name, (_, result) in newest.items()}


def _parse(name: str, ended: Json) -> CandidateResult:
    message = ended.get("message", "")
    try:
        result = CandidateResult.from_json(message)
        if result.candidate != name:
            raise ValueError("the result is another candidate's")
        if result.failure is None and not (result.artifact and result.dataset and result.metrics):
            raise ValueError("the result lacks what a version needs")
        return result
    except ValueError:
        reason = ended.get("reason", "Error")
        hint = " (raise spec.job.resources.limits.memory)" if reason == "OOMKilled" else ""
        text = f"the training container ended with {reason}, exit code {ended.get('exitCode')}"
        failure = Failure(reason="TrainerFailed", message=f"{text}{hint}; see its log")
        return CandidateResult(candidate=name, failure=failure)


def _seen(
    s: TrainingSnapshot, run: RunStatus, before: CandidateStatus, result: CandidateResult | None
) -> CandidateStatus:
    """Return a candidate's state as far as its pod has told."""
    if result is None:
        return before
    if result.failure is not None:
        text = f"{result.failure.reason}: {result.failure.message}"
        return CandidateStatus(name=before.name, verdict="Failed", message=text)
    objective = s.training.spec.objective.metric
    value = value_of(result.metrics, objective)
    if value is None:
        text = f"{objective}, the objective, was not measured"
        return CandidateStatus(name=before.name, verdict="Failed", message=text)
    failed = failures(s.training.spec.gates, result, run.champion is not None)
    return CandidateStatus(
        name=before.name,
        metric=value,
        verdict="GatesFailed" if failed else "Passed",
        message="; ".join(failed),
    )


def _end(
    s: TrainingSnapshot,
    status: TrainingStatus,
    run: RunStatus,
    results: dict[str, CandidateResult],
    job: Json,
    events: tuple[Event, ...],
) -> Plan:
    """Judge the run: the best that passed every gate becomes a version."""
    seen = [_seen(s, run, c, results.get(c.name)) for c in run.candidates]
    lost = "no result came: the Job ended first (see spec.job.activeDeadline and the pods' events)"
    seen = [
        CandidateStatus(
            name=c.name, verdict="Failed", message=f"{lost}; {c.message}" if c.message else lost
        )
        if c.verdict == "Running"
        else c
        for c in seen
    ]
    passed = [c for c in seen if c.verdict == "Passed"]
    winner = max(passed, key=lambda c: c.metric or 0.0, default=None)
    apply: tuple[Json, ...] = ()
    if winner is not None:
        seen = [
            c.model_copy(update={"verdict": "Won"}) if c.name == winner.name else c for c in seen
        ]
        version = _version(s, run, results[winner.name])
        apply = (version,)
        status = status.model_copy(update={"champion": _champion(ModelVersion.read(version))})
        assert status.champion is not None
        message = f"{winner.name} became {version['metadata']['name']}, {status.champion.summary}"
        outcome, event = "Promoted", Event("ModelPromoted", message)
    elif any(c.verdict == "GatesFailed" for c in seen):
        message = "; ".join(f"{c.name}: {c.message}" for c in seen)
        outcome, event = "GatesFailed", Event("GatesFailed", message, "Warning")
    else:
        message = "; ".join(f"{c.name}: {c.message}" for c in seen)
        outcome, event = "Failed", Event("RunFailed", message, "Warning")
    last = LastRun(
        number=run.number,
        trigger=run.trigger,
        outcome=outcome,
        message=message,
        start_time=run.start_time,
        finish_time=s.now,
        candidates=seen,
    )
    done = run.model_copy(update={"phase": "Finished", "candidates": seen})
    status = status.model_copy(update={"run": done, "last_run": last})
    return _finish(s, status, apply=apply, events=(*events, event))


def _version(s: TrainingSnapshot, run: RunStatus, result: CandidateResult) -> Json:
    """Return the ModelVersion; not owned, since what is served must outlive its training."""
    assert result.artifact is not None
    spec = {
        "trainingRef": {"name": s.training.metadata.name},
        "run": run.number,
        "candidate": result.candidate,
        "artifact": result.artifact.to_plain(),
        "metrics": [m.to_plain() for m in result.metrics],
        "dataset": result.dataset.to_plain() if result.dataset else None,
        "algorithm": result.algorithm,
        "parameters": result.parameters,
        "libraries": result.libraries,
    }
    if result.signature is not None:
        spec["signature"] = result.signature.to_plain()
    if run.champion is not None:
        spec["parent"] = run.champion.version
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelVersion",
        "metadata": {
            "name": child_name(s.training, run.number),
            "namespace": s.training.metadata.namespace,
            "labels": labels(s.training, run.number),
        },
        "spec": spec,
    }


def _champion(version: ModelVersion) -> Champion:
    metric = version.spec.metrics[0]
    return Champion(
        version=version.metadata.name,
        metric=metric,
        summary=f"{metric.name}={metric.value:.3f}",
        uri=version.spec.artifact.uri,
        sha256=version.spec.artifact.sha256,
        dataset=version.spec.dataset,
    )


def _outcome(version: ModelVersion) -> str:
    return version.status.outcome.reason if version.status.outcome is not None else ""


def _sound(s: TrainingSnapshot) -> list[ModelVersion]:
    """Return the versions that live traffic has not refuted."""
    return [v for v in s.versions if _outcome(v) != "RolledBack"]


def _to_beat(s: TrainingSnapshot, status: TrainingStatus) -> Champion | None:
    """Return whom a run is compared with: the champion.

    Where it was rolled back, that which serves in its place: the newest that was promoted; or, if
    none ever was, the newest that was not rolled back.
    """
    champion, sound = status.champion, _sound(s)
    refuted = {v.metadata.name for v in s.versions} - {v.metadata.name for v in sound}
    if champion is None or champion.version not in refuted:
        return champion
    served = max(sound, key=lambda v: (_outcome(v) == "Promoted", v.spec.run), default=None)
    return _champion(served) if served is not None else None


def _rebuilt(s: TrainingSnapshot, status: TrainingStatus) -> TrainingStatus:
    """Rebuild a lost status: the champion is the newest version that was not rolled back."""
    newest = max(s.versions, key=lambda v: v.spec.run)
    champion = max(_sound(s), key=lambda v: v.spec.run, default=newest)
    run = status.run or RunStatus(
        number=newest.spec.run,
        trigger="Spec",
        reason="known by its version",
        phase="Finished",
        start_time=newest.metadata.creation_timestamp or s.now,
        generation=s.training.metadata.generation,
    )
    return status.model_copy(update={"champion": _champion(champion), "run": run})


def _pruned(s: TrainingSnapshot, status: TrainingStatus) -> tuple[Deletion, ...]:
    """Return the oldest versions beyond the limit that nobody serves."""
    kept = {status.champion.version} if status.champion else set()
    free = [v for v in s.versions if v.metadata.name not in s.deployed | kept]
    free.sort(key=lambda v: v.spec.run)
    surplus = len(free) - s.training.spec.version_history_limit
    return tuple(
        Deletion(API_VERSION, "ModelVersion", v.metadata.namespace, v.metadata.name, v.metadata.uid)
        for v in free[: max(0, surplus)]
    )


def _finish(
    s: TrainingSnapshot,
    status: TrainingStatus,
    apply: tuple[Json, ...] = (),
    events: tuple[Event, ...] = (),
    stalled: tuple[str, str] | None = None,
) -> Plan:
    """Derive the conditions, and say when to look again."""
    generation = s.training.metadata.generation
    run = status.run
    training = run.trigger if run is not None and run.phase == "Fitting" else ""
    status = status.model_copy(update={"training": training, "observed_generation": generation})
    conditions = settle(
        s.training.status.conditions, _conditions(s, status, stalled), generation, s.now
    )
    status = status.model_copy(update={"conditions": conditions})
    requeue = None
    waiting = not training and s.feedback is not None and s.feedback.missing
    idle = stalled is not None or s.training.spec.suspend or waiting
    if s.training.spec.schedule is not None and not idle:
        due = next_after(s.training.spec.schedule, status.last_schedule_time or s.now)
        requeue = max(1.0, (due - s.now + timedelta(seconds=1)).total_seconds())
    return Plan(
        apply=apply,
        delete=_pruned(s, status),
        status=status,
        events=with_stall(s.training.status.conditions, conditions, events),
        requeue_after=requeue,
    )


def _conditions(
    s: TrainingSnapshot, status: TrainingStatus, stalled: tuple[str, str] | None
) -> list[Condition]:
    """A run by schedule or drift is Training, never Reconciling: GitOps health must not flap."""
    run, last, champion = status.run, status.last_run, status.champion
    fitting = run is not None and run.phase == "Fitting"
    held = not_starting(_pods(s, run)) if run is not None and fitting else None
    behind = run is None or run.generation < s.training.metadata.generation
    first = fitting and run is not None and run.trigger == "Spec"
    feedback = s.feedback.told if s.feedback is not None else None
    missing = feedback if s.feedback is not None and s.feedback.missing and not fitting else None
    if stalled is None and not fitting and champion is None and last is not None:
        stalled = (last.outcome, last.message)
    if champion is not None:
        told = f"{champion.version} is the champion, {champion.summary}"
        reason = last.outcome if last is not None else "Promoted"
        if last is not None and last.outcome != "Promoted":
            told += f"; run {last.number} did not replace it: {last.message}"
        ready = condition("Ready", True, reason, told)
    elif stalled is not None:
        ready = condition("Ready", False, stalled[0], stalled[1])
    elif s.training.spec.suspend and not fitting:
        ready = condition("Ready", False, "Suspended", "set spec.suspend to false to start a run")
    elif missing is not None:
        ready = condition("Ready", False, missing.reason, missing.message)
    elif held is not None:
        ready = condition("Ready", False, held.reason, held.message)
    else:
        ready = condition("Ready", False, "FirstRun", "the first run is under way")
    if fitting and run is not None:
        told = f"; its pods do not start: {held.message}" if held is not None else ""
        at = condition("Training", True, run.trigger, f"run {run.number}: {run.reason}{told}")
    else:
        at = condition("Training", False, "Idle", "no run is under way")
    if last is None:
        succeeded = condition("LastRunSucceeded", None, "NoRun", "no run has ended yet")
    else:
        succeeded = condition(
            "LastRunSucceeded", last.outcome == "Promoted", last.outcome, last.message
        )
    if stalled is not None:
        reconciling = condition("Reconciling", False, "Stalled")
    elif missing is not None and behind and not s.training.spec.suspend:
        reconciling = condition("Reconciling", True, missing.reason, missing.message)
    elif (first or behind) and not s.training.spec.suspend:
        reconciling = condition("Reconciling", True, "RunUnderWay", "the spec is being trained")
    else:
        reconciling = condition("Reconciling", False, "UpToDate")
    return [
        ready,
        at,
        succeeded,
        *([feedback] if feedback is not None else []),
        reconciling,
        condition("Stalled", stalled is not None, *(stalled or ("Progressing", ""))),
    ]
