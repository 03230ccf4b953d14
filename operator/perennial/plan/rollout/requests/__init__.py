"""What people ask for, each request once: a file a verb, docs/requests.md."""

from perennial.plan.core import Event, request_of
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.requests import (
    abort,
    pause,
    promote,
    promote_full,
    refresh,
    resume,
    retry,
    undo,
)
from perennial.plan.rollout.requests.request import Request
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State

REQUESTS: dict[str, Request] = {
    "promote": promote.handle,
    "promote-full": promote_full.handle,
    "pause": pause.handle,
    "resume": resume.handle,
    "abort": abort.handle,
    "retry": retry.handle,
    "undo": undo.handle,
    "refresh": refresh.handle,
}
"""By the verb in the annotation."""


def take_request(s: DeploymentSnapshot, state: State, strategy: Strategy) -> State:
    """Handle a person's request once."""
    request = request_of(s.deployment.metadata.annotations, state.status.last_request)
    if request is None:
        return state
    verb, asked = request
    state = state.set(last_request=asked)
    handle = REQUESTS.get(verb)
    if handle is None:
        message = f"{verb} is unknown here; known are {', '.join(REQUESTS)}"
        return state.set(Event("UnknownRequest", message, "Warning"))
    return handle(s, state, asked, strategy)
