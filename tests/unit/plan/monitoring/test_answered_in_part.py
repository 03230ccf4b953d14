"""A few pods that are well do not show that all of them are; a few that are not show it."""

from typing import Any

import pytest
from builders import conditions, monitor
from feedback_world import PODS, FeedbackWorld, traffic
from test_monitor_decision import DRIFTED, LIKE, look, serving, window

from perennial.api import DriftMonitor


def told(m: DriftMonitor, x: list[int], pods: int, asked: int = 10, at: float = 0) -> Any:
    part = [n // pods for n in x]
    return look(m, x, at, windows=[window(part) for _ in range(pods)], asked=asked)


@pytest.mark.parametrize("pods, is_known", [(1, False), (4, False), (5, True), (10, True)])
def test_fewer_than_half_of_the_pods_are_no_sign_that_all_is_well(
    pods: int, is_known: bool
) -> None:
    plan, m = told(monitor(), LIKE, pods)
    found = conditions(plan)
    if is_known:
        assert found["Drifted"] == ("False", "LikeReference")
        assert found["QualityPassed"] == ("True", "WithinLimits")
        return
    assert found["Drifted"] == found["QualityPassed"] == ("Unknown", "AnsweredInPart")
    (message,) = {c.message for c in m.status.conditions if c.reason == "AnsweredInPart"}
    assert f"only {pods} of 10 ready pods told" in message
    assert found["Ready"] == ("True", "Watching")  # it sees something: it is not blind
    assert m.status.history[-1].drifted == "Unknown"


def test_what_a_few_pods_show_to_be_wrong_is_wrong() -> None:
    plan, m = told(monitor(), DRIFTED, 1)
    assert conditions(plan)["Drifted"] == ("True", "DriftDetected")
    # Nor does it end by pods that fall silent.
    plan, m = told(m, LIKE, 1, at=10)
    assert conditions(plan)["Drifted"] == ("Unknown", "AnsweredInPart")
    assert m.status.consecutive_breaches == 1
    plan, m = told(m, DRIFTED, 1, at=20)
    assert m.status.consecutive_breaches == 2
    spoilt = [window([30, 30, 30], unseen=90)]
    plan, _ = look(monitor({"minimumSamples": 50}), LIKE, 0, windows=spoilt, asked=10)
    assert conditions(plan)["QualityPassed"] == ("False", "QualityLimitsBroken")


@pytest.mark.parametrize("pods, quiet", [(1, []), (10, ["drift"])])
def test_a_version_that_few_pods_told_of_was_not_seen_to_be_better(
    pods: int, quiet: list[str]
) -> None:
    _, m = told(monitor(), LIKE, pods)
    _, m = look(m, LIKE, 10, deployment=serving("flights-2", "r2"))
    assert m.status.reference is not None and m.status.reference.before is not None
    assert m.status.reference.before.quiet == quiet


def test_a_model_is_not_called_as_good_as_before_by_the_feedback_of_a_few_pods(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    metric = {"name": "right", "accuracy": {"minimum": 0.9}}
    rows = traffic((-24, 0), 100, lambda hour: 0.1, lambda hour: 0.8)
    world = FeedbackWorld({"metrics": [metric], "maturity": "1m"}, rows)
    assert world.look(0) == ("True", "WithinLimits")
    monkeypatch.setattr("feedback_world.PODS", (*PODS, "pod-2", "pod-3"))
    world.silent = {"pod-1", "pod-2", "pod-3"}
    assert world.look(300) == ("Unknown", "AnsweredInPart")
    assert "only 1 of 4" in world.message() and world.metric("right").verdict == "Kept"
    world.silent = set()
    assert world.look(600) == ("True", "WithinLimits")
