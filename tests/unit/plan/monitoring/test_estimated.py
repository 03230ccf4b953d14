import random
from typing import Any

import pytest
from builders import NOW, conditions, monitor, training
from feedback_world import SHA, serving
from test_monitor_decision import LIKE, window
from test_monitor_decision import profile as of_features

from perennial.api import DriftMonitor
from perennial.plan.core.questions import Answer, Answers
from perennial.plan.monitoring import MonitorSnapshot, plan_monitor, questions
from perennial_artifact.outcomes import Outcomes
from perennial_artifact.profile import HeldOut, Profile
from perennial_artifact.scores import of_probability

CLASSES = ["ok", "fraud"]


def share(chance: random.Random, surer: float) -> float:
    """Return a probability; the surer, the farther from one half."""
    return float(1 / (1 + 2.718281828 ** (-surer * chance.gauss(0, 2))))


def profile(rows: int = 4_000, **changes: Any) -> Profile:
    """Return a profile of a model whose scores are the true probabilities."""
    chance, labels = random.Random(1), {"ok": dict[int, int](), "fraud": dict[int, int]()}
    for _ in range(rows):
        p = share(chance, 1.0)
        counts = labels["fraud" if chance.random() < p else "ok"]
        counts[of_probability(p)] = counts.get(of_probability(p), 0) + 1
    told: dict[str, Any] = {"score": "Probability", "classes": CLASSES, "labels": labels, **changes}
    return of_features().replace(held_out=HeldOut(**told))


def look(
    surer: float, spec: Any = None, rows: int = 2_000, known: Profile | None = None, **more: Any
) -> Any:
    """Evaluate a window of so many predictions."""
    chance, given = random.Random(2), dict[int, int]()
    for _ in range(rows):
        byte = of_probability(share(chance, surer))
        given[byte] = given.get(byte, 0) + 1
    told = Outcomes(version=SHA[:12], score="Probability", given=given, classes=CLASSES)
    counted = window(LIKE).replace(outcomes=more.pop("outcomes", [told]))
    asked = {"estimated": spec or {"metric": "accuracy", "maximumDecrease": 0.05}}
    before = more.pop("monitor", None) or monitor({"performance": asked})
    ready = {"r1": ("pod-0", *more.pop("silent", ()))}
    heard = Answers(ready, int(NOW.timestamp()), (Answer("pod-0", "r1", counted),))
    plan = plan_monitor(
        MonitorSnapshot(before, NOW, serving(), training(), heard, known or profile())
    )
    body = {**before.to_json(), "status": plan.status.to_json()}  # type: ignore[union-attr]
    return plan, DriftMonitor.read(body)


def test_a_model_that_is_as_sure_as_ever_is_as_good() -> None:
    plan, m = look(1.0)
    assert conditions(plan)["EstimateKept"] == ("True", "WithinLimits")
    found = m.status.estimated
    assert found is not None and found.value == pytest.approx(found.reference, abs=0.01)
    assert found.rows == 2_000 and 0 < found.standard_error < 0.02


def test_what_most_pods_do_not_tell_is_no_sign_of_it_but_of_the_contrary_it_is() -> None:
    plan, _ = look(1.0, silent=("pod-1", "pod-2"))
    assert conditions(plan)["EstimateKept"] == ("Unknown", "AnsweredInPart")
    plan, _ = look(0.3, silent=("pod-1", "pod-2"))
    assert conditions(plan)["EstimateKept"][0] == "False"


def test_one_that_became_unsure_is_told_and_asks_for_retraining() -> None:
    plan, m = look(0.3)
    assert conditions(plan)["EstimateKept"] == ("False", "AskedToRetrain")
    assert m.status.last_action is not None and m.status.last_action.test == "estimated"
    assert "the same inputs mean something else now it cannot see" in m.status.last_action.message
    plan, _ = look(0.3, monitor=m)
    assert "EstimateFell" not in [e.reason for e in plan.events]  # once


def test_a_few_unsure_predictions_may_be_chance() -> None:
    plan, _ = look(0.8, {"metric": "accuracy", "maximumDecrease": 0.001}, rows=150)
    assert conditions(plan)["EstimateKept"][0] == "True"


@pytest.mark.parametrize("metric", ["recall", "f1"])
def test_a_window_without_the_few_alerts_that_are_usual_may_be_chance(metric: str) -> None:
    """Of 4,000 held-out rows 12 are alerts: one in five windows of 500 has none of them."""
    held_out = profile(labels={"ok": {10: 3_900, 20: 48}, "fraud": {20: 40, 60: 12}})
    usual, none = {10: 488, 20: 12}, {10: 490, 20: 10, 60: 4}
    for given in (usual, none):
        told = Outcomes(version=SHA[:12], score="Probability", given=given, classes=CLASSES)
        asked = {"metric": metric, "maximumDecrease": 0.02}
        plan, _ = look(1.0, asked, known=held_out, outcomes=[told])
        assert conditions(plan)["EstimateKept"] == ("True", "WithinLimits")


def test_of_few_held_out_rows_the_reference_is_what_was_measured() -> None:
    """Of 81 bins most have a row or two, and half of one was added to each: it was 8 points off."""
    known = profile(300)
    assert known.held_out is not None
    ok, fraud = (known.held_out.labels[name] for name in CLASSES)
    right = sum(n for byte, n in ok.items() if byte < 42)
    right += sum(n for byte, n in fraud.items() if byte >= 42)
    _, m = look(1.0, known=known)
    assert m.status.estimated is not None
    assert m.status.estimated.reference == pytest.approx(right / 300, abs=0.03)


@pytest.mark.parametrize("metric", ["accuracy", "precision", "recall", "f1", "roc_auc"])
def test_every_metric_falls_where_scores_tell_less(metric: str) -> None:
    plan, m = look(0.2, {"metric": metric, "maximumDecrease": 0.02})
    assert conditions(plan)["EstimateKept"][0] == "False"
    assert m.status.estimated is not None and m.status.estimated.metric == metric


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"known": of_features()}, "NoHeldOutScores"),
        ({"known": profile(labels={"ok": {10: 5}, "fraud": {70: 3}})}, "TooFewHeldOut"),
        ({"known": profile(labels={"ok": {10: 500}})}, "TooFewHeldOut"),
        ({"known": profile(classes=["fraud", "ok"])}, "OtherClasses"),
        ({"outcomes": None}, "NoScores"),
        ({"rows": 20}, "TooFewSamples"),
    ],
)
def test_what_is_not_known_is_not_kept(more: Any, reason: str) -> None:
    plan, m = look(1.0, **more)
    assert conditions(plan)["EstimateKept"] == ("Unknown", reason)
    assert m.status.estimated is not None and m.status.estimated.value is None


def test_scores_are_asked_for_where_they_are_needed() -> None:
    pod = {
        "metadata": {"name": "p", "labels": {"perennial.dev/revision": "r1"}},
        "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
    }
    asked = monitor({"performance": {"estimated": {}}})
    for m, parts in (
        (monitor(), ("features", "predictions", "usage")),
        (asked, ("features", "predictions", "outcomes", "usage")),
    ):
        assert questions(m, "r1", [pod], NOW).questions[0].parts == parts
