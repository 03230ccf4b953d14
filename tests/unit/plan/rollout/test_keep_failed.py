"""keepFailed: what was rolled back keeps pods without traffic, so that its logs can be read."""

from typing import Any

import pytest
from rollout_world import World
from test_rollout import NEW_SHA, advance, sizes, slow, stable_revision, stable_sha

OTHER_SHA = "c" * 64
HALF: list[dict[str, Any]] = [{"setWeight": 50}, {"pause": {}}]


def rolled_back(steps: list[dict[str, Any]] = HALF, **rollout: Any) -> tuple[World, str]:
    """Return a world that has just rolled b back, and b's revision."""
    world = slow(steps, **{"keepFailed": "10m", **rollout})
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    canary = world.deployment.status.canary
    assert canary is not None
    world.ask("abort/1")
    advance(world, lambda w: w.selected() == [stable_revision(w)])
    return world, canary.revision


def pods(world: World, revision: str) -> int:
    live = world.workloads.get(revision)
    return int(live["spec"]["replicas"]) if live else 0


def test_its_pods_stay_for_so_long_without_traffic_and_then_it_is_deleted() -> None:
    world, failed = rolled_back()
    began = world.seconds
    world.steps(300)
    assert pods(world, failed) >= 1 and world.selected() == [stable_revision(world)]
    found = world.deployment.status.failed
    assert found is not None and found.revision == failed and found.share is None
    assert world.deployment.status.printed is not None
    assert world.deployment.status.printed.ready == "4/4"
    world.settle()
    assert failed not in world.workloads and world.deployment.status.failed is None
    assert 590 <= world.seconds - began < 640


def test_without_it_they_go_at_once() -> None:
    world, failed = rolled_back(keepFailed=None)
    world.steps(3)
    assert failed not in world.workloads


def test_one_that_never_started_keeps_its_pod_for_its_log() -> None:
    world = slow(HALF, keepFailed="10m")
    world.broken[NEW_SHA] = "crash"
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.rejected))
    world.steps(100)
    (failed,) = set(world.workloads) - {stable_revision(world)}
    assert pods(world, failed) == 1
    world.settle()
    assert failed not in world.workloads


def test_stable_has_its_room_first_where_the_cluster_has_little() -> None:
    world = slow(HALF, keepFailed="10m", maxSurge=1)
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused) and sizes(w) == [2, 2])
    world.room, world.tells_room, world.spares = 4, True, 1
    world.ask("abort/1")
    advance(world, lambda w: w.ready(stable_revision(w)) == 4)
    assert world.selected() == [stable_revision(world)]


@pytest.mark.parametrize("surge", [1, "100%"])
def test_the_next_canary_has_its_pods_before_what_failed(surge: int | str) -> None:
    world, failed = rolled_back(maxSurge=surge)
    world.wish(OTHER_SHA)
    most = 4 + world.deployment.spec.rollout.surge(4)

    def at_half(w: World) -> bool:
        assert sum(sizes(w)) <= most
        return bool(w.deployment.status.paused)

    advance(world, at_half)
    assert pods(world, failed) == 0, "behind an open Service its pods would have requests"
    world.ask("promote/2")
    world.settle()
    assert stable_sha(world) == OTHER_SHA


def test_beside_a_preview_it_stays_as_far_as_the_budget_goes() -> None:
    world, failed = rolled_back(maxSurge=6)
    rollout = world.deployment.spec.rollout.to_json()
    del rollout["canary"]
    world.change(rollout={**rollout, "blueGreen": {"pause": {}}})
    before = pods(world, failed)
    world.wish(OTHER_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    canary = world.deployment.status.canary
    assert canary is not None and pods(world, canary.revision) == 4
    assert pods(world, failed) == min(before, 2) > 0


def test_retry_makes_a_canary_of_it_again() -> None:
    world, _ = rolled_back()
    world.ask("retry/2")
    advance(world, lambda w: w.deployment.status.canary is not None)
    world.step()
    assert world.deployment.status.failed is None
    advance(world, lambda w: bool(w.deployment.status.paused))


def test_only_the_newest_is_kept() -> None:
    world, failed = rolled_back()
    world.broken[OTHER_SHA] = "crash"
    world.wish(OTHER_SHA)
    advance(world, lambda w: len(w.deployment.status.rejected) == 2)
    advance(world, lambda w: failed not in w.workloads)
    assert world.deployment.status.failed is not None


def test_replicas_0_end_it() -> None:
    world, failed = rolled_back()
    world.change(replicas=0)
    world.settle()
    assert failed not in world.workloads


def test_what_was_undone_after_its_promotion_is_kept_for_as_long() -> None:
    world = slow([{"setWeight": 100}], keepFailed="10m", keepReplaced="30s")
    world.wish(NEW_SHA)
    advance(world, lambda w: stable_sha(w) == NEW_SHA)
    undone = stable_revision(world)
    world.ask("undo/1")
    advance(world, lambda w: stable_sha(w) == "a" * 64)
    world.steps(300)
    assert pods(world, undone) > 0
    world.settle()
    assert pods(world, undone) == 0


def follow(world: World, **rollout: Any) -> None:
    """Ship another version, by blue-green."""
    kept = world.deployment.spec.rollout.to_json()
    del kept["canary"]
    world.change(rollout={**kept, **rollout})
    world.wish(OTHER_SHA)


def assert_it_ends_within(world: World, failed: str, seconds: float) -> None:
    """The operator wakes by itself when its time is over."""
    assert pods(world, failed) > 0
    plan = world.step()
    assert plan.requeue_after is not None and plan.requeue_after < seconds
    world.seconds += plan.requeue_after
    world.steps(3)
    assert failed not in world.workloads


def test_its_time_ends_while_another_waits_for_a_person() -> None:
    world, failed = rolled_back(maxSurge=6, keepFailed="2m", progressDeadline="1h")
    follow(world, blueGreen={"pause": {}})
    advance(world, lambda w: bool(w.deployment.status.paused))
    assert_it_ends_within(world, failed, 120)


def test_its_time_ends_while_what_came_after_it_bakes() -> None:
    world, failed = rolled_back(maxSurge=10, keepFailed="5m")
    follow(world, blueGreen={}, bake="1h", keepReplaced="2h")
    advance(world, lambda w: w.deployment.status.baking)
    world.steps(40)
    assert_it_ends_within(world, failed, 300)
