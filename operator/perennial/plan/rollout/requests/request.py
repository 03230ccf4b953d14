"""What handles a request, and what several verbs share."""

from collections.abc import Callable

from perennial.api.deployment import StepStatus
from perennial.plan.core import Event
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State

Request = Callable[[DeploymentSnapshot, State, str, Strategy], State]
"""Returns the state after a request; the text is the whole annotation, VERB/TOKEN."""


def step_under_way(state: State) -> StepStatus | None:
    """Return the step of the rollout under way, None where there is none."""
    return state.status.step if state.status.canary is not None else None


def nothing_to_do(state: State, message: str) -> State:
    """Return the state with what a request met instead."""
    return state.set(Event("NothingToDo", message, "Warning"))


def no_rollout(state: State, verb: str) -> State:
    """Return the state of a request that needs a rollout, where none is under way."""
    if state.status.baking:
        message = "nothing is on trial, only the bake goes on: promote ends it, abort goes back"
        return nothing_to_do(state, f"{verb}: {message}")
    return nothing_to_do(state, f"{verb}: no rollout is under way")


def with_patience_anew(state: State) -> State:
    """Return the state with as much time anew for pods that do not answer."""
    found = state.status.analysis
    if found is None or found.silent_time is None:
        return state
    return state.set(analysis=found.model_copy(update={"silent_time": None}))
