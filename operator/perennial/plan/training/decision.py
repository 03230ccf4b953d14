"""What to do about a ModelTraining: when a run starts, and what it yields."""

from datetime import timedelta

from perennial.api.training import (
    CandidateStatus,
    LastRun,
    PrintedTraining,
    RunStatus,
    TrainingSpec,
    TrainingStatus,
)
from perennial.api.values import Json
from perennial.plan.core import Event, Finding, Plan, settle, too_long, with_stall
from perennial.plan.core.refusal import REFUSED
from perennial.plan.pods.stores import LOOK_AGAIN_SECONDS
from perennial.plan.training.champion import (
    baseline,
    champion_of,
    metric_with_interval,
    rebuilt,
    version_of,
)
from perennial.plan.training.conditions import conditions_of
from perennial.plan.training.hindrance import hindrance, lacks_pods, prolonged
from perennial.plan.training.honest import Judged, judge
from perennial.plan.training.job import child_name
from perennial.plan.training.problems import own_jobs, problem_of, store_denied
from perennial.plan.training.pruning import pruned
from perennial.plan.training.results import notes_of, recorded, seen
from perennial.plan.training.run import RunRecord, as_trained, config_map
from perennial.plan.training.schedule import next_after
from perennial.plan.training.snapshot import TrainingSnapshot
from perennial.plan.training.triggers import Trigger, kind_of, postponed, reasons, triggers_of

LOOK_SECONDS = 10.0
"""How often a run is looked at whose pods do not start."""


def plan_training(s: TrainingSnapshot) -> Plan:
    """Decide what to do about a ModelTraining."""
    status = s.training.status
    if problem := problem_of(s):
        return _finish(s, status, problem=problem)
    if status.champion is None and s.versions:
        status = rebuilt(s, status)
    run = status.run
    if run is not None and run.phase == "Fitting":
        return _follow(s, status, run)
    if found := store_denied(s):
        return _finish(s, status, problem=found)  # what is asked for stays asked for
    if s.feedback is not None and s.feedback.missing:
        return _finish(s, status)
    triggers, status, events = triggers_of(s, status)
    if triggers and not s.training.spec.suspend:
        return _start(s, status, triggers, events)
    # A person asked once and is heard once suspend ends; the spec and drift still stand then.
    status = postponed(status, [t for t in triggers if t.kind == "Request"])
    return _finish(s, status, events=events)


def _number(s: TrainingSnapshot, status: TrainingStatus) -> int:
    """Return the next run's number, right even where the status was lost."""
    seen = [v.spec.run for v in s.versions]
    labels = [j["metadata"].get("labels", {}).get("perennial.dev/run", "") for j in own_jobs(s)]
    seen += [int(label) for label in labels if label.isdecimal()]
    seen += [status.run.number] if status.run else []
    return max(seen, default=0) + 1


def _start(
    s: TrainingSnapshot, status: TrainingStatus, triggers: list[Trigger], events: tuple[Event, ...]
) -> Plan:
    """Record a new run; the next pass makes its Job, so that no crash can make two."""
    reason = reasons(triggers)
    run = RunStatus(
        number=_number(s, status),
        trigger=kind_of(triggers),
        reason=reason,
        phase="Fitting",
        start_time=s.now,
        generation=s.training.metadata.generation,
        trained=as_trained(s.training.spec),
        champion=baseline(s, status),
        candidates=[
            CandidateStatus(name=c.name, verdict="Running") for c in s.training.spec.candidates
        ],
    )
    status = status.model_copy(update={"run": run, "pending": None})
    event = Event("RunStarted", f"run {run.number} started: {reason}")
    return _finish(s, status, events=(*events, event))


def _follow(s: TrainingSnapshot, status: TrainingStatus, run: RunStatus) -> Plan:
    """Record what the run is, make its Job of that, note what its pods tell, and end it."""
    triggers, status, events = triggers_of(s, status)
    status = postponed(status, [t for t in triggers if t.kind != "Spec"])
    name = child_name(s.training, run.number)
    live, found = s.job(name), s.config_map(name)
    record = RunRecord.read(found) if found is not None else None
    if live is None and record is None:
        if refused := store_denied(s):
            return _finish(s, status, problem=refused, events=events)
        log = s.feedback.log if s.feedback is not None else None
        made = config_map(s.training, run, log, s.settings)
        return _finish(s, status, apply=(made,), events=events, soon=True)
    spec = record.spec if record is not None else s.training.spec
    run = _as_recorded(run, spec)
    status = status.model_copy(update={"run": run})
    if live is None:
        assert record is not None
        return _finish(s, status, create=(record.job,), events=events, soon=True)
    handed = record.owned_by_job(live) if record is not None else None
    apply = (handed,) if handed is not None else ()
    progress = {"candidates": seen(s, spec, run), "dataset": notes_of(s, run)}
    run = run.model_copy(update=progress)
    another = bool(triggers) or status.pending is not None
    if _has_ended(live):
        return _end(s, status, spec, run, events, apply, another)
    status = status.model_copy(update={"run": run})
    if record is not None and not another:
        # What is wished for instead does not wait longer than the run was to last.
        more = prolonged(s, run, record, live)
        apply = (*apply, more) if more is not None else apply
    return _finish(s, status, apply=apply, events=events)


def _as_recorded(run: RunStatus, spec: TrainingSpec) -> RunStatus:
    """Return the run with the candidates that were recorded; the spec may have changed since."""
    names = [c.name for c in spec.candidates]
    if [c.name for c in run.candidates] == names:
        return run
    candidates = [CandidateStatus(name=name, verdict="Running") for name in names]
    return run.model_copy(update={"candidates": candidates, "trained": as_trained(spec)})


def _has_ended(job: Json) -> bool:
    """Tell whether a Job is complete or has failed."""
    conditions = job.get("status", {}).get("conditions", [])
    ended = (c["type"] for c in conditions if c.get("status") == "True")
    return any(type in ("Complete", "Failed") for type in ended)


def _end(
    s: TrainingSnapshot,
    status: TrainingStatus,
    spec: TrainingSpec,
    run: RunStatus,
    events: tuple[Event, ...],
    apply: tuple[Json, ...],
    another: bool,
) -> Plan:
    """Judge the run: the best that passed every gate becomes a version.

    The run ends once that version is seen: until then it could be refused, and the run alone knows
    what it is made of. One that was refused is given up where another run is wished for.
    """
    candidates = [_lost(c) if c.verdict == "Running" else c for c in run.candidates]
    winner, why = _best(run, spec, [c for c in candidates if c.verdict == "Passed"])
    message = "; ".join(f"{c.name}: {c.message}" for c in candidates)
    outcome, event = "Failed", Event("RunFailed", message, "Warning")
    better = why.better
    if any(c.verdict == "GatesFailed" for c in candidates):
        outcome, event = "GatesFailed", Event("GatesFailed", message, "Warning")
    if winner is not None:
        result = recorded(winner)
        assert result is not None
        if why.outcome != "Promoted":
            outcome, message = why.outcome, why.message
            event = Event(outcome, message, "Warning" if why.needs_somebody else "Normal")
        else:
            made = child_name(s.training, run.number)
            version = next((v for v in s.versions if v.metadata.name == made), None)
            if version is None and not (another and _was_refused(s)):
                status = status.model_copy(update={"run": run})
                apply = (*apply, version_of(s, run, result))
                return _finish(s, status, apply=apply, events=events, soon=True)
            if version is None:
                message = f"{made} could not be written, and another run is wished for"
                better = None
                outcome, event = "Failed", Event("RunFailed", message, "Warning")
            else:
                champion = champion_of(version)
                status = status.model_copy(update={"champion": champion})
                won = winner.model_copy(update={"verdict": "Won"})
                candidates = [won if c.name == won.name else c for c in candidates]
                proven = metric_with_interval(champion.metric, len(candidates))
                message = f"{winner.name} became {made}, {proven}"
                message = "; ".join(m for m in (message, winner.message, why.message) if m)
                outcome, event = "Promoted", Event("ModelPromoted", message)
    candidates = [c.model_copy(update={"result": {}}) for c in candidates]
    last = LastRun(
        number=run.number,
        trigger=run.trigger,
        outcome=outcome,
        better=better,
        message=message,
        start_time=run.start_time,
        finish_time=s.now,
        dataset=run.dataset,
        candidates=candidates,
    )
    ended = {"phase": "Finished", "candidates": candidates, "dataset": None}
    done = run.model_copy(update=ended)
    status = status.model_copy(update={"run": done, "last_run": last})
    return _finish(s, status, apply=apply, events=(*events, event))


def _best(
    run: RunStatus, spec: TrainingSpec, passed: list[CandidateStatus]
) -> tuple[CandidateStatus | None, Judged]:
    """Return the best candidate of those that are shipped, or else the best, and why."""
    found = []
    for candidate in passed:
        result = recorded(candidate)
        assert result is not None
        why = judge(run, spec, result)
        found.append((why.outcome == "Promoted", candidate.metric or 0.0, candidate, why))
    if not found:
        return None, Judged("Promoted")
    _, _, winner, why = max(found, key=lambda f: f[:2])
    return winner, why


def _was_refused(s: TrainingSnapshot) -> bool:
    """Tell whether the last write was refused, and not by something that passes by itself."""
    told = s.training.status.conditions
    return any(c.type == "Stalled" and c.status == "True" and c.reason in REFUSED for c in told)


def _lost(candidate: CandidateStatus) -> CandidateStatus:
    """Return a candidate that told nothing until its Job had ended."""
    lost = "no result came: the Job ended first (see spec.job.activeDeadline and the pods' events)"
    message = f"{lost}; {candidate.message}" if candidate.message else lost
    return CandidateStatus(name=candidate.name, verdict="Failed", message=message)


def _finish(
    s: TrainingSnapshot,
    status: TrainingStatus,
    create: tuple[Json, ...] = (),
    apply: tuple[Json, ...] = (),
    events: tuple[Event, ...] = (),
    problem: Finding | None = None,
    soon: bool = False,
) -> Plan:
    """Derive the conditions, and say when to look again."""
    generation = s.training.metadata.generation
    run = status.run
    training = run.trigger if run is not None and run.phase == "Fitting" else ""
    champion = status.champion.summary if status.champion is not None else ""
    printed = PrintedTraining(training=training, metric=champion)
    status = status.model_copy(update={"printed": printed, "observed_generation": generation})
    problem = problem or too_long(s.training.metadata.annotations)
    behind = run is None or run.trained != as_trained(s.training.spec)
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
    if problem is not None and problem.blame == "Cluster":
        requeue = LOOK_AGAIN_SECONDS
    elif run is not None and run.phase == "Fitting" and (lacks_pods(s) or hindrance(s, run)):
        requeue = LOOK_SECONDS  # nobody is woken by what hinders pods, or by time that passes
    return Plan(
        create=create,
        apply=apply,
        delete=pruned(s, status),
        status=status,
        events=with_stall(s.training.status.conditions, conditions, events),
        # What was just made is waited for: a ConfigMap wakes nobody.
        requeue_after=0.05 if soon else requeue,
    )
