"""Blue-green: all pods beside stable's, no traffic before the switch, the switch in one turn."""

from typing import Any

import pytest
from api_server import Refusal
from builders import conditions
from gateway_world import GatewayWorld
from rollout_world import REVISION, World, signature
from test_before_traffic import GOLDEN
from test_collisions import on_trial, paused
from test_rollout import NEW_SHA, WAITING, advance, sizes, stable_revision, stable_sha

from perennial.api.deployment import Rollout

OTHER_SHA = "c" * 64
FOR_A_PERSON: dict[str, Any] = {"pause": {}}


def blue_green(strategy: dict[str, Any] = FOR_A_PERSON, replicas: int = 4, **more: Any) -> World:
    """Return a serving world whose pods take a pass each to start or end."""
    world = World(rollout={"blueGreen": strategy, **more}, replicas=replicas)
    world.instant = False
    world.settle()
    return world


def preview(world: World) -> str:
    canary = world.deployment.status.canary
    assert canary is not None
    return canary.revision


def mixed(world: World) -> bool:
    """Tell whether requests reach more than one version that has pods."""
    return len([r for r in world.selected() if world.ready(r)]) > 1


def whole(world: World) -> bool:
    return sizes(world) == [4, 4] and world.ready(preview(world)) == 4


def test_the_new_version_has_all_its_pods_and_no_traffic_until_a_person_promotes() -> None:
    world = blue_green()
    old = stable_revision(world)
    world.wish(NEW_SHA)
    told = advance(world, paused)
    assert told == ["CanaryStarted", "WeightSet", "RolloutPaused"]
    assert whole(world) and world.selected() == [old]
    status = world.deployment.status
    assert status.printed is not None
    assert (status.printed.step, status.printed.weight) == ("preview", "0/0")
    world.settle()
    assert stable_sha(world) != NEW_SHA and whole(world)


def test_the_switch_is_one_turn_and_what_was_replaced_is_gone_back_to_at_once() -> None:
    world = blue_green(keepReplaced="5m")
    old = stable_revision(world)
    world.wish(NEW_SHA)
    advance(world, paused)
    new = preview(world)
    world.ask("promote/1")
    turns = []
    while world.selected() != [new]:
        world.step()
        turns.append(world.selected())
        assert not mixed(world)
    assert len(turns) <= 2 and sizes(world) == [4, 4]
    world.steps(60)
    assert world.ready(old) == 4
    world.ask("undo/2")
    for _ in range(3):
        world.step()
        world.grow(1)
    assert world.selected() == [old] and stable_revision(world) == old


def test_a_spec_that_goes_back_after_the_switch_is_followed_at_once() -> None:
    world = blue_green({}, keepReplaced="5m")
    old = stable_revision(world)
    world.wish(NEW_SHA)
    advance(world, lambda w: stable_sha(w) == NEW_SHA)
    world.steps(40)
    world.wish("a" * 64)
    for _ in range(3):
        world.step()
        world.grow(1)
    assert world.selected() == [old] and not world.deployment.status.rejected


def test_without_a_pause_it_switches_once_all_pods_are_ready() -> None:
    world = blue_green({})
    world.wish(NEW_SHA)
    advance(world, lambda w: len(w.workloads) == 2 and w.ready(preview(w)) == 3)
    for _ in range(5):
        world.step()
    assert stable_sha(world) != NEW_SHA
    advance(world, lambda w: stable_sha(w) == NEW_SHA)
    world.settle()
    assert world.running() == [stable_revision(world)]


def test_a_pause_for_a_time_begins_when_all_pods_are_ready() -> None:
    world = blue_green({"pause": {"duration": "20s"}})
    world.wish(NEW_SHA)
    advance(world, lambda w: len(w.workloads) == 2 and whole(w))
    began = world.seconds
    advance(world, lambda w: stable_sha(w) == NEW_SHA)
    assert 20 <= world.seconds - began <= 25


def test_pods_that_are_lost_before_the_switch_are_waited_for() -> None:
    world = blue_green({"pause": {"duration": "20s"}})
    world.wish(NEW_SHA)
    advance(world, lambda w: len(w.workloads) == 2 and whole(w))
    world.room = 7
    world.workloads[preview(world)]["status"]["readyReplicas"] = 3
    for _ in range(30):
        world.step()
    assert stable_sha(world) != NEW_SHA and len(world.selected()) == 1
    world.room = 8
    advance(world, lambda w: stable_sha(w) == NEW_SHA)


def test_another_signature_waits_for_a_person_without_traffic() -> None:
    world = blue_green({})
    world.signatures[NEW_SHA] = signature("hour")
    world.wish(NEW_SHA)
    advance(world, paused)
    assert world.deployment.status.paused == "SignatureChanged" and len(world.selected()) == 1
    world.ask("promote/1")
    advance(world, lambda w: stable_sha(w) == NEW_SHA)


def test_one_that_answers_golden_requests_wrongly_is_rejected_before_the_switch() -> None:
    world = blue_green({}, beforeTraffic=GOLDEN)
    old = stable_revision(world)
    world.golden[NEW_SHA] = {"late": 0}
    world.wish(NEW_SHA)
    while not world.deployment.status.rejected:
        world.step()
        world.grow(1)
        assert world.selected() == [old]
    assert world.deployment.status.rejected[0].reason == "GoldenRequestFailed"
    world.golden[NEW_SHA] = {}
    world.ask("retry/1")
    advance(world, lambda w: stable_sha(w) == NEW_SHA)


@pytest.mark.parametrize("how", ["silent", "crash"])
def test_one_that_does_not_start_is_rolled_back_unseen(how: str) -> None:
    world = blue_green({}, progressDeadline="20s")
    world.broken[NEW_SHA] = how
    old = stable_revision(world)
    world.wish(NEW_SHA)
    told = []
    while "RolledBack" not in told:
        told += [e.reason for e in world.step().events]
        assert world.selected() == [old]
    world.settle()
    assert world.running() == [old]


@pytest.mark.parametrize("surge", ["25%", 1, 3])
def test_with_too_little_room_the_switch_goes_pod_by_pod_and_says_so(surge: int | str) -> None:
    world = blue_green(maxSurge=surge)
    beside = Rollout.model_validate({"maxSurge": surge}).surge(4)
    world.wish(NEW_SHA)
    told = advance(world, paused)
    assert told == ["CanaryStarted", "WeightSet", "SwitchNotAtOnce", "RolloutPaused"]
    assert sizes(world) == [4, beside] and len(world.selected()) == 1
    plan = world.step()
    assert conditions(plan)["RolledOut"] == ("False", "CanaryPauseStep")
    (message,) = (c.message for c in world.deployment.status.conditions if c.type == "RolledOut")
    assert f"leaves room for {beside} of 4 pods" in message and "100%" in message
    world.ask("promote/1")
    least = 4
    while stable_sha(world) != NEW_SHA:
        world.step()
        world.grow(1)
        least = min(least, world.capacity())
        assert sum(sizes(world)) <= 4 + beside
    assert least == 4
    world.settle()
    assert world.running() == [stable_revision(world)]


def test_with_all_the_room_nothing_is_said() -> None:
    world = blue_green(maxSurge="100%")
    world.wish(NEW_SHA)
    assert "SwitchNotAtOnce" not in advance(world, paused)
    assert all("room" not in c.message for c in world.deployment.status.conditions)


def test_what_is_asked_of_the_preview_is_no_evidence() -> None:
    """Who tries it out by hand sends what he likes; stable's clients never see it."""
    analysis = {"metrics": [{"name": "errors", "errorRate": {"maximum": 0.01}}], "planned": 10}
    world = blue_green({"pause": {"duration": "60s"}}, analysis=analysis)
    world.wish(NEW_SHA)
    advance(world, lambda w: len(w.workloads) == 2 and whole(w))
    name = preview(world)
    for _ in range(30):
        world._count(name, 50, 0.9, 0.0, 0.01)
        world.step()
    status = world.deployment.status
    assert status.canary is not None and not status.rejected
    assert all(m.requests == 0 for m in (status.analysis.metrics if status.analysis else ()))


def test_the_spec_changes_before_the_switch() -> None:
    world = blue_green()
    world.wish(NEW_SHA)
    advance(world, paused)
    world.wish(OTHER_SHA)
    advance(world, lambda w: paused(w) and on_trial(w) == OTHER_SHA)
    assert whole(world) and len(world.selected()) == 1 and not world.deployment.status.rejected


@pytest.mark.parametrize("on_new", ["Finish", "Restart"])
def test_a_newer_version_before_the_switch(on_new: str) -> None:
    world = World(
        rollout={"blueGreen": FOR_A_PERSON, "onNewVersion": on_new},
        model={"trainingRef": {"name": "flights"}},
        replicas=4,
    )
    world.instant = False
    world.train(1, "a" * 64)
    world.settle()
    world.train(2, NEW_SHA)
    advance(world, paused)
    world.train(3, OTHER_SHA)
    if on_new == "Restart":
        advance(world, lambda w: paused(w) and on_trial(w) == OTHER_SHA)
        return
    world.steps(20)
    assert on_trial(world) == NEW_SHA
    world.ask("promote/1")
    advance(world, lambda w: paused(w) and on_trial(w) == OTHER_SHA)
    assert stable_sha(world) == NEW_SHA


def test_no_replicas_before_the_switch_and_some_again() -> None:
    world = blue_green({"pause": {"duration": "20s"}})
    old = stable_revision(world)
    world.wish(NEW_SHA)
    advance(world, lambda w: len(w.workloads) == 2 and whole(w))
    world.change(replicas=0)
    world.settle()
    assert stable_revision(world) == old and world.running() == []
    world.change(replicas=2)
    advance(world, lambda w: stable_sha(w) == NEW_SHA)


def test_more_replicas_before_the_switch_are_had_by_both() -> None:
    world = blue_green()
    world.wish(NEW_SHA)
    advance(world, paused)
    world.change(replicas=6)
    advance(world, lambda w: sizes(w) == [6, 6] and w.ready(preview(w)) == 6)
    world.ask("promote/1")
    advance(world, lambda w: stable_sha(w) == NEW_SHA)
    assert not mixed(world)


@pytest.mark.parametrize("verb", ["abort", "undo"])
def test_it_is_taken_back_before_the_switch(verb: str) -> None:
    world = blue_green()
    old = stable_revision(world)
    world.wish(NEW_SHA)
    advance(world, paused)
    world.ask(f"{verb}/1")
    advance(world, lambda w: w.running() == [old])
    assert world.deployment.status.rejected
    world.ask("retry/2")
    advance(world, paused)
    assert on_trial(world) == NEW_SHA


@pytest.mark.parametrize("verb", ["promote", "promote-full", "resume"])
def test_any_way_to_go_on_switches(verb: str) -> None:
    world = blue_green()
    world.wish(NEW_SHA)
    advance(world, paused)
    world.ask(f"{verb}/1")
    advance(world, lambda w: stable_sha(w) == NEW_SHA)


def test_a_pause_that_is_asked_for_holds_the_preview() -> None:
    world = blue_green({})
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.canary is not None)
    world.ask("pause/1")
    for _ in range(20):
        world.step()
        world.grow(1)
    assert whole(world) and stable_sha(world) != NEW_SHA
    world.ask("resume/2")
    advance(world, lambda w: stable_sha(w) == NEW_SHA)


def test_a_refresh_goes_the_same_way() -> None:
    world = blue_green()
    old = stable_revision(world)
    world.upgrade(serving_image="perennial/serving:new")
    world.ask("refresh/1")
    advance(world, paused)
    assert whole(world) and world.selected() == [old]
    world.ask("promote/2")
    advance(world, lambda w: stable_revision(w) == old.replace("-1", "-2"))


@pytest.mark.parametrize(
    "other", [{"canary": {"steps": [{"setWeight": 25}, {"pause": {}}]}}, {"canary": None}]
)
def test_another_strategy_in_mid_flight_begins_anew_with_the_pods_kept(other: Any) -> None:
    world = blue_green()
    world.wish(NEW_SHA)
    advance(world, paused)
    rollout = world.deployment.spec.rollout.to_json() | other
    del rollout["blueGreen"]
    world.change(rollout={k: v for k, v in rollout.items() if v is not None})
    told = advance(world, lambda w: len(w.selected()) == 2)
    assert "StepsChanged" in told and on_trial(world) == NEW_SHA


@pytest.mark.parametrize("cut", range(6))
def test_killed_at_any_write_it_ends_the_same(cut: int) -> None:
    world = blue_green({})
    world.wish(NEW_SHA)
    for _ in range(60):
        world.step(cut)
        world.grow(1)
        assert not mixed(world)
    world.settle()
    assert stable_sha(world) == NEW_SHA and world.running() == [stable_revision(world)]


def address(world: World) -> str:
    """Return the revision that NAME-preview reaches."""
    found = world.services["flights-preview"]["spec"]["selector"][REVISION]
    return str(found)


def test_the_preview_address_reaches_what_is_on_trial_else_what_serves() -> None:
    world = blue_green()
    assert address(world) == stable_revision(world)
    world.wish(NEW_SHA)
    advance(world, paused)
    assert address(world) == preview(world) != stable_revision(world)
    world.ask("abort/1")
    world.settle()
    assert address(world) == stable_revision(world)
    del world.services["flights-preview"]
    world.settle()
    assert address(world) == stable_revision(world)


def test_the_preview_address_goes_with_the_strategy() -> None:
    world = blue_green()
    world.change(rollout={"canary": {"steps": WAITING}})
    world.settle()
    assert not world.services


def test_a_refused_preview_address_is_told_and_holds_nothing_up() -> None:
    world = blue_green({})
    del world.services["flights-preview"]
    world.refused["flights-preview"] = Refusal(403, "services are used up")
    world.wish(NEW_SHA)
    advance(world, lambda w: stable_sha(w) == NEW_SHA)
    assert any("services are used up" in c.message for c in world.deployment.status.conditions)
    world.refused.clear()
    world.settle()
    assert address(world) == stable_revision(world)


def test_behind_a_gateway_the_switch_is_one_write_too() -> None:
    world = GatewayWorld(rollout={"blueGreen": FOR_A_PERSON, "keepReplaced": "5m"}, replicas=4)
    world.instant = False
    world.settle()
    old = stable_revision(world)
    world.wish(NEW_SHA)
    advance(world, paused)
    new, seen = preview(world), [world.in_force]
    assert whole(world) and address(world) == new and seen == [{old: 100}]
    world.ask("promote/1")
    while stable_revision(world) != new or world.in_force != {new: 100}:
        world.step()
        world.grow(1)
        seen += [world.in_force] if world.in_force != seen[-1] else []
    assert seen == [{old: 100}, {new: 100}] and world.ready(old) == 4
    world.ask("undo/2")
    advance(world, lambda w: stable_revision(w) == old and world.in_force == {old: 100})
