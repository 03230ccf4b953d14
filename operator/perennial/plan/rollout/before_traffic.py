"""What a new version must show while it has one pod and no traffic, whatever its strategy.

First that it takes and gives all that stable does, then the golden requests, then what others say
of it. What is not known holds it back, and is no fault of its own: in the end a person decides.
"""

import hashlib
import json

from perennial.api.deployment import (
    BeforeTraffic,
    BeforeTrafficStatus,
    DeploymentStatus,
    MetricStatus,
    Revision,
    StepStatus,
    WebCheck,
)
from perennial.api.values import seconds
from perennial.plan.core import REQUEST_ANNOTATION, Event
from perennial.plan.core.golden import GoldenQuestion
from perennial.plan.core.outside import OutsideQuestion
from perennial.plan.rollout import signature_check
from perennial.plan.rollout.analysis.measured import after, is_lost, refused
from perennial.plan.rollout.analysis.measured import is_due as is_time
from perennial.plan.rollout.analysis.permission import denied_because, names_of
from perennial.plan.rollout.analysis.sources.source import Names
from perennial.plan.rollout.analysis.sources.web import WebQuestion
from perennial.plan.rollout.golden import golden_questions, outcome, requests_of, silent_alone
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State, is_undone, reject

UNDECIDED = "BeforeTrafficUndecided"
"""Why a rollout waits for a person: what must be shown before traffic cannot be had."""
GOLDEN_FAILED, CHECK_FAILED = "GoldenRequestFailed", "BeforeTrafficFailed"
"""Why a version was rejected before it had traffic."""


def is_due(s: DeploymentSnapshot, status: DeploymentStatus) -> bool:
    """Tell whether a new version is to have no traffic yet."""
    return signature_check.is_due(status) or _is_due(s, status)


def waits_for(s: DeploymentSnapshot, status: DeploymentStatus) -> str:
    """Return what keeps a new version from traffic, '' where nothing of this does."""
    if message := signature_check.waits_for(status):
        return message
    found = status.before_traffic
    return found.message if found is not None and _is_due(s, status) else ""


def wants_golden(s: DeploymentSnapshot) -> bool:
    """Tell whether this pass needs what the pods of both arms make of the golden requests."""
    asked = s.deployment.spec.rollout.before_traffic
    if asked is None or asked.golden is None or not _asks(s):
        return False
    return not _known(s, s.status).golden_passed


def golden_asked(s: DeploymentSnapshot) -> tuple[GoldenQuestion, ...]:
    """Return which pods are to be asked the golden requests."""
    return golden_questions(s) if wants_golden(s) else ()


def web_asked(s: DeploymentSnapshot) -> tuple[OutsideQuestion, ...]:
    """Return which URLs are to be asked now, once the golden requests are answered rightly."""
    if not _asks(s) or wants_golden(s) or not _has_pod(s):
        return ()
    found, known = [], _known(s, s.status)
    for check, m in _checks(s, known):
        question = _question(s, known, check)
        is_open = m.verdict != "Successful" and is_time(check, m, s.now)
        if is_open and not denied_because(s, question.url):
            found.append(question)
    return tuple(found)


def advance(s: DeploymentSnapshot, state: State, waited: float) -> State:
    """Look once at what a new version shows: it goes on to have traffic, is rejected, or waits.

    Args:
        s: what is observed.
        state: under way, with a trial for which this is due and whose pod is ready.
        waited: seconds since it began to wait for its pods.
    """
    if signature_check.is_due(state.status):
        return signature_check.compare(s, state, waited)
    asked, known = s.deployment.spec.rollout.before_traffic, _known(s, state.status)
    assert asked is not None
    late = waited > seconds(s.deployment.spec.rollout.progress_deadline)
    if asked.golden is not None and not known.golden_passed:
        return _golden(s, state, known, late)
    return _web(s, state, known)


def skipped(s: DeploymentSnapshot, canary: Revision) -> BeforeTrafficStatus | None:
    """Return that a revision needs to show nothing, since it has served before."""
    asked = s.deployment.spec.rollout.before_traffic
    return None if asked is None else BeforeTrafficStatus(key=_key(asked, canary), passed=True)


def asked_anew(s: DeploymentSnapshot, state: State) -> State:
    """End a wait for a person where something else is to be shown by now, or nothing any more."""
    status = state.status
    if status.paused != UNDECIDED:
        return state
    if status.canary is not None and _is_due(s, status):
        known = _known(s, status)
        if status.before_traffic is not None and status.before_traffic.key == known.key:
            return state
    return state.set(paused="")


def accept(s: DeploymentSnapshot, state: State, request: str) -> State:
    """Let a new version have traffic whatever it has shown, as a person asks."""
    known = _known(s, state.status)
    event = Event("BeforeTrafficAccepted", f"asked by {request}, though {known.message}")
    return _passing(s, state, known, event, message=f"accepted by {request}")


def _is_due(s: DeploymentSnapshot, status: DeploymentStatus) -> bool:
    asked = s.deployment.spec.rollout.before_traffic
    if asked is None or status.stable is None or status.canary is None or is_undone(status):
        return False
    if status.weight is not None and status.weight.asked > 0:
        return False  # it has had some
    return not _known(s, status).passed


def _asks(s: DeploymentSnapshot) -> bool:
    """Tell whether anything is asked in this pass: not before the signature is known."""
    status = s.status
    if signature_check.is_due(status) or not _is_due(s, status):
        return False
    return not status.paused and s.replicas > 0


def _has_pod(s: DeploymentSnapshot) -> bool:
    canary = s.status.canary
    return canary is not None and s.ready(canary.revision) > 0


def _golden(s: DeploymentSnapshot, state: State, known: BeforeTrafficStatus, late: bool) -> State:
    stable, canary = state.status.stable, state.status.canary
    assert stable is not None and canary is not None
    try:
        requests = requests_of(s)
    except ValueError as error:
        return _holding(s, state, known, str(error), late)
    if not s.golden and not late:
        return state  # nobody has answered yet
    found = outcome(s, requests, stable, canary)
    if found.failed:
        message = f"golden requests that {stable.name} answers rightly: {found.failed}"
        return reject(s, state, GOLDEN_FAILED, message)
    if found.unknown:
        message = f"golden requests are not answered: {found.unknown}"
        nobody_else = s.ready_as_reported(stable.revision) == 0
        is_its_own = silent_alone(s, stable, canary) or (nobody_else and found.is_differing)
        if late and is_its_own:
            return reject(s, state, GOLDEN_FAILED, message)
        return _holding(s, state, known, message, late)
    if not found.counts:
        message = f"all golden requests are wrong, since stable fails them, too: {found.wrong}"
        return _holding(s, state, known, message, True)
    told = f"golden requests that stable fails, too, do not count: {found.wrong}"
    events = (Event("GoldenRequestWrong", told, "Warning"),) if found.wrong else ()
    known = known.model_copy(update={"golden_passed": True, "message": ""})
    asked = s.deployment.spec.rollout.before_traffic
    if asked is not None and asked.web:
        return state.set(*events, before_traffic=known)
    return _passing(s, state, known, *events)


def _web(s: DeploymentSnapshot, state: State, known: BeforeTrafficStatus) -> State:
    arrived = dict(s.measurements)
    found, lost = [], []
    for check, m in _checks(s, known):
        question = _question(s, known, check)
        number = arrived.get(question.id)
        if m.verdict == "Successful":
            now = m
        elif why := denied_because(s, question.url):
            now = refused(m, why)
        else:
            now = m if number is None else after(check, m, number, s.now)
        found.append(now)
        if is_lost(m, now):
            lost.append(now)
    failed = [m.message for m in found if m.verdict == "Failed"]
    if failed:
        return reject(s, state, CHECK_FAILED, f"before it had traffic: {'; '.join(failed)}")
    known = known.model_copy(update={"web": found})
    left = [m.message for m in found if m.verdict != "Successful"]
    if left:
        return _holding(s, state, known, "; ".join(left), bool(lost))
    return _passing(s, state, known)


def _holding(
    s: DeploymentSnapshot, state: State, known: BeforeTrafficStatus, message: str, ask: bool
) -> State:
    """Tell what is waited for; or let a person decide."""
    if not ask:
        told = known.model_copy(update={"message": message[:1024]})
        return state.set(before_traffic=told)
    how = (
        f"{message}. It has no traffic: kubectl annotate md {s.deployment.metadata.name} "
        f"--overwrite {REQUEST_ANNOTATION}=promote/$(date +%s) lets it go on all the same, "
        "resume/TOKEN asks again, abort/TOKEN rejects it"
    )
    told = known.model_copy(update={"message": how[:1024]})
    event = Event("RolloutPaused", how, "Warning")
    return state.set(event, before_traffic=told, paused=UNDECIDED)


def _passing(
    s: DeploymentSnapshot,
    state: State,
    known: BeforeTrafficStatus,
    *events: Event,
    message: str = "",
) -> State:
    """Let it go on: its time to have all its pods begins now, and so does what is counted of it."""
    step: StepStatus | None = state.status.step
    if step is not None and step.start_time is None:
        step = step.model_copy(update={"scaling_since": s.now})
    found = known.model_copy(update={"passed": True, "message": message})
    # Golden requests are no traffic: what they came to is no evidence, and warms nothing up.
    return state.set(*events, before_traffic=found, step=step, paused="", analysis=None)


def _known(s: DeploymentSnapshot, status: DeploymentStatus) -> BeforeTrafficStatus:
    """Return what is known of the canary; another one, or other questions, begin anew."""
    asked, canary = s.deployment.spec.rollout.before_traffic, status.canary
    assert asked is not None and canary is not None
    key = _key(asked, canary)
    found = status.before_traffic
    return found if found is not None and found.key == key else BeforeTrafficStatus(key=key)


def _checks(
    s: DeploymentSnapshot, known: BeforeTrafficStatus
) -> list[tuple[WebCheck, MetricStatus]]:
    asked, before = s.deployment.spec.rollout.before_traffic, {m.name: m for m in known.web}
    return [
        (check, before.get(check.name) or MetricStatus(name=check.name, message=_unasked(check)))
        for check in (asked.web if asked is not None else None) or []
    ]


def _unasked(check: WebCheck) -> str:
    return f"{check.name}: was not asked yet"


def _question(s: DeploymentSnapshot, known: BeforeTrafficStatus, check: WebCheck) -> WebQuestion:
    return WebQuestion(f"{known.key}/{check.name}", _names(s).into(check.url), check.path)


def _names(s: DeploymentSnapshot) -> Names:
    stable, canary = s.status.stable, s.status.canary
    assert stable is not None and canary is not None
    return names_of(s, stable.revision, canary.revision)


def _key(asked: BeforeTraffic, canary: Revision) -> str:
    text = json.dumps([canary.revision, asked.to_json()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]
