"""The order of writes, within a budget of pods: maxSurge, keepReplaced, and any number of arms."""

from collections.abc import Callable
from typing import Any

import pytest
from builders import SETTINGS
from rollout_world import REVISION, World
from test_rollout import (
    NEW_SHA,
    advance,
    sizes,
    slow,
    stable_revision,
    stable_sha,
    weight,
)

from perennial.api.deployment import ArtifactRef, Revision
from perennial.plan.rollout.capacity import Way
from perennial.plan.rollout.goal import Arm, Goal
from perennial.plan.rollout.traffic import replicas
from perennial.plan.serving.revision import Record
from perennial.plan.serving.template import recorded

OTHER_SHA = "c" * 64
MOST = [{"setWeight": 75}, {"pause": {}}]
ALL = [{"setWeight": 100}, {"pause": {}}]


def asked(world: World) -> int:
    return sum(sizes(world))


def watched(world: World, reached: Callable[[World], bool]) -> int:
    """Let it go on until a state is reached; return the most pods that were asked for."""
    most = asked(world)

    def look(w: World) -> bool:
        nonlocal most
        most = max(most, asked(w))
        return reached(w)

    advance(world, look)
    return most


def serves(sha: str) -> Callable[[World], bool]:
    return lambda w: stable_sha(w) == sha and w.running() == [stable_revision(w)]


# maxSurge: one budget beside replicas.


@pytest.mark.parametrize(("surge", "most"), [(1, 5), ("25%", 5), ("50%", 6), ("100%", 8), (9, 8)])
@pytest.mark.parametrize("steps", [MOST, ALL])
def test_a_new_version_takes_over_within_the_budget(
    surge: int | str, most: int, steps: list[Any]
) -> None:
    world = slow(steps, maxSurge=surge)
    world.wish(NEW_SHA)
    assert watched(world, lambda w: bool(w.deployment.status.paused)) <= most
    assert weight(world) == (steps[0]["setWeight"], steps[0]["setWeight"])
    world.ask("promote/1")
    assert watched(world, serves(NEW_SHA)) <= most
    assert asked(world) == 4


def test_while_stable_has_all_its_pods_what_is_taken_back_has_no_request_from_then_on() -> None:
    """How long a bad canary is in front of users depends on it."""
    world = slow([{"setWeight": 50}, {"pause": {}}])
    stable = stable_revision(world)
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    assert sizes(world) == [4, 4] and len(world.selected()) == 2
    world.ask("abort/1")
    world.step()
    assert world.selected() == [stable] and world.deployment.status.rejected


@pytest.mark.parametrize("steps", [MOST, ALL])
def test_what_is_taken_back_gives_its_pods_one_by_one(steps: list[Any]) -> None:
    world = slow(steps, maxSurge=1)
    old = stable_sha(world)
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    world.ask("abort/1")
    assert watched(world, serves(old)) <= 5


def test_undo_keeps_the_budget_too() -> None:
    world = slow([{"setWeight": 50}], maxSurge=1, keepReplaced="0s")
    old = stable_sha(world)
    world.wish(NEW_SHA)
    world.settle()
    world.ask("undo/1")
    assert watched(world, serves(old)) <= 5


def test_stable_keeps_its_pods_until_the_last_one_of_the_canary_is_ready() -> None:
    steps = [{"setWeight": 25}, {"pause": {"duration": "3s"}}, {"setWeight": 75}, {"pause": {}}]
    world = slow(steps)
    world.wish(NEW_SHA)
    advance(world, lambda w: weight(w)[0] == 25)
    world.room = 5
    advance(world, lambda w: sizes(w) == [3, 3])
    for _ in range(20):
        world.step()
        world.grow(1)
    assert sizes(world) == [3, 3] and world.capacity() == 5
    world.room = 6
    advance(world, lambda w: weight(w) == (75, 75))


def test_what_has_no_record_and_no_part_any_more_gives_its_pods_all_the_same() -> None:
    """Otherwise it holds the room that stable needs to take its requests over."""
    world = slow([{"setWeight": 25}, {"pause": {}}], replicas=2)
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    stable, canary = stable_revision(world), world.deployment.status.canary
    assert canary is not None
    del world.records[f"flights-{canary.revision}"]
    world.wish("a" * 64)
    world.lose_status()
    world.change(replicas=3, rollout={**world.deployment.spec.rollout.to_json(), "maxSurge": 1})
    world.scale_child(canary.revision, 3)
    world.settle()
    assert set(world.workloads) == {stable} and world.selected() == [stable]
    assert world.ready(stable) == 3


def test_no_revision_without_a_share_has_pods_when_the_service_opens() -> None:
    world = promoted()
    world.settle()
    (old,) = set(world.workloads) - {stable_revision(world)}
    world.wish(OTHER_SHA)
    advance(world, lambda w: len(w.workloads) == 3)
    world.scale_child(old, 4)
    world.grow(4)
    advance(world, lambda w: len(w.selected()) == 3)
    assert world.ready(old) == 0


def test_a_canary_has_its_pods_before_stable_stands_by() -> None:
    """At 100 % stable stands by with what the budget leaves it."""
    world = slow(ALL, maxSurge="50%")
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    advance(world, lambda w: sizes(w) == [2, 4])


def test_more_replicas_in_mid_canary_are_ready_though_the_canary_is_not() -> None:
    world = slow(MOST)
    world.broken[NEW_SHA] = "silent"
    world.wish(NEW_SHA)
    advance(world, lambda w: len(w.workloads) == 2)
    world.change(replicas=8)
    advance(world, lambda w: w.ready(stable_revision(w)) == 8)


def test_on_a_full_node_what_is_taken_back_makes_room() -> None:
    world = slow(MOST)
    old = stable_sha(world)
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused) and sizes(w) == [1, 3])
    world.room, world.tells_room, world.spares = 4, True, 1
    world.ask("abort/1")
    advance(world, serves(old))


def test_no_second_pod_goes_while_the_first_one_holds_its_room() -> None:
    world = slow(MOST)
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused) and sizes(w) == [1, 3])
    bad = world.deployment.status.canary
    assert bad is not None
    world.room, world.tells_room, world.spares = 4, True, 1
    world.ask("abort/1")
    advance(world, lambda w: sizes(w) == [4, 2])
    world.workloads[bad.revision]["status"]["readyReplicas"] = 2
    ending = {"name": "x", "labels": {REVISION: bad.revision}, "deletionTimestamp": "2026"}
    world.others, world.room = [{"metadata": ending, "status": {}}], 3
    for _ in range(10):
        world.step()
    assert sizes(world) == [4, 2]


# keepReplaced: going back needs no steps while the pods are there.


def promoted(**more: Any) -> World:
    """Return a world that has just begun to serve b after a."""
    world = slow([{"setWeight": 50}, {"pause": {"duration": "20s"}}], **more)
    world.wish(NEW_SHA)
    advance(world, lambda w: stable_sha(w) == NEW_SHA)
    world.steps(3)
    return world


def old_pods(world: World) -> int:
    old = world.deployment.status.replaced
    assert old is not None
    return int(world.workloads[old.revision]["spec"]["replicas"])


def test_what_was_replaced_keeps_its_pods_for_a_while() -> None:
    world = promoted(keepReplaced="5m")
    began = world.seconds
    world.steps(280)
    assert old_pods(world) == 4 and world.selected() == [stable_revision(world)]
    world.settle()
    assert old_pods(world) == 0 and 290 < world.seconds - began < 330


def test_the_budget_cuts_what_is_kept() -> None:
    world = promoted(keepReplaced="5m", maxSurge=1)
    advance(world, lambda w: old_pods(w) == 1)
    world.steps(100)
    assert old_pods(world) == 1


def test_replicas_0_end_what_is_kept() -> None:
    world = promoted(keepReplaced="5m")
    world.change(replicas=0)
    advance(world, lambda w: sizes(w) == [0, 0])


@pytest.mark.parametrize("kept", [True, False])
def test_a_spec_that_goes_back_to_what_is_kept_goes_at_once(kept: bool) -> None:
    world = promoted(keepReplaced="5m" if kept else "30s")
    for _ in range(100):
        world.step()
        world.grow(1)
    began = world.seconds
    world.wish("a" * 64)
    told = advance(world, lambda w: stable_sha(w) == "a" * 64)
    assert (told[0], "WeightSet" in told) == (
        ("ReturnStarted", False) if kept else ("CanaryStarted", True)
    )
    assert (world.seconds - began < 10) == kept
    assert not world.deployment.status.rejected
    world.settle()
    assert serves("a" * 64)(world)


def test_undo_of_what_was_just_promoted_turns_back_as_soon_as_its_pods_are_there() -> None:
    world = promoted(keepReplaced="5m")
    began = world.seconds
    world.ask("undo/1")
    advance(world, lambda w: stable_sha(w) == "a" * 64)
    assert world.seconds - began < 5


def test_the_next_version_waits_for_the_connections_to_end_and_no_longer() -> None:
    world = promoted(keepReplaced="1h")
    world.wish(OTHER_SHA)
    began = world.seconds
    advance(world, lambda w: w.deployment.status.canary is not None)
    assert world.seconds - began < 40 and old_pods(world) == 0
    world.settle()
    assert stable_sha(world) == OTHER_SHA


# Any number of arms.


def arms(world: World, **shares: int) -> Goal:
    """Return a goal with recorded revisions beside stable."""
    for name in shares:
        revision = Revision(
            artifact=ArtifactRef(uri="s3://models/x/", sha256=name[0] * 64), revision=name
        )
        record: Record = recorded(world.deployment, revision, SETTINGS)
        world.records[f"flights-{name}"] = record.to_object(world.deployment)
    n = world.replicas
    others = [Arm(name, "variant", share, n) for name, share in shares.items()]
    rest = 100 - sum(shares.values())
    return Goal((Arm(stable_revision(world), "stable", rest, n), *others))


def follow(world: World, goal: Goal, passes: int = 60) -> list[list[int]]:
    """Let a goal be made so; return the sizes after each pass. The world checks every write."""
    found = []
    for _ in range(passes):
        for child in Way(world.snapshot(), goal, replicas).children():
            if world.would_change(child):
                world.write(child)
        world.grow(1)
        found.append(sizes(world))
    return found


@pytest.mark.parametrize(("surge", "pods"), [(1, [5, 3, 2]), ("100%", [10, 6, 4])])
def test_three_arms_have_their_shares_and_give_them_back(surge: int | str, pods: list[int]) -> None:
    world = slow(MOST, replicas=10, maxSurge=surge)
    goal = arms(world, b=30, c=20)
    follow(world, goal)
    assert sizes(world) == pods
    way = Way(world.snapshot(), goal, replicas)
    assert way.seen().complete >= {"b", "c"} and way.seen().routed
    assert replicas.measured(world.snapshot()) == {stable_revision(world): 50, "b": 30, "c": 20}
    follow(world, arms(world, b=10, c=70))
    assert sizes(world) == [2, 1, 7]
    follow(world, arms(world))
    assert sizes(world)[0] == 10 and world.selected() == [stable_revision(world)]


def test_all_arms_wait_for_one_that_does_not_start() -> None:
    world = slow(MOST, replicas=10)
    world.broken["c" * 64] = "silent"
    found = follow(world, arms(world, b=30, c=20))
    assert found[-1] == [10, 6, 4] and world.selected() == [stable_revision(world)]


def test_a_rollout_of_five_steps_makes_few_writes() -> None:
    steps = [
        s for w in (5, 10, 25, 50, 75) for s in ({"setWeight": w}, {"pause": {"duration": "5m"}})
    ]
    world = slow(steps, replicas=4)
    made = world.objects
    writes = 0
    world.wish(NEW_SHA)
    for _ in range(2000):
        world.step()
        world.grow(4)
        writes += sum(made.get(key) != value for key, value in world.objects.items())
        made = world.objects
    assert stable_sha(world) == NEW_SHA and writes < 20
