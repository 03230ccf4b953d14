"""What of a ModelTraining cannot be followed: its spec, its children's names, its store."""

from collections.abc import Sequence

from perennial.api.training import Candidate
from perennial.api.values import Json
from perennial.plan.core import Finding, owned_by
from perennial.plan.pods.log_access import unreadable_log, unwritable_log
from perennial.plan.pods.stores import chosen, denied, refusal
from perennial.plan.training.job import child_name
from perennial.plan.training.schedule import ScheduleInvalid, next_after
from perennial.plan.training.snapshot import TrainingSnapshot


def problem_of(s: TrainingSnapshot) -> Finding | None:
    """Return what is wrong with the spec beyond what the schema can see, or with its names."""
    message = _unusable(s)
    return Finding("InvalidSpec", message) if message else _conflict(s)


def _unusable(s: TrainingSnapshot) -> str:
    """Return what of the spec cannot be followed."""
    spec = s.training.spec
    store_uri, _ = chosen(spec.store, s.settings)
    for field, uri in (("spec.dataset.uri", spec.dataset.uri), ("spec.store.uri", store_uri)):
        if message := refusal(field, uri, s.settings):
            return message
    if message := _foreign_log(s):
        return message
    if spec.schedule is not None:
        try:
            next_after(spec.schedule, s.now)
        except ScheduleInvalid as error:
            return str(error)
    return _unclear_search(spec.candidates)


def _foreign_log(s: TrainingSnapshot) -> str:
    """Return which URI leads to another namespace's request log by the chart's Secret."""
    spec, namespace, settings = s.training.spec, s.training.metadata.namespace, s.settings
    store, secret = chosen(spec.store, settings)
    own = spec.dataset.secret_ref
    opens = own.name if own is not None else secret
    message = unreadable_log("spec.dataset.uri", spec.dataset.uri, opens, namespace, settings)
    return message or unwritable_log("spec.store.uri", store, secret, namespace, settings)


def _conflict(s: TrainingSnapshot) -> Finding | None:
    """Return which foreign object has the name of a child of the run under way.

    A foreign one of another name that only has our labels is nobody's business.
    """
    run, name = s.training.status.run, s.training.metadata.name
    if run is None or run.phase != "Fitting":
        return None
    ours = own_jobs(s)
    owners = {s.training.metadata.uid, *(j["metadata"].get("uid", "") for j in ours)}
    taken = child_name(s.training, run.number)
    for child in (s.job(taken), s.config_map(taken)):
        if child is not None and not any(owned_by(child, owner) for owner in owners):
            other = f"{child['kind']} {taken}"
            message = f"{other} exists and is not ours: rename it or the ModelTraining {name}"
            return Finding("NameConflict", message)
    return None


def own_jobs(s: TrainingSnapshot) -> list[Json]:
    """Return the Jobs that are the training's; anybody may put our labels on another."""
    return [j for j in s.jobs if owned_by(j, s.training.metadata.uid)]


def store_denied(s: TrainingSnapshot) -> Finding | None:
    """Return why a run's pods may not have the Secrets that they would mount."""
    spec = s.training.spec
    log = s.feedback.log if s.feedback is not None else None
    own = spec.dataset.secret_ref.name if spec.dataset.secret_ref is not None else ""
    secrets = (chosen(spec.store, s.settings)[1], own, log.secret if log is not None else "")
    return denied(secrets, s.settings)


def _unclear_search(candidates: Sequence[Candidate]) -> str:
    """Return which parameter has none or several distributions; CEL cannot see every kind."""
    for candidate in candidates:
        for name, space in candidate.search.parameters.items() if candidate.search else ():
            if sum(part is not None for part in (space.int_, space.float_, space.choice)) != 1:
                path = f"spec.candidates[{candidate.name}].search.parameters.{name}"
                return f"{path}: give exactly one of int, float or choice"
    return ""
