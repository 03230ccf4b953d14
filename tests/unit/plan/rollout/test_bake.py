"""The bake: what was promoted is watched, and gone back from at once where it fails."""

from typing import Any

import pytest
from builders import conditions
from rollout_world import World
from test_rollout import NEW_SHA, advance, stable_revision, stable_sha

from perennial.plan.rollout import wants_metrics

OTHER_SHA = "c" * 64
LIMITS: dict[str, Any] = {
    "planned": 20,
    "metrics": [
        {"name": "errors", "errorRate": {"maximum": 0.05}},
        {"name": "beside", "errorRate": {"againstStable": {}}},
    ],
}
BAKE: dict[str, Any] = {"bake": "60s", "keepReplaced": "5m"}


def baking(world: World) -> bool:
    return world.deployment.status.baking


def promoted(strategy: dict[str, Any], follows: bool = False, **rollout: Any) -> World:
    """Return a world that has just promoted b after a, and watches it."""
    more: dict[str, Any] = {"model": {"trainingRef": {"name": "flights"}}} if follows else {}
    made = {**strategy, **BAKE, "analysis": LIMITS, **rollout}
    world = World(rollout=made, replicas=2, **more)
    if follows:
        world.train(1, "a" * 64)
    world.settle()
    assert not baking(world), "what begins to serve replaces nothing"
    if follows:
        world.train(2, NEW_SHA)
    else:
        world.wish(NEW_SHA)
    advance(world, baking)
    assert stable_sha(world) == NEW_SHA
    return world


def fail(world: World, rate: float = 0.5) -> None:
    """Let what serves answer with errors from now on."""
    name = stable_revision(world)
    for _ in range(20):
        world._count(name, 40, rate, 0.0, 0.01)
        world.step()
        if stable_revision(world) != name:
            return


STRATEGIES: list[dict[str, Any]] = [
    {"blueGreen": {}},
    {"canary": {"steps": [{"setWeight": 50}, {"pause": {"duration": "4s"}}]}},
]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=["blueGreen", "canary"])
def test_one_that_fails_after_its_promotion_is_gone_back_from_at_once(strategy: Any) -> None:
    world = promoted(strategy)
    began = world.seconds
    fail(world)
    assert stable_sha(world) == "a" * 64 and world.seconds - began < 15
    (rejection,) = world.deployment.status.rejected
    assert rejection.reason == "AnalysisFailed" and "in the bake" in rejection.message
    assert "errors: " in rejection.message
    assert "RolledBack" in [event.reason for event in world.told]
    world.settle()
    assert world.selected() == [stable_revision(world)] and not baking(world)


def test_one_that_goes_on_well_has_baked() -> None:
    world = promoted({"blueGreen": {}})
    began = world.seconds
    told = advance(world, lambda w: not baking(w))
    assert told == ["Baked"] and 55 <= world.seconds - began <= 65
    assert stable_sha(world) == NEW_SHA
    assert conditions(world.step())["RolledOut"] == ("True", "Serving")
    assert not wants_metrics(world.snapshot()) and world.deployment.status.analysis is None
    (event,) = (e for e in world.told if e.reason == "Baked")
    assert "Successful: errors" in event.message


def test_only_limits_vote_since_what_was_replaced_has_no_traffic() -> None:
    world = promoted({"blueGreen": {}}, analysis={"planned": 20})  # both against stable
    assert not wants_metrics(world.snapshot())
    fail(world)
    assert stable_sha(world) == NEW_SHA
    advance(world, lambda w: not baking(w))
    (event,) = (e for e in world.told if e.reason == "Baked")
    assert "no metric with a limit" in event.message


def test_little_traffic_is_not_called_good() -> None:
    world = promoted({"blueGreen": {}})
    world.requests_per_pass = world.stable_requests = 0.0
    advance(world, lambda w: not baking(w))
    (event,) = (e for e in world.told if e.reason == "Baked")
    assert "Undecided" in event.message and "Successful" not in event.message


def test_pods_that_crash_are_gone_back_from() -> None:
    world = promoted({"blueGreen": {}})
    world.broken[NEW_SHA] = "crash"
    world.crash(stable_revision(world))
    advance(world, lambda w: stable_sha(w) == "a" * 64)
    (rejection,) = world.deployment.status.rejected
    assert rejection.reason == "ModelInvalid"


def test_what_the_cluster_keeps_from_running_is_not_its_fault() -> None:
    world = promoted({"blueGreen": {}})
    world.instant, world.broken[NEW_SHA] = False, "node"
    world.crash(stable_revision(world))
    for _ in range(10):
        world.step()
    assert baking(world) and not world.deployment.status.rejected


def test_pods_that_do_not_answer_are_gone_back_from_where_the_others_do() -> None:
    world = promoted({"blueGreen": {}})
    world.silent = {"stable"}
    advance(world, lambda w: stable_sha(w) == "a" * 64)
    (rejection,) = world.deployment.status.rejected
    assert rejection.reason == "Unreachable"


def test_while_it_bakes_the_object_says_until_when() -> None:
    world = promoted({"blueGreen": {}})
    found = conditions(world.step())
    assert found["RolledOut"] == ("False", "Baking") and found["Ready"] == ("True", "Baking")
    assert found["Reconciling"][0] == "True"
    (message,) = (c.message for c in world.deployment.status.conditions if c.type == "RolledOut")
    assert "is watched until 2026-01-01T12:" in message


@pytest.mark.parametrize("on_new", ["Finish", "Restart"])
def test_a_newer_version_waits_for_the_bake(on_new: str) -> None:
    world = promoted({"blueGreen": {}}, follows=True, onNewVersion=on_new)
    old = world.deployment.status.replaced
    assert old is not None
    world.train(3, OTHER_SHA)
    for _ in range(50):
        world.step()
    assert baking(world) and world.ready(old.revision) == 2
    world.settle()
    assert stable_sha(world) == OTHER_SHA


def test_an_edit_does_not_wait_for_it() -> None:
    world = promoted({"blueGreen": {}})
    world.wish(OTHER_SHA)
    world.step()
    assert not baking(world)
    advance(world, lambda w: stable_sha(w) == OTHER_SHA)


def test_a_spec_that_goes_back_is_followed_at_once() -> None:
    world = promoted({"blueGreen": {}})
    world.wish("a" * 64)
    for _ in range(3):
        world.step()
    assert stable_sha(world) == "a" * 64
    assert not baking(world) and not world.deployment.status.rejected


@pytest.mark.parametrize("verb", ["promote", "promote-full"])
def test_a_person_ends_it(verb: str) -> None:
    world = promoted({"blueGreen": {}})
    world.ask(f"{verb}/1")
    assert "BakeEnded" in [e.reason for e in world.step().events]
    fail(world)
    assert not baking(world) and stable_sha(world) == NEW_SHA


@pytest.mark.parametrize(("verb", "reason"), [("abort", "Aborted"), ("undo", "Undone")])
def test_a_person_goes_back(verb: str, reason: str) -> None:
    world = promoted({"blueGreen": {}})
    world.ask(f"{verb}/1")
    world.settle()
    assert stable_sha(world) == "a" * 64 and not baking(world)
    assert [r.reason for r in world.deployment.status.rejected] == [reason]
    world.ask("retry/2")  # what was gone back to is no candidate for another bake
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_no_rollout_is_under_way_but_the_bake() -> None:
    world = promoted({"blueGreen": {}})
    world.ask("pause/1")
    (event,) = world.step().events
    assert event.reason == "NothingToDo" and "bake" in event.message


def test_replicas_0_end_it() -> None:
    world = promoted({"blueGreen": {}})
    world.change(replicas=0)
    world.settle()
    assert not baking(world) and stable_sha(world) == NEW_SHA


def test_it_ends_where_it_is_not_asked_for_any_more() -> None:
    world = promoted({"blueGreen": {}})
    rollout = world.deployment.spec.rollout.to_json()
    del rollout["bake"]
    world.change(rollout=rollout)
    world.step()
    assert not baking(world)


def test_a_lost_status_loses_it_and_nothing_else() -> None:
    world = promoted({"blueGreen": {}})
    world.lose_status()
    world.settle()
    assert stable_sha(world) == NEW_SHA and not baking(world)


@pytest.mark.parametrize("cut", range(5))
def test_killed_at_any_write_it_goes_back_all_the_same(cut: int) -> None:
    world = promoted({"blueGreen": {}})
    name = stable_revision(world)
    for _ in range(20):
        world._count(name, 40, 0.5, 0.0, 0.01)
        world.step(cut)
    fail(world)  # what was counted before the first look that was written is not judged
    world.settle()
    assert stable_sha(world) == "a" * 64 and world.deployment.status.rejected
