"""What a new version must show before it has traffic: golden requests, and what others say."""

import json
from typing import Any

import pytest
from builders import SHA, conditions
from rollout_world import World
from test_rollout import NEW_SHA, advance, slow, stable_revision, stable_sha, weight

from perennial.plan.core.golden import Answered, difference, read
from perennial.plan.core.outside import AllowedUrl
from perennial.plan.rollout.before_traffic import UNDECIDED

STEPS = [{"setWeight": 50}, {"pause": {"duration": "5s"}}]
INPUT = {"name": "hour", "datatype": "FP32", "shape": [1], "data": [9]}


def request(name: str = "late", label: int = 1) -> dict[str, Any]:
    return {"name": name, "inputs": [INPUT], "expect": [{"name": "label", "data": [label]}]}


GOLDEN: dict[str, Any] = {"golden": {"requests": [request("late"), request("early")]}}
WEB: dict[str, Any] = {
    "web": [{"name": "approved", "url": "http://checks.team.svc/x", "minimum": 1,
             "interval": "5s", "failures": 1}]
}  # fmt: skip


def trying(before: dict[str, Any] = GOLDEN, **golden: Any) -> World:
    """Return a world in which a new version is tried; what models answer is by name of request."""
    world = slow(STEPS, beforeTraffic=before, progressDeadline="60s")
    world.upgrade(allowed_urls=(AllowedUrl("http://*.{namespace}.svc"),))
    world.golden[NEW_SHA] = golden
    world.wish(NEW_SHA)
    return world


def told(world: World) -> list[str]:
    return [event.reason for event in world.told]


def message(world: World, reason: str) -> str:
    return next(e.message for e in world.told if e.reason == reason)


def paused(world: World) -> str:
    return world.deployment.status.paused


def reject(world: World) -> bool:
    return bool(world.deployment.status.rejected)


def signature_passed(world: World) -> bool:
    found = world.deployment.status.signature
    return found is not None and found.passed


def seen_alone(world: World, passes: int = 60) -> None:
    """Let time pass, in which requests reach stable alone."""
    old = stable_revision(world)
    for _ in range(passes):
        world.step()
        world.grow(1)
        assert world.selected() == [old] and weight(world)[0] == 0


def test_a_version_that_answers_rightly_goes_on_and_its_evidence_begins_then() -> None:
    world = trying()
    world.settle()
    assert stable_sha(world) == NEW_SHA
    assert world.deployment.status.before_traffic is None


def test_one_that_answers_wrongly_is_rejected_and_no_user_has_seen_it() -> None:
    world = trying(early=0)
    old = stable_revision(world)
    advance(world, reject)
    assert world.answered.keys() == {old}
    (rejection,) = world.deployment.status.rejected
    assert rejection.reason == "GoldenRequestFailed"
    assert "early: " in rejection.message and "= 0, and 1 was expected" in rejection.message
    assert "late: " not in rejection.message
    world.settle()
    assert stable_sha(world) == SHA and world.answered.keys() == {old}


@pytest.mark.parametrize("status", [400, 500])
def test_so_is_one_that_refuses_what_stable_answers(status: int) -> None:
    world = trying(late=status)
    advance(world, reject)
    assert f"answered {status}: refused" in world.deployment.status.rejected[0].message


def test_a_request_that_stable_fails_too_is_told_and_does_not_count() -> None:
    world = trying(early=0)
    world.golden[SHA] = {"early": 0}
    world.settle()
    assert stable_sha(world) == NEW_SHA
    words = message(world, "GoldenRequestWrong")
    assert "do not count" in words and "early: " in words and "was expected" in words


def test_where_all_are_wrong_nothing_is_shown_and_a_person_decides() -> None:
    world = trying(late=0, early=0)
    world.golden[SHA] = {"late": 0, "early": 0}
    advance(world, lambda w: bool(paused(w)))
    assert paused(world) == UNDECIDED and not reject(world)
    found = conditions(world.step())
    assert found["Paused"] == ("True", UNDECIDED)
    assert "all golden requests are wrong" in message(world, "RolloutPaused")
    seen_alone(world)
    world.ask("promote/1")
    world.settle()
    assert stable_sha(world) == NEW_SHA and "BeforeTrafficAccepted" in told(world)


def test_one_that_stable_fails_and_the_new_one_answers_rightly_is_no_fault() -> None:
    world = trying()
    world.golden[SHA] = {"late": 0, "early": 0}
    world.settle()
    assert stable_sha(world) == NEW_SHA and "GoldenRequestWrong" not in told(world)


def test_a_canary_that_alone_does_not_answer_is_rejected_after_a_while() -> None:
    world = trying()
    advance(world, signature_passed)
    world.silent = {"canary"}
    seen_alone(world, 30)
    assert not reject(world)
    advance(world, reject)
    assert "did not answer its data port" in world.deployment.status.rejected[0].message


def test_where_neither_answers_it_is_nobodys_fault() -> None:
    world = trying()
    advance(world, lambda w: w.deployment.status.signature is not None
            and w.deployment.status.signature.passed)  # fmt: skip
    world.silent = {"canary", "stable"}
    advance(world, lambda w: bool(paused(w)))
    assert paused(world) == UNDECIDED and not reject(world)
    world.silent = set()
    world.ask("resume/1")
    world.settle()
    assert stable_sha(world) == NEW_SHA


@pytest.mark.parametrize("is_gone", [True, False])
def test_where_stable_does_not_say_what_it_makes_of_it_only_one_that_is_gone_is_left_out(
    is_gone: bool,
) -> None:
    world = trying(early=0)
    advance(world, signature_passed)
    world.silent = {"stable"}
    if is_gone:
        world.broken[SHA] = "silent"
    advance(world, lambda w: reject(w) or bool(paused(w)))
    assert reject(world) == is_gone and (is_gone or paused(world) == UNDECIDED)


def test_other_requests_end_the_wait_for_a_person() -> None:
    world = trying(late=0, early=0)
    world.golden[SHA] = {"late": 0, "early": 0}
    advance(world, lambda w: bool(paused(w)))
    right = {"golden": {"requests": [request("late", 0), request("early", 0)]}}
    world.change(rollout={**world.deployment.spec.rollout.to_json(), "beforeTraffic": right})
    world.settle()
    assert stable_sha(world) == NEW_SHA and not reject(world)


@pytest.mark.parametrize("before", [None, {"web": WEB["web"]}])
def test_so_does_asking_nothing_or_another_thing(before: dict[str, Any] | None) -> None:
    world = trying(late=0, early=0)
    world.golden[SHA] = {"late": 0, "early": 0}
    world.numbers["approved"] = 1.0
    advance(world, lambda w: bool(paused(w)))
    rollout = {**world.deployment.spec.rollout.to_json(), "beforeTraffic": before}
    world.change(rollout={key: value for key, value in rollout.items() if value is not None})
    world.settle()
    assert stable_sha(world) == NEW_SHA


@pytest.mark.parametrize("cut", range(6))
def test_killed_anywhere_it_finds_the_same(cut: int) -> None:
    for bad in (False, True):
        world = trying(**({"late": 0} if bad else {}))
        old = stable_revision(world)
        for n in range(120):
            world.step(cut=cut if n % 3 else 99)
            world.grow(1)
        world.settle()
        assert stable_sha(world) == (SHA if bad else NEW_SHA)
        if bad:
            assert world.answered.keys() == {old}


def test_going_back_to_what_has_pods_yet_asks_nothing() -> None:
    world = slow(STEPS, beforeTraffic=GOLDEN, keepReplaced="10m")
    world.wish(NEW_SHA)
    advance(world, lambda w: stable_sha(w) == NEW_SHA)
    world.golden[SHA] = {"late": 0}  # as if it had to show something
    world.wish(SHA)
    advance(world, lambda w: stable_sha(w) == SHA)
    assert not reject(world)


MAP = {"golden": {"configMap": {"name": "golden"}}}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "there is no ConfigMap golden"),
        ({}, "has no key requests.json"),
        ({"requests.json": "["}, "is no JSON"),
        ({"requests.json": "[" * 100_000}, "is no JSON"),
        ({"requests.json": "[]"}, "must hold 1 to 16 requests"),
        ({"requests.json": json.dumps([request(f"r{n}") for n in range(17)])}, "1 to 16"),
        ({"requests.json": json.dumps([request("a"), request("a")])}, "a name of its own"),
        ({"requests.json": json.dumps([{**request(), "inputs": [{}]}])}, "at 0.inputs.0.name"),
        ({"requests.json": "{}"}, "of ConfigMap golden, at"),
    ],
)
def test_requests_that_cannot_be_read_hold_it_back_and_say_why(data: Any, words: str) -> None:
    world = trying(MAP)
    world.golden_map = None if data is None else {"data": data}
    advance(world, lambda w: w.deployment.status.before_traffic is not None)
    found = world.deployment.status.before_traffic
    assert found is not None and words in found.message and not found.passed
    rolled = next(c for c in world.deployment.status.conditions if c.type == "RolledOut")
    assert words in rolled.message
    world.golden_map = {"data": {"requests.json": json.dumps([request()])}}
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_requests_of_a_config_map_that_never_comes_are_decided_by_a_person() -> None:
    world = trying(MAP)
    advance(world, lambda w: bool(paused(w)))
    assert paused(world) == UNDECIDED and "no ConfigMap golden" in message(world, "RolloutPaused")


def test_a_url_must_answer_once_before_there_is_traffic() -> None:
    world = trying({**GOLDEN, **WEB})
    world.numbers["approved"] = 1.0
    world.settle()
    assert stable_sha(world) == NEW_SHA
    assert world.asked_outside == ["http://checks.team.svc/x"]


def test_a_url_is_asked_again_and_again_before_it_fails() -> None:
    world = trying(WEB)
    world.numbers["approved"] = 0.0
    old = stable_revision(world)
    advance(world, reject)
    (rejection,) = world.deployment.status.rejected
    assert rejection.reason == "BeforeTrafficFailed"
    assert "approved: 2 of 2 measurements missed the minimum of 1" in rejection.message
    assert len(world.asked_outside) == 2 and world.answered.keys() == {old}


def test_a_url_that_does_not_answer_is_no_models_fault() -> None:
    world = trying(WEB)
    world.numbers["approved"] = None
    advance(world, lambda w: bool(paused(w)))
    assert paused(world) == UNDECIDED and not reject(world)
    assert "no number, 5 times in a row: it did not answer" in message(world, "RolloutPaused")
    world.numbers["approved"] = 1.0
    world.ask("resume/1")
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_a_url_that_the_chart_does_not_allow_is_not_asked_and_said_before_any_rollout() -> None:
    world = slow(STEPS, beforeTraffic=WEB)
    found = conditions(world.step())
    assert found["Stalled"] == ("True", "UrlNotAllowed") and found["Ready"][0] == "True"
    (stalled,) = [c for c in world.deployment.status.conditions if c.type == "Stalled"]
    assert "approved: the chart does not let namespace team ask" in stalled.message
    world.wish(NEW_SHA)
    seen_alone(world, 100)
    assert not world.asked_outside and not reject(world)
    world.upgrade(allowed_urls=(AllowedUrl("http://checks.team.svc"),))
    world.numbers["approved"] = 1.0
    world.settle()
    assert stable_sha(world) == NEW_SHA


@pytest.mark.parametrize(
    ("expected", "answer", "words"),
    [
        ([("y", [0.5])], {"y": [0.50001]}, ""),
        ([("y", [0.5])], {"y": [0.51]}, "has 'y'[0] = 0.51, and 0.5 was expected"),
        ([("y", [1000])], {"y": [1000.05]}, ""),
        ([("y", [0.5, 0.5])], {"y": [0.5]}, "has 1 values in 'y', and 2 were expected"),
        ([("y", [[1, 2], [3, 4]])], {"y": [1, 2, 3, 4]}, ""),
        ([("y", [1])], {"z": [1]}, "has no output 'y'"),
        ([("y", ["a"])], {"y": ["b"]}, "'b', and 'a' was expected"),
        ([("y", [True])], {"y": [1]}, "and True was expected"),
        ([("y", [1])], {"y": [None]}, "None, and 1 was expected"),
        ([("y", [10**400])], {"y": [1.0]}, "was expected"),
    ],
)
def test_an_answer_is_compared_value_by_value(expected: Any, answer: Any, words: str) -> None:
    found = difference(expected, Answered("r", answer), 0.0001)
    assert found == words if not words else words in found


@pytest.mark.parametrize(
    ("status", "body", "refusal", "problem"),
    [
        (200, b"<html>", "with what is no answer of a model", ""),
        (200, b"{}", "with what is no answer of a model", ""),
        (200, b"[" * 100_000, "with what is no answer of a model", ""),
        (400, b'{"error": "input\\n hour is missing"}', "answered 400: input hour is missing", ""),
        (500, b"oops", "answered 500 with what is no answer", ""),
        (503, b'{"error": "busy"}', "", "answered with status 503"),
    ],
)
def test_what_is_no_answer_is_told(status: int, body: bytes, refusal: str, problem: str) -> None:
    found = read("r", status, body)
    assert refusal in found.refusal and found.problem == problem and not found.outputs
