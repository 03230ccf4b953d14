"""A version that takes or gives something else has no traffic before a person accepts it."""

from typing import Any

import pytest
from builders import conditions
from rollout_world import USUAL, World, signature
from test_rollout import NEW_SHA, advance, slow, stable_revision, stable_sha, weight

from perennial.plan.core.signature import Signature, Tensor
from perennial.plan.rollout.signature_check import is_due, passed

STEPS = [{"setWeight": 50}, {"pause": {"duration": "5s"}}]
OTHER_SHA = "c" * 64
NEEDS_MORE = signature("hour", "distance", "carrier")


def world_with(new: Signature | None, **more: Any) -> World:
    """Return a world whose new version takes and gives something of its own."""
    world = slow(STEPS, **more)
    world.signatures[NEW_SHA] = new
    world.wish(NEW_SHA)
    return world


def message(world: World, type: str) -> str:
    return next(c.message for c in world.deployment.status.conditions if c.type == type)


def paused(world: World) -> str:
    return world.deployment.status.paused


def work(world: World, passes: int) -> list[str]:
    told = []
    for _ in range(passes):
        told += [event.reason for event in world.step().events]
        world.grow(1)
    return told


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (signature("hour"), "input 'distance' is gone"),
        (NEEDS_MORE, "input 'carrier' is new and required"),
        (
            Signature((Tensor("hour", "BYTES", (-1, 1)), USUAL.inputs[1]), USUAL.outputs),
            "input 'hour' is BYTES and was FP32",
        ),
        (Signature(USUAL.inputs, ()), "output 'label' is gone"),
    ],
)
def test_what_clients_would_lose_waits_for_a_person_and_has_no_traffic(
    new: Signature, words: str
) -> None:
    world = world_with(new)
    old = stable_revision(world)
    assert "RolloutPaused" in advance(world, lambda w: bool(paused(w)))
    found = conditions(world.step())
    assert found["Paused"] == ("True", "SignatureChanged")
    assert found["Ready"] == ("True", "SignatureChanged")
    for type in ("Paused", "RolledOut"):
        assert words in message(world, type) and "promote/" in message(world, type)
    work(world, 100)
    assert world.selected() == [old] and weight(world) == (0, 0)
    assert not world.deployment.status.rejected


@pytest.mark.parametrize(
    "new",
    [
        Signature((*USUAL.inputs, *signature("x", parameters=_kind).inputs), USUAL.outputs)
        for _kind in [signature("y").inputs[0].parameters.__class__(kind="Number")]
    ]
    + [Signature(USUAL.inputs, (*USUAL.outputs, Tensor("score", "FP32", (-1,))))],
    ids=["an optional input", "an output"],
)
def test_what_nobody_loses_by_needs_nobody(new: Signature) -> None:
    world = world_with(new)
    world.settle()
    assert stable_sha(world) == NEW_SHA and "SignatureAccepted" not in world_told(world)


def world_told(world: World) -> list[str]:
    return [event.reason for event in world.told]


def test_promote_lets_it_pass_and_its_steps_begin() -> None:
    world = world_with(NEEDS_MORE)
    advance(world, lambda w: bool(paused(w)))
    world.ask("promote/1")
    told = advance(world, lambda w: weight(w)[0] == 50)
    assert told == ["SignatureAccepted", "WeightSet"]
    found = world.deployment.status.signature
    assert found is not None and found.passed and "promote/1" in found.message
    world.settle()
    assert stable_sha(world) == NEW_SHA and world.deployment.status.signature is None


def test_a_promotion_in_full_accepts_what_it_is_paused_for_and_nothing_unseen() -> None:
    world = world_with(NEEDS_MORE)
    advance(world, lambda w: w.deployment.status.canary is not None)
    world.ask("promote-full/1")  # before anybody could know
    advance(world, lambda w: paused(w) == "SignatureChanged")
    assert world.selected() == [stable_revision(world)]
    world.ask("promote-full/2")
    told = advance(world, lambda w: stable_sha(w) == NEW_SHA)
    assert told == ["SignatureAccepted", "StepsEnded", "CanaryPromoted"]


def test_what_was_accepted_stays_so_though_the_steps_change_or_the_operator_is_killed() -> None:
    world = world_with(NEEDS_MORE)
    advance(world, lambda w: bool(paused(w)))
    world.ask("promote/1")
    world.step()
    rollout = {**world.deployment.spec.rollout.to_json(), "canary": {"steps": STEPS[::-1]}}
    world.change(rollout=rollout)
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_it_is_accepted_for_that_version_alone() -> None:
    world = world_with(NEEDS_MORE)
    advance(world, lambda w: bool(paused(w)))
    world.ask("promote/1")
    advance(world, lambda w: weight(w)[0] == 50)
    world.signatures[OTHER_SHA] = NEEDS_MORE
    world.wish(OTHER_SHA)
    advance(world, lambda w: paused(w) == "SignatureChanged")
    assert world.selected() == [stable_revision(world)]


def test_changed_steps_do_not_let_it_pass() -> None:
    world = world_with(NEEDS_MORE)
    advance(world, lambda w: bool(paused(w)))
    rollout = {**world.deployment.spec.rollout.to_json(), "canary": {"steps": STEPS[::-1]}}
    world.change(rollout=rollout)
    told = work(world, 20)
    assert told == ["StepsChanged", "RolloutPaused"] and paused(world) == "SignatureChanged"


def test_resume_and_promote_of_a_step_do_not_let_it_pass_and_abort_rejects_it() -> None:
    world = world_with(NEEDS_MORE)
    world.ask("promote/1")
    world.step()
    world.ask("promote/2")  # before anybody could know
    advance(world, lambda w: bool(paused(w)))
    world.ask("resume/3")
    assert "NothingToDo" in work(world, 10) and paused(world) == "SignatureChanged"
    world.ask("pause/4")
    world.step()
    world.ask("resume/5")
    advance(world, lambda w: paused(w) == "SignatureChanged")
    world.ask("abort/6")
    work(world, 5)
    assert [r.reason for r in world.deployment.status.rejected] == ["Aborted"]


@pytest.mark.parametrize("who", ["stable", "canary"])
def test_what_is_not_told_is_not_alike(who: str) -> None:
    world = world_with(USUAL, progressDeadline="30s")
    old = stable_revision(world)
    world.silent = {who}
    advance(world, lambda w: "did not answer" in message(w, "RolledOut"))
    assert not paused(world) and world.selected() == [old]
    advance(world, lambda w: paused(w) == "SignatureUnknown")
    assert world.seconds > 30 and world.selected() == [old]
    assert "did not answer" in message(world, "Paused")
    world.ask("resume/1")
    work(world, 10)
    assert world.selected() == [old]
    world.silent = set()
    world.settle()
    assert stable_sha(world) == NEW_SHA and not world.deployment.status.rejected


def test_promote_lets_pass_what_nobody_tells() -> None:
    world = world_with(None, progressDeadline="30s")
    advance(world, lambda w: paused(w) == "SignatureUnknown")
    world.ask("promote/1")
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_a_canary_is_asked_when_there_are_pods_again() -> None:
    world = slow(STEPS)
    world.signatures[NEW_SHA] = NEEDS_MORE
    world.wish(NEW_SHA)
    world.step()
    world.change(replicas=0)
    work(world, 10)
    assert not world.running() and not paused(world)
    world.change(replicas=4)
    advance(world, lambda w: paused(w) == "SignatureChanged")
    world.change(replicas=0)
    work(world, 10)
    world.change(replicas=4)
    work(world, 20)
    assert world.selected() == [stable_revision(world)] and paused(world) == "SignatureChanged"
    world.ask("promote/1")
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_a_fix_does_not_wait_for_ever_for_a_version_that_serves_nobody() -> None:
    world = slow(STEPS, progressDeadline="30s")
    world.broken["a" * 64] = "silent"
    world.crash(stable_revision(world))
    world.wish(NEW_SHA)
    told = advance(world, lambda w: stable_sha(w) == NEW_SHA)
    assert "SignatureUnchecked" in told and world.seconds > 30


def test_a_moment_without_pods_of_stable_is_no_reason_to_go_on_unasked() -> None:
    world = world_with(NEEDS_MORE, replicas=1)
    world.broken["a" * 64] = "silent"
    world.crash(stable_revision(world))
    work(world, 20)
    assert "it has no ready pod" in message(world, "RolledOut")
    del world.broken["a" * 64]
    advance(world, lambda w: paused(w) == "SignatureChanged")
    assert "SignatureUnchecked" not in world_told(world)


def test_what_passed_beside_another_version_is_compared_anew() -> None:
    world = world_with(NEEDS_MORE)
    advance(world, lambda w: bool(paused(w)))
    status = world.deployment.status
    canary, other = status.canary, status.stable
    assert canary is not None and other is not None
    assert is_due(status.having(signature=passed(canary, other)))
    assert not is_due(status.having(signature=passed(other, canary)))


def test_other_settings_of_the_same_model_need_no_pod_that_tells() -> None:
    world = slow(STEPS)
    world.silent = {"stable", "canary"}
    world.change(serving={"resources": {"requests": {"cpu": "1"}}})
    world.settle()
    assert world.deployment.status.canary is None and not world.deployment.status.rejected
    assert "SignatureUnchecked" not in world_told(world)


def test_undo_and_a_spec_that_goes_back_at_once_need_no_check() -> None:
    world = world_with(NEEDS_MORE, keepReplaced="5m")
    advance(world, lambda w: bool(paused(w)))
    world.ask("promote/1")
    advance(world, lambda w: stable_sha(w) == NEW_SHA)
    world.steps(3)
    world.wish("a" * 64)
    told = advance(world, lambda w: stable_sha(w) == "a" * 64)
    assert told[0] == "ReturnStarted" and "RolloutPaused" not in told
    world.ask("undo/2")
    told = advance(world, lambda w: stable_sha(w) == NEW_SHA)
    assert "RolloutPaused" not in told


def test_a_version_that_waits_for_clients_gives_way_to_a_newer_one() -> None:
    world = world_with(NEEDS_MORE)
    advance(world, lambda w: bool(paused(w)))
    world.wish(OTHER_SHA)
    world.settle()
    assert stable_sha(world) == OTHER_SHA
