"""What autoscalers are told in mid-rollout, and what they make of it."""

from collections.abc import Callable

import pytest
from hpa import Autoscaler
from rollout_world import REVISION, World
from test_rollout import NEW_SHA, slow, stable_revision, stable_sha

STEPS = [
    step
    for weight in (0, 5, 9, 25, 50, 75, 100)
    for step in ({"setWeight": weight}, {"pause": {"duration": "30s"}})
]
BY: list[Callable[[Autoscaler], int]] = [Autoscaler.by_cpu, Autoscaler.by_total]


def watched(scaler: Autoscaler, by: Callable[[Autoscaler], int], passes: int) -> None:
    """Let a rollout go on, with an autoscaler that looks each 15 seconds."""
    for n in range(passes):
        scaler.world.step()
        scaler.world.grow(2)
        if n % 15 == 14:
            scaler.follow(by(scaler))


@pytest.mark.parametrize("surge", ["100%", 1])
@pytest.mark.parametrize("by", BY)
def test_under_the_same_load_an_autoscaler_asks_for_as_many_through_a_whole_canary(
    by: Callable[[Autoscaler], int], surge: int | str
) -> None:
    """Whatever part of the requests the canary has: stable is to take them all back at once.

    A pod beside those that are needed is within the autoscaler's own tolerance.
    """
    world = slow(STEPS, replicas=10, maxSurge=surge)
    scaler = Autoscaler(world, load=10)
    world.wish(NEW_SHA)
    watched(scaler, by, 500)
    assert stable_sha(world) == NEW_SHA and len(scaler.written) > 30
    assert set(scaler.written) <= {10, 11}


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize(("load", "wanted"), [(20, 20), (5, 5)])
def test_another_load_in_mid_canary_is_followed_and_no_further(
    by: Callable[[Autoscaler], int], load: float, wanted: int
) -> None:
    world = slow([{"setWeight": 50}, {"pause": {}}], replicas=10)
    scaler = Autoscaler(world, load=10)
    world.wish(NEW_SHA)
    watched(scaler, by, 60)
    scaler.load = load
    watched(scaler, by, 120)
    assert scaler.written[-4:] == [wanted] * 4
    assert world.deployment.status.weight is not None
    assert world.deployment.status.weight.actual == 50
    world.ask("abort/1")
    watched(scaler, by, 60)
    assert scaler.written[-4:] == [wanted] * 4 and world.ready(stable_revision(world)) == wanted


def told(world: World) -> tuple[int, str]:
    status = world.deployment.status
    return status.replicas, status.selector.partition(f",{REVISION}")[2]


@pytest.mark.parametrize(("weight", "pods"), [(0, 4), (50, 8), (100, 4)])
def test_autoscalers_are_told_the_pods_that_requests_reach(weight: int, pods: int) -> None:
    world = slow([{"setWeight": weight}, {"pause": {}}], replicas=4)
    stable = stable_revision(world)
    assert told(world) == (4, f"={stable}")
    world.wish(NEW_SHA)
    world.settle()
    canary = world.deployment.status.canary
    assert canary is not None
    both = ",".join(sorted([stable, canary.revision]))
    wanted = {0: f"={stable}", 50: f" in ({both})", 100: f"={canary.revision}"}
    assert told(world) == (pods, wanted[weight])


def test_while_nothing_serves_autoscalers_are_told_what_is_to() -> None:
    world = World(replicas=3)
    world.instant = False
    world.steps(3)
    assert told(world) == (0, f"={stable_revision(world)}")
