from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from builders import conditions, version
from hypothesis import given
from hypothesis import strategies as st
from rollout_world import World

from effort import tried
from perennial.plan.rollout import plan_deployment
from perennial.plan.serving.receipts import no_key

NEW_SHA = "b" * 64
ANALYSIS = {
    "planned": 500,
    "waitAtMost": "30s",
    "metrics": [{"name": "errors", "errorRate": {"maximum": 0.1}}],
}


def stable_sha(world: World) -> str:
    stable = world.deployment.status.stable
    assert stable is not None
    return stable.artifact.sha256


def serving(analysis: dict[str, Any] | None = None) -> World:
    world = World(analysis)
    assert world.steps(3) == ["Serving"]
    return world


def test_the_first_deployment_serves_without_a_canary() -> None:
    world = serving()
    found = conditions(world.step())
    assert found["Ready"] == ("True", "Serving") and found["Reconciling"][0] == "False"


def test_steady_state_changes_nothing() -> None:
    world = serving()
    world.steps(3)
    before, workloads = world.deployment.status, dict(world.workloads)
    plan = world.step(seconds=1000)
    assert plan.status is not None and plan.status.to_json() == before.to_json()
    assert not plan.delete and not plan.events
    assert {w: o["spec"] for w, o in workloads.items()} == {
        w: o["spec"] for w, o in world.workloads.items()
    }


def test_a_good_canary_is_promoted_and_the_old_one_goes() -> None:
    world = serving(ANALYSIS)
    world.wish(NEW_SHA)
    told = world.steps(60)
    assert told == ["CanaryStarted", "WeightSet", "CanaryPromoted"]
    assert stable_sha(world) == NEW_SHA and world.running() == [stable_revision(world)]


@pytest.mark.parametrize("rate", [0.2, 1.0])
def test_errors_roll_back_and_it_is_not_tried_again(rate: float) -> None:
    world = serving(ANALYSIS)
    old = stable_sha(world)
    world.error_rate = rate
    world.wish(NEW_SHA)
    told = world.steps(60)
    assert (told[0], told[-1]) == ("CanaryStarted", "RolledBack")
    assert stable_sha(world) == old and len(world.workloads) == 1
    found = conditions(world.step())
    assert found["RolledOut"] == ("False", "AnalysisFailed") and found["Stalled"][0] == "True"
    world.error_rate = 0.0
    world.ask("retry/1")
    assert "CanaryPromoted" in world.steps(60)


def test_a_canary_that_never_starts_is_rolled_back_at_its_deadline() -> None:
    world = serving()
    world.broken[NEW_SHA] = "silent"
    world.wish(NEW_SHA)
    assert "RolledBack" in world.steps(70)
    assert world.deployment.status.rejected[0].reason == "ProgressDeadlineExceeded"


def test_going_back_to_stable_removes_the_canary_without_rejection() -> None:
    world = serving()
    old = stable_sha(world)
    world.wish(NEW_SHA)
    world.steps(4)
    world.wish(old)
    world.steps(4)
    assert len(world.workloads) == 1 and not world.deployment.status.rejected


def test_abort_and_unknown_verbs() -> None:
    world = serving()
    world.wish(NEW_SHA)
    world.steps(3)
    world.ask("abort/1")
    assert "RolledBack" in world.steps(2)
    world.ask("dance/1")
    assert world.steps(2) == ["UnknownRequest"]


def test_a_lost_status_is_rebuilt_and_nothing_is_scaled_down() -> None:
    world = serving()
    before = dict(world.workloads)
    world.lose_status()
    world.steps(4)
    assert set(world.workloads) == set(before)


def test_a_foreign_service_is_never_adopted() -> None:
    world = World()
    world.service = {"kind": "Service", "metadata": {"name": "flights"}}
    plan = plan_deployment(world.snapshot())
    assert not plan.apply and conditions(plan)["Stalled"] == ("True", "NameConflict")
    assert [e.reason for e in plan.events] == ["NameConflict"]
    world.carry_out(plan)
    assert world.steps(3) == []


def test_few_requests_add_up() -> None:
    world = serving({**ANALYSIS, "planned": 600})
    world.wish(NEW_SHA)
    told = world.steps(60)
    assert "CanaryPromoted" in told and world.seconds > 30


def test_pods_are_restricted() -> None:
    world = serving()
    (live,) = world.workloads.values()
    pod = live["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
    for container in (*pod["initContainers"], *pod["containers"]):
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] and security["capabilities"] == {"drop": ["ALL"]}
    server = pod["containers"][0]
    assert all("secrets" not in m["mountPath"] for m in server["volumeMounts"])


@tried(50)
@given(
    moves=st.lists(
        st.tuples(st.sampled_from(["a" * 64, "b" * 64, "c" * 64]), st.integers(1, 12)), max_size=6
    ),
    cuts=st.lists(st.integers(0, 4), max_size=40),
    broken=st.sets(st.sampled_from(["b" * 64, "c" * 64])),
)
def test_killed_anywhere_it_converges_without_losing_capacity(
    moves: list[tuple[str, int]], cuts: list[int], broken: set[str]
) -> None:
    world = serving()
    world.broken = dict.fromkeys(broken, "silent")
    left = list(cuts)
    for sha, passes in moves:
        world.wish(sha)
        for _ in range(passes):
            world.step(left.pop() if left else 99)
    world.settle()
    wish = world.deployment.spec.model.artifact.sha256  # type: ignore[union-attr]
    status = world.deployment.status
    assert status.canary is None and world.running() == [stable_revision(world)]
    refused = {r.revision for r in status.rejected}
    assert stable_sha(world) == wish or (wish in broken and refused)


def slow(steps: list[dict[str, Any]], replicas: int = 4, **more: Any) -> World:
    """Return a serving world whose pods take a pass each to start or end."""
    world = World(rollout={"canary": {"steps": steps}, **more}, replicas=replicas)
    world.instant = False
    world.settle()
    assert world.ready(stable_revision(world)) == replicas
    return world


def stable_revision(world: World) -> str:
    stable = world.deployment.status.stable
    assert stable is not None
    return stable.revision


def advance(world: World, reached: Callable[[World], bool]) -> list[str]:
    """Let operator and pods go on until a state is reached; return the events' reasons."""
    told: list[str] = []
    for _ in range(200):
        if reached(world):
            return told
        told += [e.reason for e in world.step().events]
        world.grow(1)
    raise AssertionError(f"never reached: {world.deployment.status!r}")


def weight(world: World) -> tuple[int, int]:
    found = world.deployment.status.weight
    return (found.asked, found.actual) if found else (0, 0)


def sizes(world: World) -> list[int]:
    return [live["spec"]["replicas"] for live in world.workloads.values()]


def test_capacity_comes_before_weight_and_scale_down_after_it() -> None:
    world = slow([{"setWeight": 75}, {"pause": {}}])
    world.wish(NEW_SHA)
    advance(world, lambda w: len(w.workloads) == 2)
    assert sizes(world) == [4, 1]  # one pod shows whether it starts, and what it takes
    advance(world, lambda w: sizes(w) != [4, 1])
    assert sizes(world) == [4, 3] and world.selected() == [stable_revision(world)]
    advance(world, lambda w: len(w.selected()) == 2)
    assert sizes(world) == [4, 3] and weight(world) == (0, 0)
    advance(world, lambda w: weight(w)[0] == 75)  # once the Service was seen to name both
    assert sizes(world) == [1, 3] and len(world.selected()) == 2


def test_a_smaller_weight_waits_for_the_pods_of_stable() -> None:
    world = lowering()
    assert sizes(world) == [1, 3]
    advance(world, lambda w: sizes(w) != [1, 3])
    assert sizes(world) == [3, 3]
    advance(world, lambda w: weight(w) == (25, 25))
    world.step()
    assert sizes(world) == [3, 1]


def lowering(**more: Any) -> World:
    """Return a world that is about to lower the canary's weight from 75 to 25."""
    steps = [{"setWeight": 75}, {"pause": {"duration": "20s"}}, {"setWeight": 25}, {"pause": {}}]
    world = slow(steps, **more)
    world.wish(NEW_SHA)
    advance(world, lambda w: weight(w) == (75, 75) and sum(map(w.ready, w.workloads)) == 4)
    return world


def test_a_smaller_weight_needs_room_for_one_pod_more_only() -> None:
    world = lowering()
    world.room = 5
    advance(world, lambda w: weight(w) == (25, 25))


def test_without_room_for_stable_a_person_decides_and_the_canary_is_not_blamed() -> None:
    world = lowering(progressDeadline="9s")
    world.room = 4
    assert advance(world, lambda w: bool(w.deployment.status.paused)) == ["RolloutPaused"]
    assert world.deployment.status.paused == "StableNotReady"
    assert not world.deployment.status.rejected and weight(world) == (75, 75)
    world.ask("resume/1")
    told = advance(world, lambda w: w.seconds > 60)
    assert told == ["RolloutResumed", "RolloutPaused"]
    world.room = 5
    world.ask("resume/2")
    advance(world, lambda w: weight(w) == (25, 25))


def test_a_rollback_keeps_the_service_open_until_stable_has_its_pods_again() -> None:
    world = slow([{"setWeight": 75}, {"pause": {}}])
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    world.ask("abort/1")
    world.step()
    assert sizes(world) == [4, 3] and len(world.selected()) == 2
    advance(world, lambda w: len(w.workloads) == 1)
    assert world.ready(stable_revision(world)) == 4


def test_all_the_weight_is_all_of_it() -> None:
    world = slow([{"setWeight": 100}, {"pause": {}}])
    world.wish(NEW_SHA)
    advance(world, lambda w: weight(w) == (100, 100))
    canary = world.deployment.status.canary
    assert canary is not None and world.selected() == [canary.revision]
    assert sizes(world) == [4, 4]


def test_a_step_whose_pods_go_away_begins_anew() -> None:
    world = slow([{"setWeight": 50}, {"pause": {"duration": "5s"}}], progressDeadline="9s")
    world.wish(NEW_SHA)
    advance(world, lambda w: weight(w)[0] == 50)
    canary = world.deployment.status.canary
    assert canary is not None
    world.broken[NEW_SHA] = "silent"
    world.crash(canary.revision)
    told = advance(world, lambda w: w.deployment.status.canary is None)
    assert told[-1] == "RolledBack"


def test_the_next_canary_waits_until_the_replaced_version_is_gone() -> None:
    world = slow([{"setWeight": 50}])
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.replaced is not None)
    began = world.seconds
    world.wish("c" * 64)
    advance(world, lambda w: w.deployment.status.canary is not None)
    assert world.seconds - began >= 30 and len(world.running()) == 1
    world.steps(2)
    assert len(world.running()) == 2


WAITING = [{"setWeight": 50}, {"pause": {}}, {"setWeight": 100}]


def test_a_pause_holds_whatever_goes_on() -> None:
    world = slow(WAITING)
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.canary is not None)
    world.ask("pause/1")
    world.steps(50)
    world.grow()
    world.steps(50)
    assert weight(world) == (0, 0)
    world.ask("resume/2")
    assert advance(world, lambda w: weight(w)[0] == 50) == ["RolloutResumed", "WeightSet"]
    advance(world, lambda w: w.deployment.status.paused == "CanaryPauseStep")
    world.ask("promote/3")
    advance(world, lambda w: w.deployment.status.promoting)
    world.ask("pause/4")
    world.steps(50)
    assert world.deployment.status.promoting and weight(world) == (100, 100)
    world.ask("resume/5")
    advance(world, lambda w: stable_sha(w) == NEW_SHA)


@pytest.mark.parametrize("steps", [WAITING, [{"pause": {}}, {"setWeight": 5}, {"pause": {}}]])
def test_a_promotion_in_full_leaves_the_steps_out_and_not_the_order_of_writes(
    steps: list[dict[str, Any]],
) -> None:
    world = slow(steps)
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    world.ask("promote-full/1")
    told = advance(world, lambda w: stable_sha(w) == NEW_SHA)
    assert told == ["StepsEnded", "CanaryPromoted"]
    assert not world.deployment.status.rejected


def test_a_bad_canary_that_is_promoted_in_full_is_rolled_back() -> None:
    world = slow([{"setWeight": 1}, {"pause": {}}])
    world.broken[NEW_SHA] = "crash"
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.canary is not None)
    world.ask("promote-full/1")
    advance(world, lambda w: bool(w.deployment.status.rejected))
    assert stable_sha(world) != NEW_SHA


def test_resume_ends_a_pause_that_waits_for_a_person() -> None:
    world = slow(WAITING)
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    world.ask("resume/1")
    advance(world, lambda w: stable_sha(w) == NEW_SHA)


def test_a_canary_that_waits_for_a_person_is_watched() -> None:
    world = slow(WAITING, analysis=ANALYSIS)
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    plan = world.step()
    assert plan.requeue_after is not None and plan.requeue_after <= 2
    world.error_rate = 0.5
    told = advance(world, lambda w: w.deployment.status.canary is None)
    assert told == ["RolledBack"]


def test_resume_gives_an_undecided_analysis_another_chance() -> None:
    world = slow([{"setWeight": 50}, {"pause": {"duration": "3s"}}], analysis=ANALYSIS)
    world.requests_per_pass = 0
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.paused == "AnalysisUndecided")
    assert world.seconds > 33
    world.ask("resume/1")
    world.step()
    assert world.steps(3) == []
    world.requests_per_pass = 40
    advance(world, lambda w: stable_sha(w) == NEW_SHA)


def test_what_people_ask_in_vain_is_told_once() -> None:
    world = serving()
    for request, told in (("promote/1", "NothingToDo"), ("undoo/2", "UnknownRequest")):
        world.ask(request)
        assert world.steps(3) == [told]
    world.wish(NEW_SHA)
    world.steps(3)
    world.ask("resume/3")
    assert "NothingToDo" in world.steps(1)


def following(number: int = 1, sha: str = "a" * 64) -> World:
    world = World(model={"trainingRef": {"name": "flights"}})
    world.train(number, sha)
    world.settle()
    return world


def test_a_version_on_trial_goes_on_when_its_training_is_deleted() -> None:
    world = following()
    world.train(2, NEW_SHA)
    world.steps(3)
    assert world.deployment.status.canary is not None
    world.training = None
    world.settle()
    assert stable_sha(world) == NEW_SHA
    world.change(serving={"resources": {"requests": {"cpu": "1"}}})
    world.settle()
    live = world.workloads[stable_revision(world)]
    server = live["spec"]["template"]["spec"]["containers"][0]
    assert server["resources"] == {"requests": {"cpu": "1"}} and stable_sha(world) == NEW_SHA


@pytest.mark.parametrize("on_new", ["Finish", "Restart"])
def test_a_newer_version_in_mid_canary(on_new: str) -> None:
    world = following()
    rollout = {**world.deployment.spec.rollout.to_json(), "onNewVersion": on_new}
    world.change(rollout=rollout)
    world.train(2, "b" * 64)
    world.steps(4)
    world.train(3, "c" * 64)
    world.train(4, "d" * 64)
    served = []
    for _ in range(200):
        world.step()
        if not served or served[-1] != stable_sha(world)[0]:
            served.append(stable_sha(world)[0])
    assert served == (["a", "b", "d"] if on_new == "Finish" else ["a", "d"])


def test_scaled_to_zero_a_new_version_replaces_without_a_canary_and_back_it_serves() -> None:
    world = serving()
    world.change(replicas=0)
    world.settle()
    found = conditions(world.step())
    assert found["Ready"] == ("True", "ScaledToZero") and found["Reconciling"][0] == "False"
    world.wish(NEW_SHA)
    world.settle()
    assert stable_sha(world) == NEW_SHA and sizes(world) == [0, 0]
    world.change(replicas=2)
    world.settle()
    assert sizes(world) == [0, 2] and conditions(world.step())["Ready"] == ("True", "Serving")


def test_an_autoscaler_scales_by_the_spec_and_hands_on_children_are_put_back() -> None:
    world = World(rollout={"canary": {"steps": [{"setWeight": 25}, {"pause": {}}]}}, replicas=1)
    world.settle()
    world.change(replicas=8)
    world.settle()
    world.wish(NEW_SHA)
    world.settle()
    assert sizes(world) == [6, 2] and weight(world) == (25, 25)
    world.scale_child(stable_revision(world), 1)
    world.settle()
    world.change(replicas=4)
    world.settle()
    assert sizes(world) == [3, 1] and weight(world) == (25, 25)
    world.ask("promote/1")
    world.settle()
    assert stable_sha(world) == NEW_SHA and sizes(world) == [0, 4]


def test_a_service_deleted_by_hand_is_put_back() -> None:
    world = serving()
    world.settle()
    world.service = None
    world.settle()
    assert world.selected() == [stable_revision(world)]


def test_a_store_out_of_reach_is_not_the_versions_fault() -> None:
    world = slow([{"setWeight": 50}], progressDeadline="9s")
    world.broken[NEW_SHA] = "store"
    world.wish(NEW_SHA)
    told = advance(world, lambda w: w.seconds > 60)
    assert told.count("ArtifactUnavailable") >= 3 and not world.deployment.status.rejected
    del world.broken[NEW_SHA]
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_a_model_that_cannot_be_loaded_is_rolled_back_at_once() -> None:
    world = slow([{"setWeight": 50}])
    world.broken[NEW_SHA] = "crash"
    world.wish(NEW_SHA)
    told = advance(world, lambda w: bool(w.deployment.status.rejected))
    assert told == ["CanaryStarted", "RolledBack"] and world.seconds < 10
    found = conditions(world.step())
    assert found["Stalled"] == ("True", "ModelInvalid") and found["Available"][0] == "True"


def undone(replicas: int = 4, **more: Any) -> World:
    """Return a world that serves b after a, at rest."""
    world = slow([{"setWeight": 50}, {"pause": {"duration": "3s"}}], replicas=replicas, **more)
    world.wish(NEW_SHA)
    world.settle()
    assert stable_sha(world) == NEW_SHA
    return world


def test_undo_goes_back_at_once_with_capacity_before_traffic() -> None:
    world = undone()
    new, (old,) = stable_revision(world), set(world.workloads) - {stable_revision(world)}
    made = world.workloads[old]["spec"]["template"]
    world.ask("undo/1")
    world.step()
    assert sizes(world) == [4, 4] and world.selected() == [new]
    found = conditions(world.step())
    assert found["RolledOut"] == ("False", "Undoing") and found["Ready"][0] == "True"
    began = world.seconds
    told = advance(world, lambda w: w.selected() == [old])
    assert told == ["CanaryPromoted", "Undone"] and world.seconds - began < 10
    world.settle()
    assert world.running() == [old] and world.workloads[old]["spec"]["template"] == made
    (rejected,) = world.deployment.status.rejected
    assert (rejected.revision, rejected.reason) == (new, "Undone")


def test_the_spec_that_names_what_was_undone_is_told_what_to_do() -> None:
    world = undone()
    world.ask("undo/1")
    world.settle()
    plan = world.step()
    found = conditions(plan)
    assert found["Stalled"] == ("True", "Undone") and found["Available"][0] == "True"
    told = {c.type: c.message for c in plan.status.conditions}["Stalled"]  # type: ignore[union-attr]
    assert told.endswith("undone by undo/1; change it or ask for retry")
    world.ask("retry/2")
    told = advance(world, lambda w: stable_sha(w) == NEW_SHA)
    assert told == ["RetryAllowed", "CanaryStarted", "WeightSet", "CanaryPromoted"]


def test_what_was_undone_is_not_followed_but_the_next_version_is() -> None:
    world = following()
    world.train(2, NEW_SHA)
    world.settle()
    world.ask("undo/1")
    world.settle()
    found = conditions(world.step())
    assert stable_sha(world) == "a" * 64
    assert found["Ready"] == ("True", "RolledBack") and found["Stalled"][0] == "False"
    world.train(3, "c" * 64)
    world.settle()
    assert stable_sha(world) == "c" * 64


def test_undo_restores_the_settings_too() -> None:
    world = slow([{"setWeight": 50}])
    old = stable_revision(world)
    world.change(serving={"resources": {"requests": {"cpu": "1"}}})
    world.settle()
    assert stable_revision(world) != old
    world.ask("undo/1")
    world.settle()
    assert stable_revision(world) == old and world.running() == [old]
    server = world.workloads[old]["spec"]["template"]["spec"]["containers"][0]
    assert server["resources"] != {"requests": {"cpu": "1"}}


def test_undo_of_a_canary_under_way_ends_it() -> None:
    world = slow(WAITING)
    old = stable_revision(world)
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    world.ask("undo/1")
    world.settle()
    assert world.running() == [old]
    assert [r.reason for r in world.deployment.status.rejected] == ["Undone"]


def test_an_undo_that_cannot_get_ready_leaves_what_serves() -> None:
    world = undone(progressDeadline="9s")
    new = stable_revision(world)
    world.broken["a" * 64] = "silent"
    world.ask("undo/1")
    assert world.steps(1) == ["UndoStarted"]
    assert advance(world, lambda w: w.deployment.status.canary is None) == ["RolledBack"]
    world.settle()
    found = conditions(world.step())
    assert world.running() == [new] and found["Ready"] == ("True", "Serving")
    assert found["Stalled"][0] == "False"
    world.ask("undo/2")
    assert world.steps(2) == ["NothingToDo"]  # what it would go back to was rejected


@pytest.mark.parametrize(("verb", "told"), [("abort", "UndoAborted"), ("retry", "RetryAllowed")])
def test_an_undo_under_way_can_be_taken_back(verb: str, told: str) -> None:
    world = undone()
    new = stable_revision(world)
    world.ask("undo/1")
    assert world.steps(1) == ["UndoStarted"]
    world.ask("undo/2")
    assert world.steps(1) == ["NothingToDo"]
    world.ask(f"{verb}/3")
    assert world.steps(1) == [told]
    world.settle()
    assert world.running() == [new] and not world.deployment.status.rejected
    world.ask("undo/4")
    world.settle()
    assert stable_sha(world) == "a" * 64


def test_undo_twice_does_not_come_back_to_what_was_undone() -> None:
    world = undone()
    world.ask("undo/1")
    world.settle()
    world.ask("undo/2")
    assert world.steps(3) == ["NothingToDo"] and stable_sha(world) == "a" * 64


def test_without_an_earlier_version_undo_says_so() -> None:
    world = serving()
    world.ask("undo/1")
    plan = world.step()
    assert [(e.reason, e.message) for e in plan.events] == [
        ("NothingToDo", "undo: no earlier version is known")
    ]


def test_what_undo_needs_survives_a_lost_status_and_is_not_asked_twice() -> None:
    world = undone()
    world.lose_status()
    world.settle()
    world.ask("undo/1")
    world.settle()
    assert stable_sha(world) == "a" * 64
    world.lose_status()
    world.change(model={"artifact": {"uri": "s3://models/a/", "sha256": "a" * 64}})
    world.settle()
    assert stable_sha(world) == "a" * 64


@pytest.mark.parametrize(
    ("reason", "who", "tried"),
    [
        ("RolledBack", "flights", False),
        ("RolledBack", "another", True),
        ("Promoted", "flights", True),
    ],
)
def test_a_version_that_was_rolled_back_is_not_tried_again_for_want_of_a_status(
    reason: str, who: str, tried: bool
) -> None:
    world = following()
    world.train(2, NEW_SHA)
    outcome = {"reason": reason, "deployment": who, "message": f"{who}: too slow"}
    world.version = version(2, NEW_SHA, outcome=outcome)
    world.lose_status()
    world.settle()
    assert stable_sha(world) == (NEW_SHA if tried else "a" * 64)
    if not tried:
        (rejected,) = world.deployment.status.rejected
        assert (rejected.version, rejected.message) == ("flights-2", "flights: too slow")
        world.ask("retry/1")
        world.settle()
        assert stable_sha(world) == NEW_SHA


def test_a_version_that_serves_is_not_rejected_for_what_its_record_tells() -> None:
    world = following()
    world.version = version(1, outcome={"reason": "RolledBack", "deployment": "flights"})
    world.lose_status()
    world.settle()
    assert not world.deployment.status.rejected


def test_undo_while_scaled_to_zero() -> None:
    world = undone()
    world.change(replicas=0)
    world.settle()
    world.ask("undo/1")
    world.settle()
    assert stable_sha(world) == "a" * 64
    world.change(replicas=2)
    world.settle()
    assert world.running() == [stable_revision(world)] and stable_sha(world) == "a" * 64


def test_a_step_is_called_by_its_name_and_renaming_it_begins_nothing_anew() -> None:
    world = slow([{"setWeight": 25}, {"pause": {}, "name": "look"}])
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    world.step()
    printed = world.deployment.status.printed
    assert printed is not None and (printed.step, printed.weight) == ("look", "25/25")
    steps = [{"setWeight": 25}, {"pause": {}}]
    world.change(rollout={**world.deployment.spec.rollout.to_json(), "canary": {"steps": steps}})
    world.steps(2)
    printed = world.deployment.status.printed
    assert printed is not None and (printed.step, printed.weight) == ("2/2", "25/25")


def test_a_rollout_that_nobody_ends_goes_back_and_is_not_refuted() -> None:
    world = slow(WAITING, deadline="10m")
    old = stable_revision(world)
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    plan = world.step()
    assert plan.requeue_after is not None and 590 < plan.requeue_after < 610
    world.seconds += plan.requeue_after
    world.step()
    world.settle()
    assert world.running() == [old] and stable_revision(world) == old
    found = conditions(world.step())
    assert found["Stalled"] == ("True", "DeadlineExceeded") and found["Available"][0] == "True"
    world.ask("retry/1")
    advance(world, lambda w: w.deployment.status.canary is not None)
    world.wish("c" * 64)  # a newer one is tried
    advance(world, lambda w: weight(w)[0] == 50)


def test_refresh_moves_onto_the_newest_image_by_the_rollouts_own_steps() -> None:
    world = slow(WAITING)
    old = stable_revision(world)
    world.upgrade(serving_image="perennial/serving:next")
    world.settle()
    assert list(world.workloads) == [old]
    assert world.deployment.status.serving_image_outdated
    world.ask("refresh/1")
    told = advance(world, lambda w: bool(w.deployment.status.paused))
    assert told[:2] == ["RefreshStarted", "CanaryStarted"]
    canary = world.deployment.status.canary
    assert canary is not None and canary.revision == old.removesuffix("-1") + "-2"
    world.ask("promote/2")
    world.settle()
    assert stable_revision(world) == canary.revision
    server = world.workloads[canary.revision]["spec"]["template"]["spec"]["containers"][0]
    assert server["image"] == "perennial/serving:next"
    assert not world.deployment.status.serving_image_outdated
    world.ask("undo/3")
    world.settle()
    assert stable_revision(world) == old
    found = conditions(world.step())
    assert found["RolledOut"] == ("False", "Undone")


@pytest.mark.parametrize("cut", range(4))
def test_a_refresh_that_is_killed_is_one_refresh(cut: int) -> None:
    world = serving()
    world.ask("refresh/1")
    for _ in range(6):
        world.step(cut)
    world.settle()
    assert len(world.records) == 2 and stable_revision(world).endswith("-2")


def test_records_that_nobody_names_are_kept_for_a_while() -> None:
    world = serving()
    for n in range(15):
        world.wish(f"{n:064x}")
        world.settle()
    assert len(world.records) == 2 + 10 and stable_sha(world) == f"{14:064x}"
    world.wish(f"{0:064x}")
    world.settle()
    assert stable_sha(world) == f"{0:064x}"


def test_receipts_without_a_key_are_told_and_nothing_else_changes() -> None:
    world = serving()
    why = no_key("flights", "secrets is forbidden")
    snapshot = replace(world.snapshot(), no_receipts=why)
    found = conditions(plan_deployment(snapshot))
    assert found["Ready"] == ("True", "NoReceiptKey") and found["Stalled"][0] == "False"
