"""A rollout in a hostile world: refused writes, pods that come and go, answers that are missing.

Which kind of fault each is about is told in docs/faults.md.
"""

import re
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from api_server import Refusal
from builders import NOW, conditions
from rollout_world import REVISION, World
from test_rollout import (
    ANALYSIS,
    NEW_SHA,
    WAITING,
    advance,
    following,
    lowering,
    serving,
    slow,
    stable_revision,
    stable_sha,
    undone,
    weight,
)

import perennial.plan.serving.template
from perennial.plan.core import lowers
from perennial.plan.core.questions import Answers
from perennial.plan.rollout import plan_deployment

OTHER_SHA = "c" * 64
SENTENCE = 'Deployment.apps "x" is invalid: metadata.labels: Invalid value: "Team A"'
HALF = [{"setWeight": 50}, {"pause": {"duration": "5s"}}]


def message(world: World, type: str) -> str:
    return next(c.message for c in world.deployment.status.conditions if c.type == type)


def reasons(world: World) -> list[str]:
    return [event.reason for event in world.told]


def canary_revision(world: World) -> str:
    canary = world.deployment.status.canary
    assert canary is not None
    return canary.revision


# A1: a refused write is told, blocks nothing else, and the status is always written.


def test_a_refused_canary_is_told_and_stable_is_scaled_all_the_same() -> None:
    world = slow(WAITING, replicas=2)
    world.refused["canary"] = Refusal(422, SENTENCE)
    world.wish(NEW_SHA)
    world.steps(4)
    world.change(replicas=4)
    for _ in range(8):
        plan = world.step()
        world.grow(1)
    assert world.ready(stable_revision(world)) == 4
    assert plan.requeue_after is not None
    found = {c.type: (c.status, c.reason) for c in world.deployment.status.conditions}
    assert found["Stalled"] == ("True", "WriteRefused") and found["Ready"][0] == "False"
    assert found["Available"][0] == "True" and SENTENCE in message(world, "Stalled")
    assert any(SENTENCE in e.message and e.type == "Warning" for e in world.told)
    del world.refused["canary"]
    advance(world, lambda w: bool(w.deployment.status.paused))
    world.step()
    assert conditions(world.step())["Stalled"][0] == "False"


def test_a_refused_record_is_told_and_holds_up_no_scaling() -> None:
    world = slow(HALF, replicas=2)
    old = stable_revision(world)
    world.refused["ControllerRevision"] = Refusal(403, SENTENCE)
    world.wish(NEW_SHA)
    work(world, 20)
    world.change(replicas=4)
    work(world, 8)
    found = {c.type: (c.status, c.reason) for c in world.deployment.status.conditions}
    assert found["Stalled"] == ("True", "WriteRefused") and SENTENCE in message(world, "Stalled")
    assert stable_revision(world) == old and world.ready(old) == 4
    world.refused.clear()
    world.settle()
    assert stable_sha(world) == NEW_SHA and conditions(world.step())["Stalled"][0] == "False"


@pytest.mark.parametrize("status", [400, 403, 409, 422, 429, 500, 503])
@pytest.mark.parametrize("what", ["Service", "stable"])
def test_the_status_tells_the_cause_of_every_refusal(status: int, what: str) -> None:
    world = World()
    world.refused[what] = Refusal(status, SENTENCE)
    world.steps(3)
    told = [c for c in world.deployment.status.conditions if SENTENCE in c.message]
    assert told and world.deployment.status.observed_generation == 1
    # What passes by itself is no failure of the object.
    passes = status in (409, 429, 500, 503)
    assert {c.type for c in told} & {"Stalled", "Reconciling"} == {
        "Reconciling" if passes else "Stalled"
    }
    others = {"Service": world.workloads, "stable": world.service}
    assert others[what], "the other write was not done"
    world.refused.clear()
    world.settle()
    assert conditions(world.step())["Ready"] == ("True", "Serving")


# A3: who does not answer is counted.


@pytest.mark.parametrize("silent", [{"canary"}, {"canary", "stable"}])
def test_pods_that_do_not_answer_are_unreachable_not_idle(silent: set[str]) -> None:
    world = serving(ANALYSIS)
    world.silent = silent
    world.wish(NEW_SHA)
    world.steps(200)
    assert stable_sha(world) != NEW_SHA
    assert conditions(world.step())["RolledOut"] == ("False", "Unreachable")
    # Where stable's pods are silent, too, it is not the canary's fault.
    assert bool(world.deployment.status.rejected) == (silent == {"canary"})
    world.silent = set()
    world.ask("resume/1" if "stable" in silent else "retry/1")
    world.steps(60)
    assert stable_sha(world) == NEW_SHA


def test_a_canary_that_falls_silent_goes_back() -> None:
    world = serving(ANALYSIS)
    world.wish(NEW_SHA)
    advance(world, lambda w: weight(w)[0] == 50)
    world.silent = {"canary"}
    told = advance(world, lambda w: w.deployment.status.canary is None)
    assert told == ["RolledBack"] and world.deployment.status.rejected[0].reason == "Unreachable"


def test_where_stable_cannot_be_asked_nothing_is_compared_and_nothing_passes() -> None:
    world = serving({"waitAtMost": "20s", "planned": 40})
    world.wish(NEW_SHA)
    advance(world, lambda w: len(w.selected()) == 2)
    world.silent = {"stable"}
    advance(world, lambda w: w.deployment.status.paused == "AnalysisUndecided")
    found = world.deployment.status.analysis
    assert found is not None and {m.verdict for m in found.metrics} == {"NotComparable"}
    assert "stable can be asked" in message(world, "RolledOut")


# A4: what was decided is recorded.


def test_stable_deleted_by_hand_comes_back_as_it_was() -> None:
    world = slow(HALF)
    old = stable_revision(world)
    made = world.workloads[old]["spec"]["template"]
    world.change(serving={"resources": {"requests": {"cpu": "64"}}})
    advance(world, lambda w: w.deployment.status.canary is not None)
    world.ask("abort/1")
    world.settle()
    del world.workloads[old]
    world.settle()
    assert world.workloads[old]["spec"]["template"] == made


def test_an_upgrade_of_the_chart_restarts_nobody() -> None:
    world = following()
    old = stable_revision(world)
    before = world.workloads[old]["spec"]["template"]
    news = {"serving_image": "perennial/serving:next", "image_pull_policy": "Always"}
    world.upgrade(**news, image_pull_secrets=("registry",), store_secret="another")
    world.settle()
    assert world.workloads[old]["spec"]["template"] == before and list(world.workloads) == [old]
    world.train(2, NEW_SHA)
    world.settle()
    pod = world.workloads[stable_revision(world)]["spec"]["template"]["spec"]
    assert pod["imagePullSecrets"] == [{"name": "registry"}]


def test_an_operator_that_makes_other_pods_restarts_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = slow(HALF)
    old = stable_revision(world)
    before = world.workloads[old]["spec"]["template"]
    made = perennial.plan.serving.template._template

    def other(*arguments: Any) -> Any:
        template = made(*arguments)
        template["spec"]["containers"][0]["livenessProbe"]["failureThreshold"] = 99
        return template

    monkeypatch.setattr(perennial.plan.serving.template, "_template", other)
    world.change(replicas=3)
    world.settle()
    assert world.workloads[old]["spec"]["template"] == before and world.ready(old) == 3
    del world.workloads[old]
    world.settle()
    assert world.workloads[old]["spec"]["template"] == before
    world.wish(NEW_SHA)
    world.settle()
    new = world.workloads[stable_revision(world)]["spec"]["template"]["spec"]["containers"][0]
    assert new["livenessProbe"]["failureThreshold"] == 99


def test_a_deleted_training_moves_no_log() -> None:
    world = World(model={"trainingRef": {"name": "flights"}}, serving={"requestLog": {}})
    world.train(1, "a" * 64, store={"uri": "s3://theirs", "secretRef": {"name": "key"}})
    world.settle()
    world.training = None
    world.change(serving={"requestLog": {}, "resources": {"requests": {"cpu": "1"}}})
    world.settle()
    ship = world.workloads[stable_revision(world)]["spec"]["template"]["spec"]["initContainers"][1]
    assert {"name": "PERENNIAL_LOG_URI", "value": "s3://theirs/logs/team/flights"} in ship["env"]
    assert {"name": "log-store", "mountPath": "/perennial-secrets/store", "readOnly": True} in ship[
        "volumeMounts"
    ]


# A5: blame.


@pytest.mark.parametrize("how", ["node", "quota", "image", "secret", "controllers"])
def test_what_the_cluster_lacks_is_told_and_never_rejects_a_version(how: str) -> None:
    world = slow(HALF, progressDeadline="40s")
    world.broken[NEW_SHA] = how
    world.wish(NEW_SHA)
    advance(world, lambda w: w.seconds > 100)
    assert not world.deployment.status.rejected
    words = {"node": "Insufficient cpu", "quota": "exceeded quota", "image": "ImagePullBackOff"}
    words["controllers"] = "kube-controller-manager"
    assert words.get(how, "Secret") in message(world, "RolledOut")
    del world.broken[NEW_SHA]
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_a_newer_version_takes_the_place_of_one_that_waits_for_the_cluster() -> None:
    world = following()
    world.broken[NEW_SHA] = "quota"
    world.train(2, NEW_SHA)
    world.steps(10)
    world.train(3, OTHER_SHA)
    advance(world, lambda w: stable_sha(w) == OTHER_SHA)


def test_a_newer_version_does_not_wait_for_a_long_try_to_end() -> None:
    world = following()
    world.change(rollout={"canary": {"steps": HALF}, "progressDeadline": "40s"})
    world.settle()
    world.broken[NEW_SHA] = "quota"
    world.train(2, NEW_SHA)
    advance(world, lambda w: reasons(w).count("CanaryStarted") == 4)
    work(world, 45)
    world.train(3, OTHER_SHA)
    began = world.seconds
    advance(world, lambda w: stable_sha(w) == OTHER_SHA)
    assert world.seconds - began < 40


CLUSTERS = ("node", "quota", "image", "secret", "controllers")


def work(world: World, passes: int, pods: int = 1) -> None:
    """Let operator and pods go on for so many seconds."""
    for _ in range(passes):
        world.step()
        world.grow(pods)


@pytest.mark.parametrize("how", [*CLUSTERS, "store"])
def test_time_to_become_ready_begins_when_the_cluster_no_longer_hinders(how: str) -> None:
    world = slow(HALF, progressDeadline="40s")
    world.broken[NEW_SHA] = how
    world.wish(NEW_SHA)
    work(world, 36)
    world.broken[NEW_SHA] = "silent"  # it has its image at last, and loads its model
    work(world, 30)
    assert not world.deployment.status.rejected
    del world.broken[NEW_SHA]
    world.settle()
    assert stable_sha(world) == NEW_SHA


@pytest.mark.parametrize("how", CLUSTERS)
def test_a_model_that_does_not_start_once_the_cluster_lets_it_is_rejected(how: str) -> None:
    world = slow(HALF, progressDeadline="40s")
    world.broken[NEW_SHA] = how
    world.wish(NEW_SHA)
    work(world, 36)
    world.broken[NEW_SHA] = "silent"
    work(world, 50)
    (rejected,) = world.deployment.status.rejected
    assert rejected.reason == "ProgressDeadlineExceeded"


def test_a_promotion_has_its_time_once_the_cluster_no_longer_hinders_it() -> None:
    world = slow([{"setWeight": 75}, {"pause": {"duration": "5s"}}], progressDeadline="40s")
    world.wish(NEW_SHA)
    advance(world, lambda w: weight(w)[0] == 75 and sum(map(w.ready, w.workloads)) == 4)
    world.room, world.tells_room = 4, True
    advance(world, lambda w: w.deployment.status.promoting)
    work(world, 36)
    world.room = 1000
    work(world, 30, pods=0)  # they have room, and start
    assert world.deployment.status.promoting and not world.deployment.status.rejected
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_a_first_start_has_its_time_once_the_cluster_no_longer_hinders_it() -> None:
    world = World(rollout={"canary": {"steps": HALF}, "progressDeadline": "40s"})
    world.broken["a" * 64] = "quota"
    world.steps(50)
    assert conditions(world.step())["Stalled"] == ("True", "PodsRefused")
    world.broken["a" * 64] = "memory"
    world.steps(10)
    assert conditions(world.step())["Stalled"][0] == "False"
    world.steps(40)
    assert conditions(world.step())["Stalled"] == ("True", "CrashLoop")


def test_what_the_cluster_hinders_is_tried_again_with_growing_gaps() -> None:
    world = slow(HALF, progressDeadline="40s")
    world.broken[NEW_SHA] = "node"
    world.wish(NEW_SHA)
    tries: list[float] = []
    announced: set[float] = set()
    for _ in range(3000):
        tries += [world.seconds for e in world.step().events if e.reason == "CanaryStarted"]
        for told in re.findall(r"tried again at (\S+)Z", message(world, "RolledOut")):
            announced.add((datetime.fromisoformat(f"{told}+00:00") - NOW).total_seconds())
    gaps = [b - a for a, b in pairwise(tries)]
    assert gaps[:4] == pytest.approx([40, 40, 80, 160], rel=0.2)
    assert gaps[4:] == pytest.approx([320] * len(gaps[4:]), rel=0.2) and len(gaps) > 7
    assert sorted(announced)[: len(gaps)] == pytest.approx(tries[1:], abs=5)
    assert not world.deployment.status.rejected
    del world.broken[NEW_SHA]
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_a_rollout_that_the_cluster_hinders_at_its_deadline_is_tried_again() -> None:
    world = slow(HALF, progressDeadline="40s", deadline="100s")
    world.broken[NEW_SHA] = "node"
    world.wish(NEW_SHA)
    world.steps(700)
    assert not world.deployment.status.rejected


# A6: what serves is protected, however little of it there is.


def test_with_three_of_four_pods_ready_a_new_version_has_a_canary() -> None:
    world = World(analysis=ANALYSIS, replicas=4)
    world.instant, world.room = False, 3
    for _ in range(10):
        world.step()
        world.grow(1)
    old, world.room, world.error_rate = stable_revision(world), 7, 1.0
    world.wish(NEW_SHA)
    for _ in range(60):
        world.step()
        world.grow(1)
    assert stable_revision(world) == old and world.ready(old)


def test_a_canary_under_way_waits_while_there_are_no_pods() -> None:
    world = serving(ANALYSIS)
    old = stable_sha(world)
    world.wish(NEW_SHA)
    world.steps(4)
    world.change(replicas=0)
    world.steps(10)
    assert stable_sha(world) == old
    assert all(live["spec"]["replicas"] == 0 for live in world.workloads.values())
    world.seconds += 7200
    world.change(replicas=2)
    world.settle()
    assert stable_sha(world) == NEW_SHA and not world.deployment.status.rejected


# A7: measured whenever there is traffic.


def test_errors_while_it_is_promoted_roll_a_canary_back() -> None:
    world = slow([{"setWeight": 25}, {"pause": {"duration": "5s"}}], analysis=ANALYSIS)
    world.wish(NEW_SHA)
    advance(world, lambda w: weight(w)[0] == 25)
    world.room = 5
    advance(world, lambda w: w.deployment.status.promoting)
    world.error_rate = 1.0
    for _ in range(40):
        world.step()
    world.room = 1000
    world.settle()
    assert stable_sha(world) != NEW_SHA


def test_errors_while_a_step_scales_roll_a_canary_back() -> None:
    steps = [{"setWeight": 25}, {"setWeight": 75}, {"pause": {"duration": "5s"}}]
    world = slow(steps, analysis=ANALYSIS)
    world.room = 5
    world.wish(NEW_SHA)
    advance(world, lambda w: weight(w)[0] == 25)
    world.error_rate = 1.0
    told = advance(world, lambda w: w.deployment.status.canary is None)
    assert told == ["RolledBack"] and world.seconds < 60


def test_errors_while_it_waits_for_stable_roll_a_canary_back() -> None:
    world = lowering(progressDeadline="9s", analysis=ANALYSIS)
    world.room = 4
    advance(world, lambda w: w.deployment.status.paused == "StableNotReady")
    world.error_rate = 1.0
    told = advance(world, lambda w: w.deployment.status.canary is None)
    assert told[-1] == "RolledBack"


def test_errors_after_an_hour_without_any_are_found_soon() -> None:
    world = slow(WAITING, analysis={})
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    world.steps(1800)
    began, world.error_rate = world.seconds, 0.2
    advance(world, lambda w: w.deployment.status.canary is None)
    assert world.seconds - began < 60


def test_a_model_that_refuses_everything_is_rolled_back_by_default() -> None:
    world = slow(HALF, analysis={})
    world.refusal_rate = 1.0
    world.wish(NEW_SHA)
    world.settle()
    assert stable_sha(world) != NEW_SHA
    (rejected,) = world.deployment.status.rejected
    assert rejected.reason == "AnalysisFailed" and "were refused" in rejected.message


def test_without_traffic_a_setting_decides_in_place_of_a_person() -> None:
    for undecided, stays in (("Pause", True), ("Promote", False)):
        world = slow(HALF, analysis={"waitAtMost": "20s", "undecided": undecided})
        world.requests_per_pass = 0
        world.wish(NEW_SHA)
        world.settle()
        assert (stable_sha(world) != NEW_SHA) == stays
        assert ("PromotedUndecided" in reasons(world)) != stays


def test_what_is_suspected_is_not_promoted_for_want_of_a_verdict() -> None:
    rate = {"name": "errors", "errorRate": {"maximum": 0.1}}
    analysis = {"waitAtMost": "300s", "undecided": "Promote", "alpha": 1e-9, "metrics": [rate]}
    world = slow(HALF, analysis={**analysis, "planned": 100_000})
    world.wish(NEW_SHA)
    advance(world, lambda w: weight(w)[0] == 50)
    world.error_rate = 0.15

    def suspected(w: World) -> bool:
        found = w.deployment.status.analysis
        return found is not None and found.metrics[0].suspected

    advance(world, suspected)
    world.requests_per_pass = 0
    world.settle()
    assert world.deployment.status.paused == "AnalysisUndecided"


def test_a_metric_that_is_observed_has_no_vote() -> None:
    seen = {"name": "errors", "errorRate": {"maximum": 0.01}, "mode": "Observe"}
    world = slow(HALF, analysis={"metrics": [seen]})
    world.error_rate = 1.0
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.promoting)
    found = world.deployment.status.analysis
    assert found is not None and found.metrics[0].verdict == "Failed"
    world.settle()
    assert stable_sha(world) == NEW_SHA


@pytest.mark.parametrize("cuts", [(0, 99), (1, 0, 99), (0, 0, 0, 99)])
def test_killed_anywhere_no_answer_is_counted_twice(cuts: tuple[int, ...]) -> None:
    world = slow(WAITING, analysis={})
    world.wish(NEW_SHA)
    for number in range(200):
        world.step(cuts[number % len(cuts)])
        world.grow(1)
    found = world.deployment.status.analysis
    assert found is not None and found.metrics[0].requests > 100
    assert found.metrics[0].requests <= world.requests_of(canary_revision(world))


# A8: every rollout ends, and a newer wanted revision is always tried.


def test_readiness_that_flaps_does_not_hold_a_rollout_up_for_ever() -> None:
    world = slow([{"setWeight": 50}, {"pause": {"duration": "30s"}}], progressDeadline="60s")
    world.wish(NEW_SHA)
    for look in range(600):
        world.step()
        world.grow(4)
        if look % 20 == 0 and world.deployment.status.canary is not None:
            world.crash(canary_revision(world))
    assert world.deployment.status.canary is None


def test_time_in_which_the_weight_is_in_force_counts() -> None:
    world = slow([{"setWeight": 50}, {"pause": {"duration": "30s"}}], progressDeadline="60s")
    world.wish(NEW_SHA)
    advance(world, lambda w: weight(w)[0] == 50)
    began = world.seconds
    work(world, 20)
    world.broken[NEW_SHA] = "silent"
    world.crash(canary_revision(world))
    work(world, 40)
    del world.broken[NEW_SHA]
    advance(world, lambda w: w.deployment.status.promoting)
    assert 68 <= world.seconds - began <= 76


def test_a_pause_takes_no_time_while_a_hand_turns_the_service() -> None:
    world = slow([{"setWeight": 50}, {"pause": {"duration": "30s"}}])
    world.wish(NEW_SHA)
    advance(world, lambda w: weight(w)[0] == 50)
    began, world.service = world.seconds, None
    world.refused["Service"] = Refusal(403, "no")
    work(world, 40)
    assert sum(map(world.ready, world.workloads)) == 8
    world.refused.clear()
    advance(world, lambda w: w.deployment.status.promoting)
    assert 68 <= world.seconds - began <= 76


def test_an_autoscaler_between_four_and_five_does_not_begin_the_pause_anew() -> None:
    world = slow([{"setWeight": 50}, {"pause": {"duration": "60s"}}])
    world.wish(NEW_SHA)
    advance(world, lambda w: weight(w)[0] == 50)
    began = world.seconds
    for look in range(1, 200):
        world.step()
        if look % 10 == 0:
            world.change(replicas=5 if world.replicas == 4 else 4)
        if look % 4 == 0:
            world.grow(1)
        if world.deployment.status.canary is None:
            break
    assert stable_sha(world) == NEW_SHA and world.seconds - began < 150


@pytest.mark.parametrize("steps", [HALF, [{"setWeight": 0}, {"setWeight": 100}]])
def test_what_was_taken_back_and_serves_on_is_told_and_a_fix_replaces_it(
    steps: list[Any],
) -> None:
    world = slow([{"setWeight": 75}, {"pause": {}}], progressDeadline="40s")
    old = stable_revision(world)
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    world.steps(3)
    bad = canary_revision(world)
    world.broken["a" * 64] = "silent"
    world.crash(old)
    world.ask("abort/1")
    work(world, 60)
    found = conditions(world.step())
    assert found["Stalled"] == ("True", "StableNotReady") and found["Reconciling"][0] == "False"
    shares = {r.revision: (r.role, r.share) for r in world.deployment.status.revisions}
    role, share = shares[bad]
    assert role == "Failed" and share is not None and share.actual == 100
    rollout = {**world.deployment.spec.rollout.to_json(), "canary": {"steps": steps}}
    world.change(rollout=rollout)
    world.wish(OTHER_SHA)
    advance(world, lambda w: stable_sha(w) == OTHER_SHA)
    world.broken.clear()
    world.settle()
    assert world.running() == [stable_revision(world)]


def test_a_fix_has_a_pod_though_what_was_taken_back_holds_the_whole_budget() -> None:
    world = slow([{"setWeight": 100}, {"pause": {}}], maxSurge=1)
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    world.broken["a" * 64] = "silent"
    world.crash(stable_revision(world))
    world.ask("abort/1")
    work(world, 5)
    rollout = {**world.deployment.spec.rollout.to_json(), "canary": {"steps": HALF}}
    world.change(rollout=rollout)
    world.wish(OTHER_SHA)
    advance(world, lambda w: weight(w)[1] > 0)
    world.ask("promote/2")
    world.ask("promote/3")
    work(world, 3)
    world.ask("promote/4")
    advance(world, lambda w: stable_sha(w) == OTHER_SHA)


def test_a_fix_is_tried_though_stable_cannot_start() -> None:
    world = slow([{"setWeight": 100}, {"pause": {"duration": "60s"}}])
    world.wish(NEW_SHA)
    advance(world, lambda w: weight(w)[0] == 100)
    world.room = 4
    world.broken["a" * 64] = "silent"
    world.crash(stable_revision(world))
    world.ask("abort/1")
    world.steps(20)
    world.wish(OTHER_SHA)
    world.room = 8
    advance(world, lambda w: stable_sha(w) == OTHER_SHA)


def test_stable_has_traffic_again_only_once_it_has_its_pods_again() -> None:
    both = {"pause": {"duration": "5s"}}
    world = slow([{"setWeight": 100}, both, {"setWeight": 50}, both], progressDeadline="40s")
    world.wish(NEW_SHA)
    advance(world, lambda w: weight(w)[0] == 100)
    world.broken["a" * 64] = "silent"
    world.crash(stable_revision(world))
    advance(world, lambda w: w.deployment.status.paused == "StableNotReady")
    assert world.selected() == [canary_revision(world)]
    del world.broken["a" * 64]
    world.ask("resume/1")
    advance(world, lambda w: weight(w)[0] == 50)


# A9, A24: what the spec says now is read as it is.


def test_fewer_steps_in_mid_canary_begin_the_canary_anew() -> None:
    world = slow([{"setWeight": 25}, {"setWeight": 50}, {"pause": {}}])
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    canary = canary_revision(world)
    rollout = {**world.deployment.spec.rollout.to_json(), "canary": {"steps": [{"setWeight": 75}]}}
    world.change(rollout=rollout)
    world.step()
    assert canary_revision(world) == canary and world.ready(canary)
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_other_steps_in_mid_canary_begin_the_canary_anew() -> None:
    world = slow([{"setWeight": 25}, {"pause": {}}])
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    steps = [{"setWeight": 25}, {"pause": {"duration": "5s"}}, {"setWeight": 75}, {"pause": {}}]
    world.change(rollout={**world.deployment.spec.rollout.to_json(), "canary": {"steps": steps}})
    advance(world, lambda w: weight(w)[0] == 75)


# A10: a request is handled once.


def test_a_request_that_cannot_be_recorded_is_refused_and_told() -> None:
    world = slow([{"setWeight": 25}, {"pause": {}}, {"setWeight": 75}, {"pause": {}}])
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    world.ask("promote/" + "x" * 300)
    world.steps(20)
    assert weight(world)[0] == 25
    assert conditions(world.step())["Stalled"] == ("True", "RequestTooLong")
    world.ask("promote/1")
    advance(world, lambda w: weight(w)[0] == 75)


# A11: counters.


def test_what_is_slower_than_the_last_bucket_is_above_every_limit() -> None:
    slow = {"metrics": [{"name": "slow", "latency": {"maximum": "10m"}}]}
    world = serving(slow)
    world.seconds_each = 1.0  # the last bound is half a second
    world.wish(NEW_SHA)
    world.steps(60)
    assert stable_sha(world) != NEW_SHA


def test_a_canary_whose_pods_restart_between_looks_goes_on_and_has_no_negative_errors() -> None:
    world = serving(ANALYSIS)
    world.wish(NEW_SHA)
    for number in range(60):
        world.step()
        if number % 5 == 0 and world.deployment.status.canary is not None:
            world.restart(world.deployment.status.canary.revision)
        analysis = world.deployment.status.analysis
        for m in analysis.metrics if analysis is not None else ():
            assert m.value is None or 0 <= m.value <= 1
    assert stable_sha(world) == NEW_SHA


# A12: a status that can be stored.


def test_the_status_of_a_large_canary_can_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    world = serving(ANALYSIS)
    snapshot = world.snapshot

    def many() -> Any:
        from dataclasses import replace

        s = snapshot()
        if s.answers is None:
            return s
        pods = [
            replace(h, pod=f"p{n}-{h.revision}") for h in s.answers.received for n in range(300)
        ]
        asked = {r: tuple(h.pod for h in pods if h.revision == r) for r in s.answers.asked}
        return replace(s, answers=Answers(asked, s.answers.until, tuple(pods)))

    monkeypatch.setattr(world, "snapshot", many)
    world.wish(NEW_SHA)
    assert "CanaryPromoted" in world.steps(60)


# A13, A14: what is in force, and what is told of it.


def test_paused_holds_the_weight_in_force() -> None:
    world = slow([{"setWeight": 25}, {"pause": {"duration": "3s"}}, {"setWeight": 75}])
    world.wish(NEW_SHA)
    advance(world, lambda w: weight(w)[0] == 25)
    canary = canary_revision(world)
    advance(world, lambda w: w.workloads[canary]["spec"]["replicas"] == 3)
    world.ask("pause/1")
    for _ in range(20):
        world.step()
        world.grow(1)
    assert weight(world) == (25, 25)
    assert (world.ready(stable_revision(world)), world.ready(canary)) == (3, 1)


def test_the_share_that_is_told_is_the_share_that_there_is() -> None:
    world = slow(WAITING)
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    world.others = []
    world.workloads[stable_revision(world)]["status"]["readyReplicas"] = 1
    ready = world.ready(canary_revision(world))
    world.step()
    assert weight(world)[1] == round(100 * ready / (ready + 1)) > 50


# A16: a pod that ended takes no part.


def test_an_evicted_pod_does_not_cost_the_others() -> None:
    world = slow([{"setWeight": 75}, {"pause": {}}])
    world.wish(NEW_SHA)
    advance(world, lambda w: bool(w.deployment.status.paused))
    old = stable_revision(world)
    world.others = [
        {
            "metadata": {"name": "gone", "labels": {REVISION: old}},
            "status": {
                "phase": "Failed",
                "reason": "Evicted",
                "containerStatuses": [
                    {
                        "name": "server",
                        "state": {"terminated": {"exitCode": 137, "reason": "Error"}},
                    }
                ],
            },
        }
    ]
    world.ask("abort/1")
    world.step()
    assert len(world.selected()) == 2  # stable has one pod of four


# Two leaders: what the old one still does is taken back, and no request is lost.


@pytest.mark.parametrize("late", range(1, 5))
def test_what_an_old_leader_does_late_harms_nothing(late: int) -> None:
    world = slow(HALF, analysis=ANALYSIS)
    world.wish(NEW_SHA)
    stale = []
    for look in range(60):
        stale.append(plan_deployment(world.snapshot()))
        world.step()
        world.grow(1)
        if look % 7 == late:
            # Its status is refused, since the object has changed; its children are not.
            world.refused["status"] = Refusal(409, "changed")
            world.carry_out(stale[-late])
            world.refused.clear()
    world.settle()
    assert stable_sha(world) == NEW_SHA and world.running() == [stable_revision(world)]


def test_undo_in_a_full_cluster_says_what_it_waits_for() -> None:
    world = undone(progressDeadline="30s")
    world.room = 4
    world.ask("undo/1")
    world.settle()
    assert stable_sha(world) in (NEW_SHA, "a" * 64)
    assert world.deployment.status.conditions


def lowering_plan(world: World) -> tuple[Any, Any]:
    """Return the owner, and the first plan from now on that takes capacity away."""
    for _ in range(200):
        owner, plan = world.deployment, plan_deployment(world.snapshot())
        known = [(live, child) for child in plan.apply if (live := world.live(child)) is not None]
        if plan.delete or any(lowers(live, child) for live, child in known):
            return owner, plan
        world.step()
        world.grow(1)
    raise AssertionError("nothing is ever lowered")


@pytest.mark.parametrize("after", range(1, 40, 3))
@pytest.mark.parametrize("verb", ["abort", "promote"])
def test_what_an_old_leader_lowers_late_costs_no_capacity(verb: str, after: int) -> None:
    world = slow([{"setWeight": 75}, {"pause": {}}, {"setWeight": 100}, {"pause": {}}])
    for letter in "bc":
        world.wish(letter * 64)
        owner, late = lowering_plan(world)
        world.ask(f"{verb}/{letter}")
        work(world, after)
        world.carry_out(late, owner=owner)  # the world checks its capacity at each write
