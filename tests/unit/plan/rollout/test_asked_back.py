"""What serves is taken back because a DriftMonitor asks for it: once, and only what it is about."""

from typing import Any

import pytest
from builders import later, monitor
from hypothesis import given
from hypothesis import strategies as st
from rollout_world import World

from effort import tried

OLD, NEW = "a" * 64, "b" * 64


def promoted(**rollout: Any) -> World:
    """Return a world in which another model took over."""
    world = World(rollout={"blueGreen": {}, **rollout})
    world.steps(3)
    world.wish(NEW)
    world.settle()
    assert sha(world) == NEW
    return world


def sha(world: World) -> str:
    stable = world.deployment.status.stable
    assert stable is not None
    return stable.artifact.sha256


def reasons(world: World, passes: int = 60) -> list[str]:
    return world.steps(passes)


def test_it_goes_back_at_once_and_says_who_asked() -> None:
    world = promoted()
    world.ask_back()
    (event,) = world.step().events
    assert event.reason == "RolledBack" and event.type == "Warning"
    assert event.message.endswith("DriftMonitor flights asked for it: flights-2 predicts worse")
    world.settle()
    assert sha(world) == OLD
    (rejected,) = world.deployment.status.rejected
    assert rejected.reason == "Decayed" and rejected.message.endswith("flights-2 predicts worse")
    writes = world.writes
    world.settle()  # the ask is open yet, and about what does not serve any more
    assert sha(world) == OLD and world.writes == writes


ASKS: list[dict[str, Any]] = [
    {"revision": "another"},
    {"to": "another"},
    {"outcome": "WentBack"},
    {"outcome": "Withdrawn"},
    {"time": later(0)},  # before it took over
]


@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: next(iter(ask.items()))[0])
def test_what_is_about_something_else_is_not_heeded(ask: dict[str, Any]) -> None:
    world = promoted()
    world.ask_back(**ask)
    world.settle()
    assert sha(world) == NEW and not world.deployment.status.rejected


def test_an_ask_is_not_heeded_for_ever() -> None:
    world = promoted()
    asked = later(world.seconds)
    world.seconds += 901
    world.ask_back(time=asked)
    world.settle()
    assert sha(world) == NEW


@pytest.mark.parametrize("actions", [{}, {"rollback": {}, "mode": "Observe"}])
def test_a_spec_that_asks_for_it_no_more_is_heeded(actions: dict[str, Any]) -> None:
    world = promoted()
    world.ask_back()
    status = world.monitors[0].status
    changed = monitor({"actions": actions}).model_copy(update={"status": status})
    world.monitors = (changed,)
    world.settle()
    assert sha(world) == NEW


def test_what_is_on_trial_goes_first() -> None:
    world = promoted()
    world.wish("c" * 64)
    world.step()
    assert world.deployment.status.canary is not None
    world.ask_back()
    world.settle()
    assert sha(world) == "c" * 64  # and the ask was about another


def test_what_was_rolled_back_itself_is_not_gone_back_to() -> None:
    world = promoted()
    world.ask("undo/1")
    world.settle()
    assert sha(world) == OLD
    world.ask_back()  # what served before it is what was just taken back
    world.settle()
    assert sha(world) == OLD


def test_a_person_who_aborts_it_has_the_last_word() -> None:
    world = promoted()
    world.instant = False
    world.ask_back()
    world.step()
    assert world.deployment.status.canary is not None
    world.ask("abort/1")
    world.instant = True
    world.settle()
    assert sha(world) == NEW and not world.deployment.status.rejected


def test_a_person_who_retries_it_has_the_last_word() -> None:
    world = promoted()
    world.ask_back()
    world.settle()
    assert sha(world) == OLD
    world.ask("retry/1")
    world.settle()
    assert sha(world) == NEW


@tried(60)
@given(st.lists(st.integers(0, 4), max_size=40), st.integers(0, 20))
def test_killed_at_any_write_it_goes_back_once(cuts: list[int], waits: int) -> None:
    world = promoted()
    world.instant = False
    world.ask_back()
    told = list[str]()
    for n, cut in enumerate(cuts):
        told += [e.reason for e in world.step(cut).events]
        if n % 3 == 0 or n > waits:
            world.grow(1)
    world.instant = True
    world.settle()
    assert sha(world) == OLD
    assert [d.decision for d in world.deployment.status.decisions].count("RolledBack") == 1
