"""Every decision leaves its numbers: in the status, and in the sentence of an Event."""

import re
from typing import Any

import pytest
from builders import SHA
from builders import version as version_of
from rollout_world import World

from perennial.api.deployment import AnalysisMetric, AnalysisStatus, Decided, MetricStatus
from perennial.plan.rollout.analysis.evidence import chance, summary
from perennial.plan.rollout.state import State, with_decision
from perennial.plan.version import VersionSnapshot, plan_version
from perennial_statistics.verdict import Outcome, Verdict

NEW_SHA = "b" * 64
METRICS = [
    {"name": "errors", "errorRate": {"againstStable": {"maximumIncrease": 0.1}}},
    {"name": "slow", "latency": {"maximum": "500ms"}},
]
WAIT = {"pause": {"duration": "10s"}}
STEPS = [{"setWeight": 20}, WAIT, {"setWeight": 50}, WAIT]
ROLLOUT: dict[str, Any] = {
    "canary": {"steps": STEPS},
    "analysis": {"metrics": METRICS, "planned": 50},
    "keepReplaced": "5s",
}


def serving(**more: Any) -> World:
    world = World(rollout={**ROLLOUT, **more})
    world.settle()
    return world


def sentence(world: World, reason: str) -> str:
    return next(e.message for e in world.told if e.reason == reason)


def decided(world: World, decision: str) -> Decided:
    found = world.deployment.status.decisions
    return next(d for d in found if d.decision == decision)


def test_a_rollback_says_where_by_what_and_after_how_many() -> None:
    world = serving()
    world.error_rate = 0.6
    world.wish(NEW_SHA)
    world.steps(60)
    said = sentence(world, "RolledBack")
    assert re.search(
        r"was rolled back at 20 %: error rate 60% against 0% of stable, p = 0\.0\d+ "
        r"after \d+ requests$",
        said,
    ), said
    found = decided(world, "RolledBack")
    assert (found.reason, found.weight) == ("AnalysisFailed", 20)
    errors = next(m for m in found.metrics if m.name == "errors")
    assert (errors.verdict, errors.value, errors.reference) == ("Failed", 0.6, 0)
    assert errors.p is not None and 0 < errors.p <= 0.005
    assert found.requests >= errors.requests > 0 and errors.summary in said


def test_going_on_and_promotion_say_what_was_shown() -> None:
    world = serving()
    world.wish(NEW_SHA)
    world.steps(80)
    passed, promoted = decided(world, "WentOn"), decided(world, "Promoted")
    assert passed.weight == 20 and {m.name for m in passed.metrics} == {"errors", "slow"}
    said = [e.message for e in world.told if e.reason == "WeightSet"]
    assert "; at 20 %: error rate 0% against 0% of stable after" in said[1] and ";" not in said[0]
    said = sentence(world, "CanaryPromoted")
    assert "is stable now: error rate 0% against 0% of stable after" in said
    assert "share slower than 500ms 0% against 1% allowed" in said
    assert promoted.time >= passed.time and promoted.metrics


def test_a_pause_for_want_of_evidence_leaves_its_numbers() -> None:
    world = serving(analysis={"metrics": METRICS, "waitAtMost": "5s", "planned": 100_000})
    world.requests_per_pass = 0.1
    world.wish(NEW_SHA)
    world.steps(80)
    found = decided(world, "Paused")
    assert found.reason == "AnalysisUndecided" and found.weight == 20 and found.metrics


def test_a_person_who_pauses_leaves_the_numbers_of_that_moment() -> None:
    world = serving()
    world.wish(NEW_SHA)
    world.steps(12)
    world.ask("pause/1")
    world.steps(3)
    found = decided(world, "Paused")
    assert found.reason == "Requested" and [m.requests > 0 for m in found.metrics] == [True, True]


def test_labels_are_not_told_as_requests() -> None:
    metrics = [*METRICS, {"name": "right", "accuracy": {"againstStable": {}}}]
    world = serving(analysis={"metrics": metrics})
    counted = [MetricStatus(name="errors", requests=20), MetricStatus(name="right", requests=900)]
    stable = world.deployment.status.stable
    assert stable is not None
    state = State(world.deployment.status.having(analysis=AnalysisStatus(metrics=counted)))
    found = with_decision(world.snapshot(), state, "WentOn", stable, "StepPassed", "all is well")
    assert found.status.decisions[-1].requests == 20


def test_the_last_decisions_only_are_kept() -> None:
    world = serving()
    for n in range(6):
        world.wish(f"{n}" * 64)
        world.steps(60)
    assert len(world.deployment.status.decisions) == 8


def test_a_version_keeps_how_its_rollouts_ended_and_the_numbers() -> None:
    world = serving()
    world.error_rate = 0.6
    world.wish(NEW_SHA)
    world.steps(60)
    told = world.deployment.status.decisions
    named = [d.model_copy(update={"version": "flights-2"}) for d in told]
    rollout = world.deployment.status.rollout.model_copy(update={"decisions": named})
    status = world.deployment.status.model_copy(update={"rollout": rollout})
    shop = world.deployment.model_copy(update={"status": status})
    made = version_of(2, SHA)
    plan = plan_version(VersionSnapshot(made, (shop,), world.snapshot().now))
    assert plan.status is not None
    (ended,) = plan.status.ended  # type: ignore[attr-defined]
    assert (ended.reason, ended.cause, ended.weight) == ("RolledBack", "AnalysisFailed", 20)
    assert ended.deployment == shop.metadata.name and ended.requests > 0
    assert ended.metrics[0].value == 0.6 and "error rate 60%" in ended.metrics[0].summary
    seen = made.model_copy(update={"status": plan.status})
    again = plan_version(VersionSnapshot(seen, (shop,), world.snapshot().now))
    assert again.status == plan.status
    alone = plan_version(VersionSnapshot(seen, (), world.snapshot().now))
    assert alone.status.ended == [ended]  # type: ignore[union-attr]


def said_of(asked: dict[str, Any], outcome: Outcome, *numbers: Any) -> str:
    metric = AnalysisMetric.model_validate({"name": "m", **asked})
    requests, value, reference, suspected, p = numbers
    return summary(metric, Verdict(outcome, "", requests, value, reference, suspected, p))


def test_the_sentences() -> None:
    against: dict[str, Any] = {"againstStable": {}}
    assert (
        said_of({"falsePositiveRate": against}, "Failed", 1840, 0.071, 0.039, True, 0.003)
        == "false-positive rate 7.1% against 3.9% of stable, p = 0.003 after 1,840 labels"
    )
    assert (
        said_of({"meanReward": {"minimum": 2}}, "Failed", 900, 1.5, 2, True, 1e-9)
        == "mean reward 1.5 against 2 allowed, p < 0.000001 after 900 rewards"
    )
    assert (
        said_of({"errorRate": against}, "Undecided", 1, 0.0, 0.01, False, 1)
        == "error rate 0% against 1% of stable after 1 request: undecided"
    )
    assert (
        said_of({"accuracy": against}, "Successful", 800, 0.95, 0.94, False, 0.04)
        == "accuracy 95% against 94% of stable after 800 labels: within what is allowed, p = 0.04"
    )
    assert (
        said_of({"predictionShift": {"maximum": 0.1}}, "Failed", 800, 0.31, 0.1, True, 0.0012)
        == "shift of predictions 31% against 10% allowed, p = 0.0012 after 800 predictions"
    )
    assert said_of({"accuracy": against}, "Undecided", 0, None, None, False, None) == ""
    assert chance(1) == "= 1" and chance(1.234e-5) == "= 0.000012"


LABELS = {"name": "right", "accuracy": {"againstStable": {"maximumDecrease": 0.1}}}
BY_LABELS: dict[str, Any] = {
    "canary": {"steps": [{"setWeight": 50}, {"pause": {"duration": "5m"}}]},
    "analysis": {"metrics": [LABELS]},
}


@pytest.mark.parametrize("cut", [99, 0, 1, 2])
def test_wrong_labels_take_a_canary_back_also_where_the_operator_is_killed(cut: int) -> None:
    world = World(rollout=BY_LABELS)
    world.settle()
    world.wrong_labels = 0.4
    world.wish(NEW_SHA)
    for _ in range(40):
        world.step(seconds=5.0)
        world.step(cut, seconds=5.0)
        if world.deployment.status.rejected:
            break
    said = sentence(world, "RolledBack")
    assert re.search(
        r"rolled back at 50 %: accuracy 60% against 95% of stable, p .+ after [\d,]+ labels$", said
    ), said


def test_right_labels_promote_one_and_stay_in_its_decision() -> None:
    world = World(rollout=BY_LABELS)
    world.settle()
    world.wish(NEW_SHA)
    for _ in range(90):
        world.step(seconds=5.0)
    found = decided(world, "Promoted")
    (right,) = found.metrics
    assert (right.verdict, right.value, right.reference) == ("Successful", 0.95, 0.95)
    assert right.low is not None and right.high is not None and right.low < 0 < right.high
