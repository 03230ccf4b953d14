"""What happens when a rollout and something else collide: the promises of docs/rollouts.md."""

from typing import Any

import pytest
from builders import conditions
from rollout_world import World
from test_rollout import (
    NEW_SHA,
    WAITING,
    advance,
    following,
    slow,
    stable_revision,
    stable_sha,
    weight,
)

OTHER_SHA = "c" * 64
QUARTER = [{"setWeight": 25}, {"pause": {}}]


def on_trial(world: World) -> str:
    canary = world.deployment.status.canary
    return canary.artifact.sha256 if canary is not None else ""


def paused(world: World) -> bool:
    return bool(world.deployment.status.paused)


def work(world: World, passes: int) -> list[str]:
    told = []
    for _ in range(passes):
        told += [event.reason for event in world.step().events]
        world.grow(1)
    return told


@pytest.mark.parametrize("how", ["model", "settings"])
def test_a_spec_changed_in_mid_canary_begins_anew_against_stable(how: str) -> None:
    world = slow(WAITING)
    old = stable_revision(world)
    world.wish(NEW_SHA)
    advance(world, paused)
    first = world.deployment.status.canary
    assert first is not None
    if how == "model":
        world.wish(OTHER_SHA)
    else:
        world.change(serving={"resources": {"requests": {"cpu": "1"}}})
    advance(world, lambda w: w.deployment.status.canary is None)
    advance(world, lambda w: w.selected() == [old] and first.revision not in w.workloads)
    advance(world, paused)
    second, step = world.deployment.status.canary, world.deployment.status.step
    assert second is not None and second.revision != first.revision
    assert stable_revision(world) == old and step is not None and step.index == 1
    assert not world.deployment.status.rejected


def test_a_lost_status_in_mid_canary_begins_the_canary_at_its_first_step() -> None:
    world = slow([{"setWeight": 25}, {"setWeight": 50}, {"pause": {}}])
    old = stable_revision(world)
    world.wish(NEW_SHA)
    advance(world, paused)
    world.lose_status()
    world.step()
    assert stable_revision(world) == old
    advance(world, lambda w: weight(w)[0] == 25)
    advance(world, paused)
    assert (on_trial(world), weight(world)[0]) == (NEW_SHA, 50)


def test_a_training_that_is_gone_or_a_version_that_is_not_there_holds_a_canary() -> None:
    world = following()
    world.train(2, NEW_SHA)
    advance(world, lambda w: weight(w)[0] == 50)
    world.change(model={"versionRef": {"name": "flights-9"}})
    work(world, 60)
    assert on_trial(world) == NEW_SHA and conditions(world.step())["Stalled"][0] == "True"


# replicas 0 and back.


def asleep(**more: Any) -> World:
    """Return a world whose canary waits at a quarter, scaled to zero."""
    world = slow(QUARTER, **more)
    world.wish(NEW_SHA)
    advance(world, lambda w: paused(w) and w.running() != [stable_revision(w)])
    work(world, 3)
    world.change(replicas=0)
    work(world, 10)
    assert not world.running() and on_trial(world) == NEW_SHA
    return world


def test_a_canary_that_comes_back_has_traffic_beside_stable_and_never_alone() -> None:
    world = asleep()
    assert world.selected() == [stable_revision(world)]
    world.change(replicas=4)
    advance(world, lambda w: len(w.selected()) == 2)
    assert world.ready(stable_revision(world)) > 0
    advance(world, lambda w: weight(w) == (25, 25))
    world.ask("promote/1")
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_a_weekend_without_pods_is_no_part_of_the_deadline() -> None:
    world = asleep(deadline="1h")
    world.seconds += 60 * 3600
    work(world, 3)
    world.change(replicas=4)
    advance(world, lambda w: weight(w) == (25, 25))
    assert not world.deployment.status.rejected
    world.seconds += 3700
    work(world, 3)
    assert [r.reason for r in world.deployment.status.rejected] == ["DeadlineExceeded"]


def test_a_newer_version_waits_with_a_canary_that_has_no_pods() -> None:
    """It is not served untried for want of traffic."""
    world = following()
    world.train(2, NEW_SHA)
    advance(world, lambda w: weight(w)[0] == 50)
    world.change(replicas=0)
    world.train(3, OTHER_SHA)
    work(world, 10)
    assert (stable_sha(world), on_trial(world)) == ("a" * 64, NEW_SHA)
    world.change(replicas=2)
    world.settle()
    assert stable_sha(world) == OTHER_SHA


# Weights.


def test_a_weight_that_so_few_pods_cannot_make_is_told() -> None:
    world = slow([{"setWeight": 10}, {"pause": {}}], replicas=2)
    world.wish(NEW_SHA)
    told = advance(world, paused)
    assert told == ["CanaryStarted", "WeightSet", "WeightNotReachable", "RolloutPaused"]
    (message,) = [e.message for e in world.told if e.reason == "WeightNotReachable"]
    assert message == "10 % was asked for, and 2 replicas make 33 %: more of them come closer"


def test_a_weight_that_is_close_enough_is_not_worth_a_word() -> None:
    world = slow([{"setWeight": 30}, {"pause": {}}], replicas=2)
    world.wish(NEW_SHA)
    assert "WeightNotReachable" not in advance(world, paused)


def test_paused_while_it_is_promoted_is_the_weight_in_force() -> None:
    world = slow([{"setWeight": 25}, {"pause": {"duration": "3s"}}])
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.promoting)
    work(world, 2)
    world.ask("pause/1")
    work(world, 20)
    assert weight(world) == (25, 25)
    world.ask("resume/2")
    advance(world, lambda w: stable_sha(w) == NEW_SHA)


# Clocks.


@pytest.mark.parametrize("jump", [-86_400, -30])
def test_a_clock_that_jumps_back_ends_no_pause_early_and_no_rollout(jump: int) -> None:
    world = slow([{"setWeight": 50}, {"pause": {"duration": "20s"}}])
    world.seconds += 100_000
    world.settle()
    world.wish(NEW_SHA)
    advance(world, lambda w: weight(w)[0] == 50)
    world.seconds += jump
    work(world, 15)
    assert on_trial(world) == NEW_SHA and not world.deployment.status.promoting
    world.seconds -= jump
    advance(world, lambda w: stable_sha(w) == NEW_SHA)
    assert not world.deployment.status.rejected
