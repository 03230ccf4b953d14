"""What to do about a ModelTraining: when a run starts, and what it yields."""

from datetime import timedelta

from perennial.api.base import Json
from perennial.api.training import CandidateStatus, LastRun, RunStatus, TrainingStatus
from perennial.api.version import ModelVersion
from perennial.plan.core import Event, Plan, owned_by, settle, too_long, with_stall
from perennial.plan.finding import Finding
from perennial.plan.job import child_name, children
from perennial.plan.schedule import ScheduleInvalid, next_after
from perennial.plan.stores import chosen, refusal
from perennial.plan.training.champion import champion_of, pruned, rebuilt, to_beat, version_of
from perennial.plan.training.conditions import conditions_of
from perennial.plan.training.results import judged, results_of, still_waiting
from perennial.plan.training.snapshot import TrainingSnapshot
from perennial.plan.training.wishes import Wish, postponed, reasons, wishes_of
from perennial_artifact.result import CandidateResult


def plan_training(s: TrainingSnapshot) -> Plan:
    """Decide what to do about a ModelTraining."""
    status = s.training.status
    if problem := _problem(s):
        return _finish(s, status, problem=Finding("InvalidSpec", problem))
    if status.champion is None and s.versions:
        status = rebuilt(s, status)
    run = status.run
    if run is not None and run.phase == "Fitting":
        return _follow(s, status, run)
    if s.feedback is not None and s.feedback.missing:
        return _finish(s, status)  # what is asked for stays asked for
    wishes, status, events = wishes_of(s, status)
    if wishes and not s.training.spec.suspend:
        return _start(s, status, wishes, events)
    # A person asked once and is heard once suspend ends; the spec and drift still stand then.
    status = postponed(status, [w for w in wishes if w.trigger == "Request"])
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


def _start(
    s: TrainingSnapshot, status: TrainingStatus, wishes: list[Wish], events: tuple[Event, ...]
) -> Plan:
    """Record a new run; the next pass makes its Job, so that no crash can make two."""
    reason = reasons(wishes)
    run = RunStatus(
        number=_number(s, status),
        trigger=wishes[0].trigger,
        reason=reason,
        phase="Fitting",
        start_time=s.now,
        generation=s.training.metadata.generation,
        champion=to_beat(s, status),
        candidates=[
            CandidateStatus(name=c.name, verdict="Running") for c in s.training.spec.candidates
        ],
    )
    status = status.model_copy(update={"run": run, "pending": None})
    event = Event("RunStarted", f"run {run.number} started: {reason}")
    return _finish(s, status, events=(*events, event))


def _follow(s: TrainingSnapshot, status: TrainingStatus, run: RunStatus) -> Plan:
    """Make sure that the run's Job exists, read its results, and end the run with it."""
    wishes, status, events = wishes_of(s, status)
    status = postponed(status, [w for w in wishes if w.trigger != "Spec"])
    name = child_name(s.training, run.number)
    job = next((j for j in s.jobs if j["metadata"]["name"] == name), None)
    if job is None:
        log = s.feedback.log if s.feedback is not None else None
        made = children(s.training, run, log, s.settings)
        return _finish(s, status, apply=made, events=events)
    results = results_of(s, run)
    ended = {
        c["type"]
        for c in job.get("status", {}).get("conditions", [])
        if c.get("status") == "True" and c["type"] in ("Complete", "Failed")
    }
    if ended:
        return _end(s, status, run, results, job, events)
    waiting = [still_waiting(s, run, n) for n in range(len(run.candidates))]
    seen = [judged(s, run, c, results.get(c.name)) for c in waiting]
    status = status.model_copy(update={"run": run.model_copy(update={"candidates": seen})})
    return _finish(s, status, events=events)


def _end(
    s: TrainingSnapshot,
    status: TrainingStatus,
    run: RunStatus,
    results: dict[str, CandidateResult],
    job: Json,
    events: tuple[Event, ...],
) -> Plan:
    """Judge the run: the best that passed every gate becomes a version."""
    seen = [judged(s, run, c, results.get(c.name)) for c in run.candidates]
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
        version = version_of(s, run, results[winner.name])
        apply = (version,)
        status = status.model_copy(update={"champion": champion_of(ModelVersion.read(version))})
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


def _finish(
    s: TrainingSnapshot,
    status: TrainingStatus,
    apply: tuple[Json, ...] = (),
    events: tuple[Event, ...] = (),
    problem: Finding | None = None,
) -> Plan:
    """Derive the conditions, and say when to look again."""
    generation = s.training.metadata.generation
    run = status.run
    training = run.trigger if run is not None and run.phase == "Fitting" else ""
    status = status.model_copy(update={"training": training, "observed_generation": generation})
    problem = problem or too_long(s.training.metadata.annotations)
    behind = run is None or run.generation < generation
    conditions = settle(
        s.training.status.conditions, conditions_of(s, status, problem, behind), generation, s.now
    )
    status = status.model_copy(update={"conditions": conditions})
    requeue = None
    waiting = not training and s.feedback is not None and s.feedback.missing
    idle = problem is not None or s.training.spec.suspend or waiting
    if s.training.spec.schedule is not None and not idle:
        due = next_after(s.training.spec.schedule, status.last_schedule_time or s.now)
        requeue = max(1.0, (due - s.now + timedelta(seconds=1)).total_seconds())
    return Plan(
        apply=apply,
        delete=pruned(s, status),
        status=status,
        events=with_stall(s.training.status.conditions, conditions, events),
        requeue_after=requeue,
    )
