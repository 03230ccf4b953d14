"""The signature check: before a canary has traffic, it takes and gives all that stable does.

A ready pod of each arm tells, since what serves is what counts. What is not told is not alike: the
canary waits. What served before needs no check, nor does another setting of the same model.
"""

from perennial.api.deployment import DeploymentStatus, Revision, SignatureStatus
from perennial.api.values import seconds
from perennial.plan.core import REQUEST_ANNOTATION, Event
from perennial.plan.core.questions import address_of, chosen, is_ready, name_of
from perennial.plan.core.signature import SignatureQuestion, differences, recorded
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State, is_undone

CHANGED, UNKNOWN = "SignatureChanged", "SignatureUnknown"
"""Why a rollout waits for a person: the signatures differ, or cannot be had."""
PODS_ASKED = 3
"""Pods of a revision: all serve the same model, so that the first answer does."""
SHOWN = 6
"""Differences that are told."""


def passed(stable: Revision, canary: Revision, message: str = "") -> SignatureStatus:
    """Return that a canary may have traffic beside stable, as far as signatures go."""
    return SignatureStatus(pair=_pair(stable, canary), passed=True, message=message)


def is_due(status: DeploymentStatus) -> bool:
    """Tell whether a canary is to have no traffic before it is compared with stable."""
    stable, canary, found = status.stable, status.canary, status.signature
    if stable is None or canary is None or is_undone(status):
        return False
    if status.weight is not None and status.weight.asked > 0:
        return False  # it has had some
    return found is None or not found.passed or found.pair != _pair(stable, canary)


def waits_for(status: DeploymentStatus) -> str:
    """Return what keeps a canary from traffic, '' where that is no signature."""
    found = status.signature
    return found.message if found is not None and is_due(status) else ""


def is_asked(s: DeploymentSnapshot) -> bool:
    """Tell whether this pass needs what the pods of both arms take and give."""
    status = s.status
    return is_due(status) and not status.paused and s.replicas > 0 and not _is_same_model(status)


def is_recorded_as_changed(s: DeploymentSnapshot, desired: Revision) -> bool:
    """Tell whether what is recorded of the versions differs, where no pod can be asked."""
    version = s.version if s.version and s.version.metadata.name == desired.version else None
    old, new = recorded(s.stable_version), recorded(version)
    return old is not None and new is not None and bool(differences(old, new))


def signature_questions(s: DeploymentSnapshot) -> tuple[SignatureQuestion, ...]:
    """Return what the ready pods of both arms are to be asked, once the canary has one."""
    stable, canary, model = s.status.stable, s.status.canary, s.deployment.metadata.name
    if stable is None or canary is None or not is_asked(s):
        return ()
    found: list[SignatureQuestion] = []
    for revision in (canary.revision, stable.revision):
        ready = {name_of(p): address_of(p) for p in s.pods_of(revision) if is_ready(p)}
        if not ready and not found:
            return ()
        asked = chosen(ready)[:PODS_ASKED]
        found += [SignatureQuestion(name, revision, ready[name], model) for name in asked]
    return tuple(found)


def compare(s: DeploymentSnapshot, state: State, waited: float) -> State:
    """Let a canary have traffic where no client of stable's loses by it; else wait, or pause.

    Args:
        s: what is observed.
        state: under way, with a canary whose check is due and whose pod is ready.
        waited: seconds since the step began to wait for its pods.
    """
    stable, canary = state.status.stable, state.status.canary
    assert stable is not None and canary is not None
    if _is_same_model(state.status):
        return _passing(s, state)
    known = {t.revision: t.signature for t in s.signatures if t.signature is not None}
    old, new = known.get(stable.revision), known.get(canary.revision)
    if old is not None and new is not None:
        found = differences(old, new)
        return _pausing(state, CHANGED, _changed(state, found, s)) if found else _passing(s, state)
    late = waited > seconds(s.deployment.spec.rollout.progress_deadline)
    if late and s.ready_as_reported(stable.revision) == 0:
        return unchecked(s, state)
    if not s.signatures and not late:
        return state  # nobody was asked yet
    message = _untold(s, stable if new is not None else canary)
    return _pausing(state, UNKNOWN, message) if late else _telling(state, message)


def unchecked(s: DeploymentSnapshot, state: State) -> State:
    """Let a canary have traffic where stable serves nobody who could lose by it."""
    stable, canary = state.status.stable, state.status.canary
    assert stable is not None and canary is not None
    message = f"{stable.name} does not serve, so what {canary.name} takes and gives is not compared"
    return _passing(s, state, Event("SignatureUnchecked", message, "Warning"), message=message)


def accept(s: DeploymentSnapshot, state: State, asked: str) -> State:
    """Let a canary have traffic whatever its signature is, as a person asks."""
    found = state.status.signature
    why = found.message if found is not None else ""
    event = Event("SignatureAccepted", f"asked by {asked}, though {why}")
    return _passing(s, state, event, message=f"accepted by {asked}")


def _passing(s: DeploymentSnapshot, state: State, *events: Event, message: str = "") -> State:
    """Let it go on: its time to have all its pods begins now."""
    stable, canary, step = state.status.stable, state.status.canary, state.status.step
    assert stable is not None and canary is not None
    if step is not None and step.start_time is None:
        step = step.model_copy(update={"scaling_since": s.now})
    found = passed(stable, canary, message)
    return state.set(*events, signature=found, step=step, paused="")


def _pausing(state: State, reason: str, message: str) -> State:
    event = Event("RolloutPaused", message, "Warning")
    return _telling(state, message).set(event, paused=reason)


def _telling(state: State, message: str) -> State:
    stable, canary = state.status.stable, state.status.canary
    assert stable is not None and canary is not None
    return state.set(signature=SignatureStatus(pair=_pair(stable, canary), message=message))


def _changed(state: State, found: list[str], s: DeploymentSnapshot) -> str:
    stable, canary = state.status.stable, state.status.canary
    assert stable is not None and canary is not None
    more = [f"{len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return (
        f"{canary.name} does not take or give all that {stable.name} does: "
        f"{'; '.join([*found[:SHOWN], *more])}. It has no traffic: once clients are ready for it, "
        f"kubectl annotate md {s.deployment.metadata.name} --overwrite "
        f"{REQUEST_ANNOTATION}=promote/$(date +%s); abort/TOKEN rejects it"
    )


def _untold(s: DeploymentSnapshot, silent: Revision) -> str:
    answers = [t.problem for t in s.signatures if t.revision == silent.revision and t.problem]
    why = f"its pods {answers[0]}" if answers else "it has no ready pod"
    return (
        f"what {silent.name} takes and gives is not known: {why}. The canary has no traffic "
        "before that; promote lets it go on all the same"
    )


def _is_same_model(status: DeploymentStatus) -> bool:
    stable, canary = status.stable, status.canary
    assert stable is not None and canary is not None
    return stable.artifact.sha256 == canary.artifact.sha256


def _pair(stable: Revision, canary: Revision) -> str:
    return f"{stable.revision}/{canary.revision}"
