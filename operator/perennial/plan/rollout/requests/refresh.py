"""refresh: make the same model's pods anew, as the present operator makes them."""

from dataclasses import replace

from perennial.plan.core import Event
from perennial.plan.rollout.desired import desired_revision
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.requests.request import nothing_to_do
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State
from perennial.plan.serving.revision import counted
from perennial.plan.serving.template import recorded


def handle(s: DeploymentSnapshot, state: State, asked: str, strategy: Strategy) -> State:
    """Record what is wanted anew; the rollout does the rest."""
    revision = desired_revision(s, state.status).revision
    if revision is None:
        return nothing_to_do(state, "refresh: nothing is wanted yet")
    if any(record.asked == asked for record in s.records):
        return state  # recorded before the status could say so
    written, count = counted(revision.revision)
    revision = revision.model_copy(update={"revision": f"{written}-{count + 1}"})
    record = recorded(s.deployment, revision, s.settings, asked)
    message = f"{revision.name} is made anew with the newest serving image, asked by {asked}"
    state = state.set(Event("RefreshStarted", message))
    return replace(state, create=(*state.create, record))
