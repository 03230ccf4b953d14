"""How an object stands, in a word, and whether what was asked of it is done, failed or under way.

All four kinds say so in their conditions; what a condition says that is not known here, counts as
under way and is shown as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from perennial.api.values import Json
from perennial.cli import reading
from perennial.cli.lenient import at, condition, count, entries, holds, text
from perennial.cli.shown.words import BAD, BUSY, GOOD, ODD, REST, WAITS, Mark

Stage = Literal["Done", "Failed", "UnderWay"]


@dataclass(frozen=True)
class State:
    """How an object stands."""

    stage: Stage
    mark: Mark
    word: str
    message: str = ""


def state_of(body: Json) -> State:
    """Return how an object of ours stands."""
    if body.get("kind") == "ModelVersion":
        return _version(body)
    seen = at(body, "status.observedGeneration")
    if seen is None or seen == -1:
        told = "no operator has looked at it yet: is one running, and does it watch the namespace?"
        return State("UnderWay", BUSY, "New", told)
    if seen != at(body, "metadata.generation"):
        return State("UnderWay", BUSY, "Changed", "the operator has not looked at the newest spec")
    if holds(body, "Stalled"):
        return _told("Failed", BAD, body, "Stalled")
    return _KINDS.get(text(body.get("kind")), _other)(body)


def _told(stage: Stage, mark: Mark, body: Json, type: str) -> State:
    """Return a state in the words of a condition."""
    _, reason, message = condition(body, type)
    return State(stage, mark, reason or type, message)


def _deployment(body: Json) -> State:
    view = reading.read(body)
    rolled_out = condition(body, "RolledOut")
    if view.paused:
        return State("UnderWay", WAITS, f"Paused: {view.paused}", rolled_out[2])
    if rolled_out[0] == "False":
        if view.trial is not None or rolled_out[1] in ("Starting", "Baking"):
            return _told("UnderWay", BUSY, body, "RolledOut")
        _, _, serves = condition(body, "Ready")
        return State("Failed", ODD, rolled_out[1], serves or rolled_out[2])
    if not holds(body, "Ready"):
        return _told("UnderWay", BUSY, body, "Ready")
    if rolled_out[0] != "True":
        return _told("UnderWay", REST, body, "RolledOut")
    return _told("Done", GOOD, body, "Ready")


def _training(body: Json) -> State:
    if at(body, "status.run.phase") == "Fitting":
        _, reason, message = condition(body, "Training")
        return State("UnderWay", BUSY, f"Training: {reason}" if reason else "Training", message)
    if (pending := at(body, "status.pending")) is not None:
        told = text(at(pending, "reason"))
        suspended = bool(at(body, "spec.suspend"))
        why = "a run waits until spec.suspend is false" if suspended else "a run waits"
        return State("UnderWay", WAITS, "Pending", f"{why}: {told}")
    if not holds(body, "Ready"):
        suspended = condition(body, "Ready")[1] == "Suspended"
        return _told("UnderWay", WAITS if suspended else BUSY, body, "Ready")
    if text(at(body, "status.lastRun.outcome")) in ("GatesFailed", "Failed"):
        return _told("Failed", ODD, body, "Ready")
    return _told("Done", GOOD, body, "Ready")


def _monitor(body: Json) -> State:
    drifted = condition(body, "Drifted")
    if drifted[0] == "True":
        _, reason, message = drifted
        word = "Drifted" if reason == "DriftDetected" else f"Drifted, {reason}"
        return State("Failed", ODD, word, message)
    for type in ("PerformanceKept", "QualityPassed", "VolumeUsual", "MixUsual"):
        if condition(body, type)[0] == "False":
            return _told("Failed", ODD, body, type)
    if drifted[0] == "False":
        return _told("Done", GOOD, body, "Drifted")
    return _told("UnderWay", REST, body, "Drifted" if drifted[1] else "Ready")


def _other(body: Json) -> State:
    return _told("Done" if holds(body, "Ready") else "UnderWay", REST, body, "Ready")


_KINDS: dict[str, Callable[[Json], State]] = {
    "ModelTraining": _training,
    "ModelDeployment": _deployment,
    "DriftMonitor": _monitor,
}


def _version(body: Json) -> State:
    outcome, message = at(body, "status.outcome.reason"), text(at(body, "status.outcome.message"))
    roles: dict[str, list[str]] = {}
    for by in entries(at(body, "status.deployments")):
        roles.setdefault(text(by.get("role")), []).append(text(by.get("name")))
    if served := roles.pop("Stable", None):
        return State("Done", GOOD, f"Serves {', '.join(served)}", message)
    for role, names in roles.items():
        return State("UnderWay", BUSY, f"{role} of {', '.join(names)}", message)
    if outcome == "RolledBack":
        return State("Failed", BAD, "RolledBack", message)
    return State("Done", REST, "Replaced" if outcome == "Promoted" else "NotServed", message)


def summary(body: Json) -> str:
    """Return what is worth knowing of an object, in a few words."""
    told = _SUMMARIES.get(text(body.get("kind")))
    return told(body) if told is not None else ""


def _deployment_summary(body: Json) -> str:
    view = reading.read(body)
    stable, trial = view.of("Stable"), view.trial
    names = " → ".join(r.name for r in (stable, trial) if r is not None)
    told = [names] if names else []
    if trial is not None and trial.actual is not None:
        asked = f" ({trial.asked} % asked)" if trial.asked not in (None, trial.actual) else ""
        told[-1:] = [f"{names} {trial.actual} %{asked}"]
    if trial is not None and (step := step_of(view)):
        told.append(f"step {step}")
    arms = {arm.revision: arm.name for arm in view.arms}
    variants = [r for r in view.revisions if r.role == "Variant" and r.actual is not None]
    if variants:
        shares = (f"{arms.get(r.revision, r.name)} {r.actual} %" for r in variants)
        told.append(f"beside {', '.join(shares)}")
    # Pods of what was before, or failed, may be kept without traffic: nobody misses one.
    kept = [
        r for r in view.revisions if r.role == "Previous" or (r.role, r.actual) == ("Failed", None)
    ]
    taking = [r for r in view.revisions if r not in kept]
    ready, wanted = sum(r.ready for r in taking), sum(r.replicas for r in taking)
    if ready < wanted:
        told.append(f"{ready}/{wanted} pods ready")
    return ", ".join(told)


def step_of(view: reading.Deployment) -> str:
    """Return where a rollout stands: its number of how many, and its name where it has one."""
    if view.stands_at is None or view.stands_at >= len(view.steps):
        return ""
    place, name = view.stands_at + 1, view.steps[view.stands_at].name
    named = f" {name}" if name != str(place) else ""
    return f"{place}/{len(view.steps)}{named}"


def _training_summary(body: Json) -> str:
    champion, told = text(at(body, "status.champion.version")), []
    if champion:
        metric = text(at(body, "status.printed.metric"))
        told.append(f"champion {champion}" + (f", {metric}" if metric else ""))
    if at(body, "status.run.phase") == "Fitting":
        told.append(f"run {count(at(body, 'status.run.number'))}")
    return ", ".join(told)


def _version_summary(body: Json) -> str:
    origin = text(at(body, "spec.source.imported.origin"))
    made = f"imported: {origin}" if origin else ""
    if candidate := text(at(body, "spec.source.candidate")):
        made = f"{candidate} of run {count(at(body, 'spec.source.run'))}"
    return ", ".join(t for t in (text(at(body, "status.printed.metric")), made) if t)


def _monitor_summary(body: Json) -> str:
    told = []
    for worst in entries(at(body, "status.worst"))[:1]:
        told.append(f"worst {text(worst.get('feature'))} {worst.get('score')}")
    if (samples := at(body, "status.window.samples")) is not None:
        told.append(f"{count(samples):,} rows")
    return ", ".join(told)


_SUMMARIES: dict[str, Callable[[Json], str]] = {
    "ModelTraining": _training_summary,
    "ModelVersion": _version_summary,
    "ModelDeployment": _deployment_summary,
    "DriftMonitor": _monitor_summary,
}
