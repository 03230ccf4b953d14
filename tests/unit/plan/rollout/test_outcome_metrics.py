"""A canary that is judged by what became known of its predictions, late and not equally late."""

import json
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from builders import NOW, SHA
from rollout_world import World as Simulated

from perennial.api.deployment import Analysis, AnalysisStatus, ArtifactRef, MetricStatus, Revision
from perennial.plan.core.questions import Answer, Answers
from perennial.plan.rollout import questions
from perennial.plan.rollout.analysis.later import (
    FIRST_LOOKS,
    FIRST_STEP_SECONDS,
    STEP_SECONDS,
    Trial,
    span,
)
from perennial.plan.rollout.analysis.look import closed, look
from perennial_artifact.outcomes import AGES, Errors, Known, Outcomes, Rewards, add_outcomes
from perennial_artifact.scores import of_probability
from perennial_artifact.windows import Bucket, Requests, Window

START = int(NOW.timestamp()) // 60 * 60
OLD, NEW = SHA, "b" * 64
CLASSES = ["no", "yes"]


@dataclass(frozen=True)
class Came:
    """What became known of one prediction."""

    version: str
    age: float
    byte: int
    label: str = ""
    reward: float | None = None
    error: float | None = None


@dataclass
class World:
    """Two pods, their predictions, and what becomes known of these."""

    analysis: Analysis
    score: str = "Probability"
    classes: list[str] = field(default_factory=lambda: list(CLASSES))
    canary_classes: list[str] | None = None
    """None: as stable's."""
    came: dict[int, list[Came]] = field(default_factory=lambda: defaultdict(list))
    given: dict[int, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    """Both by the step of the clock that they fall into."""
    status: AnalysisStatus | None = None
    now: int = START
    traffic_since: int | None = None
    telling: frozenset[str] = frozenset({OLD, NEW})
    """Versions whose pods count outcomes."""
    silent: bool = False
    starting: bool = False
    """The canary has no ready pod."""
    shas: tuple[str, str] = (OLD, NEW)
    asked: int = 0

    def outcomes(self, sha: str, start: int, end: int) -> list[Outcomes]:
        """Return what the pod of a version tells: its own predictions, and all that came to it."""
        given: dict[int, int] = {}
        steps = range(start // FIRST_STEP_SECONDS, end // FIRST_STEP_SECONDS)
        for version, byte in (each for step in steps for each in self.given.get(step, ())):
            if version == sha:
                given[byte] = given.get(byte, 0) + 1
        is_other = sha == NEW and self.canary_classes is not None
        classes = self.canary_classes if is_other else self.classes
        own = Outcomes(version=sha[:12], score=self.score, given=given, classes=classes or [])
        found = [[own]]
        for c in (each for step in steps for each in self.came.get(step, ())):
            if sha == OLD:  # all feedback comes to stable's pod
                age = next(a for a in AGES if c.age <= a)
                labels = {c.label: {c.byte: 1}} if c.label else {}
                rewards = None if c.reward is None else Rewards(1, c.reward, c.reward**2)
                e = c.error
                errors = None if e is None else Errors(1, e, abs(e), e**2, e**4)
                known = Known(age=age, labels=labels, rewards=rewards, errors=errors)
                found.append([Outcomes(version=c.version[:12], score=self.score, known=[known])])
        return add_outcomes(found)

    def answers(self, start: int, end: int, part: str) -> Answers:
        received = []
        for name, sha in zip(("old", "new"), self.shas, strict=True):
            outcomes = requests = None
            if part == "outcomes":
                told = sha in self.telling
                outcomes = self.outcomes(sha, start, end) if told else None
            else:
                has_traffic = name == "old" or self.traffic_since is not None
                buckets = [Bucket(t, 1, 5, 0, 0, [5]) for t in range(start, end) if has_traffic]
                requests = Requests([], buckets)
            window = Window(
                model="m", version="1", since=0, clock=end + 1, start=start, end=end,
                requests=requests, outcomes=outcomes,
            )  # fmt: skip
            is_silent = self.silent and part == "outcomes"
            received.append(Answer(name, name, None if is_silent else window))
        if part == "outcomes" and self.starting:
            received = received[:1]
        ready = {"old": ("old",), "new": () if self.starting else ("new",)}
        return Answers(ready, end, tuple(received))

    def look(self, seconds: int = STEP_SECONDS) -> dict[str, MetricStatus]:
        """Let time pass and look, as the operator does, and carry on what is written."""
        self.now += seconds
        now = datetime.fromtimestamp(self.now + 6, UTC)
        trial = Trial(revision("old", self.shas[0]), revision("new", self.shas[1]))
        due = span(self.status, "old/new", now)
        outcomes = None
        if due is not None:
            self.asked += 1
            outcomes = self.answers(*due, "outcomes")
        until = closed(now)
        requests = self.answers(until - 2, until, "requests")
        found = look(
            self.analysis, self.status, ("old", "new"), requests, now, True, True, trial, outcomes
        )
        again = json.loads(json.dumps(found.to_json()))
        self.status = AnalysisStatus.model_validate(again)
        return {m.name: m for m in self.status.metrics}

    def give(self, version: str, *predicted: int) -> None:
        """Give predictions with a receipt, of these scores."""
        self.given[self.now // FIRST_STEP_SECONDS] += [(version, byte) for byte in predicted]

    def come(self, late: float, came: Came) -> None:
        """Let something become known so many seconds later."""
        self.came[int(self.now + late) // FIRST_STEP_SECONDS].append(came)

    def predict(
        self, version: str, n: int, p: Callable[[], float], delay: Callable[[str], float],
        truth: Callable[[float], str], reward: Callable[[str], float | None] = lambda _: None,
    ) -> None:  # fmt: skip
        """Let a version predict; each label comes after its delay."""
        for _ in range(n):
            probability = p()
            label, byte = truth(probability), of_probability(probability)
            self.give(version, byte)
            late = delay(label)
            self.come(late, Came(version, late, byte, label, reward(label)))


def revision(name: str, sha: str) -> Revision:
    artifact = ArtifactRef(uri="s3://m/", sha256=sha)
    return Revision(revision=name, version=name, artifact=artifact)


def world(*metrics: dict[str, Any], **more: Any) -> World:
    listed = [{"name": next(iter(m)), **m} for m in metrics]
    return World(Analysis.model_validate({"metrics": listed}), **more)


AGAINST = {"againstStable": {}}


def run(
    w: World, looks: int, rng: random.Random, flips: tuple[float, float],
    delay: Callable[[str], float] = lambda _: 5.0, n: tuple[int, int] = (30, 60),
    before: int = 30,
) -> dict[str, MetricStatus]:  # fmt: skip
    """Predict and look; ``flips`` is how often stable, and the canary, is wrong."""
    found: dict[str, MetricStatus] = {}
    for i in range(before + looks):
        canary = i >= before
        if canary and w.traffic_since is None:
            w.traffic_since = w.now
        for version, wrong, k in ((OLD, flips[0], n[1]), (NEW, flips[1], n[0] * canary)):
            w.predict(
                version, k, lambda: rng.choice((0.1, 0.9)), delay,
                lambda p, wrong=wrong: CLASSES[(p >= 0.5) != (rng.random() < wrong)],
            )  # fmt: skip
        found = w.look()
        if any(m.verdict == "Failed" for m in found.values()):
            break
    return found


@pytest.mark.parametrize("kind", ["accuracy", "recall", "precision", "falsePositiveRate"])
def test_labels_that_go_wrong_more_often_than_stables_fail_a_canary(kind: str) -> None:
    found = run(world({kind: AGAINST}), 120, random.Random(1), (0.05, 0.2))[kind]
    assert found.verdict == "Failed" and "the canary is worse" in found.message, found.message
    assert found.value is not None and found.reference is not None and found.p is not None
    good = kind != "falsePositiveRate"
    assert (found.value < found.reference) == good
    assert abs(found.reference - (0.95 if good else 0.05)) < 0.03
    assert found.p <= 0.01 and found.requests >= 30


@pytest.mark.parametrize("kind", ["accuracy", "recall", "precision", "falsePositiveRate"])
def test_an_equal_canary_is_found_to_be_within_the_margin(kind: str) -> None:
    limit = "maximumIncrease" if kind == "falsePositiveRate" else "maximumDecrease"
    w = world({kind: {"againstStable": {limit: 0.05}}})
    found = run(w, 150, random.Random(2), (0.05, 0.05))[kind]
    assert found.verdict == "Successful", found.message


def test_what_is_known_early_is_not_compared_with_what_is_known_late() -> None:
    """Labels yes come at once, labels no after 5 minutes: early ones are mostly wrong for both."""
    rng, w = random.Random(3), world({"accuracy": AGAINST})

    def delay(label: str) -> float:
        return 5.0 if label == "yes" else 300.0

    for i in range(100):
        if i == 40:
            w.traffic_since = w.now
        for version, n in ((OLD, 60), (NEW, 30 * (i >= 40))):
            w.predict(version, n, lambda: 0.2, delay, lambda _: CLASSES[rng.random() < 0.2])
        found = w.look()["accuracy"]
        assert found.verdict != "Failed", (i, found.message)
    # In the first five minutes all that was known of the canary was wrong, of stable a fifth.
    assert found.value is not None and abs(found.value - 0.8) < 0.12


def test_labels_that_are_an_hour_late_wait_until_the_canary_is_as_old() -> None:
    w = world({"accuracy": AGAINST})
    found = run(w, 40, random.Random(4), (0.05, 0.9), lambda _: 700.0)["accuracy"]
    assert (found.verdict, found.requests) == ("Undecided", 0)
    assert "at the same age yet" in found.message
    found = run(w, 90, random.Random(4), (0.05, 0.9), lambda _: 700.0, before=0)["accuracy"]
    assert found.verdict == "Failed"


def test_a_limit_of_labels() -> None:
    w = world({"accuracy": {"minimum": 0.9}})
    found = run(w, 60, random.Random(5), (0.05, 0.3))["accuracy"]
    assert found.verdict == "Failed" and found.value is not None and found.value < 0.9
    assert found.low is not None and found.high is not None and found.low < found.high < 0.9
    found = run(world({"accuracy": {"minimum": 0.7}}), 60, random.Random(5), (0.05, 0.05))
    assert found["accuracy"].verdict == "Successful", found["accuracy"].message


def test_a_limit_is_not_judged_before_half_of_the_labels_that_are_due_have_come() -> None:
    """A third of the labels comes at once, all of them wrong; the others, right ones, late."""
    w = world({"accuracy": {"minimum": 0.5}})
    rng = random.Random(6)
    for i in range(60):
        w.traffic_since = w.traffic_since or w.now
        for version in (OLD, NEW):
            w.predict(
                version, 20, lambda: 0.2, lambda label: 5.0 if label == "yes" else 3000.0,
                lambda _: CLASSES[rng.random() < 0.33],
            )  # fmt: skip
            if version == OLD and i == 0:  # it has answered for long: as many come as are given
                for late in range(2400):
                    w.come(late, Came(OLD, 3000, 10, "no"))
        found = w.look()["accuracy"]
        assert found.verdict != "Failed", found.message
    assert "of the labels that are due have come" in found.message
    assert found.requests == 0  # so that they are not the planned number with nothing against it


def test_rewards_that_are_lower_fail_a_canary_and_equal_ones_pass() -> None:
    for lower, verdict in ((0.3, "Failed"), (0.0, "Successful")):
        rng = random.Random(7)
        w = world({"meanReward": {"againstStable": {"maximumDecrease": 0.25}}})
        for i in range(120):
            if i == 20:
                w.traffic_since = w.now
            for version, n, less in ((OLD, 60, 0.0), (NEW, 30 * (i >= 20), lower)):
                w.predict(
                    version, n, lambda: 0.5, lambda _: 5.0, lambda _: "",
                    lambda _, less=less, rng=rng: rng.gauss(1 - less, 1.0),
                )  # fmt: skip
            found = w.look()["meanReward"]
            if found.verdict == "Failed":
                break
        assert found.verdict == verdict, found.message
        assert found.value is not None and abs(found.value - (1 - lower)) < 0.2


def test_a_limit_of_rewards() -> None:
    w = world({"meanReward": {"minimum": 0.9}})
    rng = random.Random(8)
    for _ in range(60):
        w.traffic_since = w.traffic_since or w.now
        w.predict(NEW, 30, lambda: 0.5, lambda _: 5.0, lambda _: "", lambda _: rng.random())
        found = w.look(STEP_SECONDS)["meanReward"]
    assert found.verdict == "Failed" and "at least 0.9 is asked for" in found.message, found.message


def rewarded(w: World, version: str, n: int, chance: float, rng: random.Random) -> None:
    w.predict(
        version, n, lambda: 0.5, lambda _: 3.0, lambda _: "",
        lambda _: float(rng.random() < chance),
    )  # fmt: skip


def test_a_canary_that_earns_little_is_found_within_the_first_minute() -> None:
    for seed in range(5):
        w, rng = world({"meanReward": {"minimum": 0.2}}), random.Random(seed)
        w.look(FIRST_STEP_SECONDS)
        began = w.traffic_since = w.now
        verdict = ""
        while verdict != "Failed" and w.now - began < 120:
            rewarded(w, NEW, 250, 0.05, rng)
            verdict = w.look(FIRST_STEP_SECONDS)["meanReward"].verdict
        assert w.now - began < 60, seed


def test_equal_rewards_fail_no_canary_by_the_first_looks() -> None:
    for seed in range(10):
        w = world({"meanReward": {"againstStable": {"maximumDecrease": 0.02}}})
        rng = random.Random(seed)
        w.traffic_since = w.now
        for _ in range(FIRST_LOOKS):
            for version in (OLD, NEW):
                rewarded(w, version, 60, 0.1, rng)
            found = w.look(FIRST_STEP_SECONDS)["meanReward"]
            assert found.verdict != "Failed", found.message
    assert found.requests > 1000  # of an age that the canary has by now


def test_later_looks_are_made_seldom_for_each_is_written() -> None:
    w, rng = world({"meanReward": {"minimum": 0.2}}), random.Random(1)
    w.traffic_since = w.now
    asked = []
    for _ in range(FIRST_LOOKS + 31):
        for version in (OLD, NEW):
            rewarded(w, version, 60, 0.3, rng)
        w.look(FIRST_STEP_SECONDS)
        asked.append(w.asked)
    assert asked[FIRST_LOOKS] == FIRST_LOOKS + 1  # the first one learns of stable
    assert asked[-1] - asked[FIRST_LOOKS] == 30 * FIRST_STEP_SECONDS // STEP_SECONDS


@pytest.mark.parametrize(("wrong", "verdict"), [(0.05, "Successful"), (0.4, "Failed")])
def test_log_loss(wrong: float, verdict: str) -> None:
    w = world({"logLoss": {"againstStable": {"maximumIncrease": 0.2}}})
    found = run(w, 150, random.Random(9), (0.05, wrong))["logLoss"]
    assert found.verdict == verdict, found.message
    assert (
        found.reference is not None and 0.15 < found.reference < 0.3
    )  # -log .9, a twentieth -log .1


@pytest.mark.parametrize(
    ("spread", "limit", "verdict"),
    [
        (2.0, {"againstStable": {"maximumIncrease": 0.2}}, "Failed"),
        (1.0, {"againstStable": {"maximumIncrease": 0.5}}, "Successful"),
        (2.0, {"maximum": 1.5}, "Failed"),
        (1.0, {"maximum": 1.5}, "Successful"),
    ],
)
def test_the_root_of_squared_errors(spread: float, limit: dict[str, Any], verdict: str) -> None:
    rng = random.Random(10)
    w = world({"rmse": limit}, score="Number", classes=[])
    for _ in range(100):
        w.traffic_since = w.traffic_since or w.now
        for version, sd in ((OLD, 1.0), (NEW, spread)):
            for _ in range(30):
                w.give(version, 1)
                w.come(5, Came(version, 5, 1, error=rng.gauss(0, sd)))
        found = w.look()["rmse"]
    assert found.verdict == verdict, found.message
    assert found.value is not None and abs(found.value - spread) < 0.15


@pytest.mark.parametrize(("moved", "verdict"), [(0.0, "Successful"), (0.3, "Failed")])
def test_predictions_that_moved(moved: float, verdict: str) -> None:
    rng = random.Random(11)
    w = world({"predictionShift": {"maximum": 0.1}})
    for i in range(150):
        if i == 20:
            w.traffic_since = w.now
        for version, n, more in ((OLD, 60, 0.0), (NEW, 30 * (i >= 20), moved)):
            w.give(
                version,
                *(of_probability(min(0.99, rng.random() * (1 - more) + more)) for _ in range(n)),
            )
        found = w.look()["predictionShift"]
        if found.verdict == "Failed":
            break
    assert found.verdict == verdict, found.message
    assert (
        "of the canary's" in found.message and "apart (95% sure), 10 points may be" in found.message
    )


def test_predictions_that_come_in_large_alike_batches_do_not_fail_a_canary() -> None:
    """Each half minute one batch, of one tenant or of another: 200 rows say no more than one."""
    rng, w = random.Random(12), world({"predictionShift": {"maximum": 0.1}})
    for i in range(80):
        if i == 30:
            w.traffic_since = w.now
        for version in (OLD, NEW) if i >= 30 else (OLD,):
            byte = of_probability(rng.choice((0.1, 0.9)))
            w.give(version, *[byte] * 200)
        found = w.look()["predictionShift"]
        assert found.verdict != "Failed", found.message


def test_classes_that_are_answered_more_often() -> None:
    rng = random.Random(13)
    w = world({"predictionShift": {"maximum": 0.05}}, score="Class", classes=["a", "b", "c"])
    for i in range(80):
        if i == 10:
            w.traffic_since = w.now
        for version, first in ((OLD, 0.3), (NEW, 0.6)):
            if version == OLD or i >= 10:
                w.give(
                    version,
                    *(
                        1 + 8 * (0 if rng.random() < first else rng.choice((1, 2)))
                        for _ in range(40)
                    ),
                )
        found = w.look()["predictionShift"]
        if found.verdict == "Failed":
            break
    assert found.verdict == "Failed" and "are of class" in found.message


NO_RECEIPTS = "needs spec.serving.receipts"


@pytest.mark.parametrize(
    ("metric", "more", "told"),
    [
        ({"accuracy": AGAINST}, {"telling": frozenset({OLD})}, "no pod of the canary tells"),
        ({"accuracy": AGAINST}, {"telling": frozenset({NEW})}, NO_RECEIPTS),
        ({"meanReward": {"minimum": 1}}, {"telling": frozenset()}, NO_RECEIPTS),
        ({"predictionShift": {"maximum": 0.1}}, {"telling": frozenset({NEW})}, NO_RECEIPTS),
        ({"accuracy": AGAINST}, {"score": "Number"}, "rmse is for numbers"),
        ({"rmse": {"maximum": 1}}, {}, "accuracy and logLoss are for classes"),
        ({"recall": AGAINST}, {"classes": []}, "do not tell the names of its classes"),
        ({"recall": AGAINST}, {"score": "Class", "classes": ["a", "b", "c"]}, "positiveClass"),
        ({"recall": {**AGAINST, "positiveClass": "maybe"}}, {}, "has no class maybe"),
        ({"logLoss": {"maximum": 1}}, {"score": "Class", "classes": ["a", "b", "c"]}, "accuracy"),
        ({"predictionShift": {"maximum": 0.1}}, {"score": "Number"}, "answers with no class"),
    ],
)
def test_what_cannot_be_judged_is_told_and_never_a_success(
    metric: dict[str, Any], more: dict[str, Any], told: str
) -> None:
    w = world(metric, **more)
    w.traffic_since = START
    for _ in range(13):
        for version in w.telling:
            w.predict(version, 20, lambda: 0.9, lambda _: 5.0, lambda _: "yes")
        found = next(iter(w.look().values()))
    assert found.verdict == "NotComparable" and told in found.message, found.message


def test_a_canary_that_starts_is_not_blamed_for_telling_nothing() -> None:
    w = world({"accuracy": AGAINST}, starting=True)
    w.predict(OLD, 20, lambda: 0.9, lambda _: 5.0, lambda _: "yes")
    found = w.look()["accuracy"]
    assert found.verdict == "Undecided" and "receipts" not in found.message, found.message


def test_what_is_told_by_now_is_no_obstacle_though_it_is_too_little_for_a_look() -> None:
    w = world({"accuracy": AGAINST}, telling=frozenset({OLD}))
    w.traffic_since = START
    assert w.look()["accuracy"].verdict == "NotComparable"
    w.telling = frozenset({OLD, NEW})
    found = w.look()["accuracy"]
    assert found.verdict == "Undecided" and "receipts" not in found.message, found.message


def test_labels_that_are_called_otherwise_than_the_classes_are_told() -> None:
    w = world({"accuracy": AGAINST})
    for _ in range(4):
        for version in (OLD, NEW):
            w.predict(version, 20, lambda: 0.9, lambda _: 5.0, lambda _: "1")
        found = w.look()["accuracy"]
    assert found.verdict == "NotComparable"
    assert "(no, yes); they are 1: send labels as the classes are called" in found.message


def test_a_canary_whose_classes_are_called_otherwise_is_told_and_not_rolled_back() -> None:
    w = world({"accuracy": AGAINST}, canary_classes=["good", "bad"])
    found = run(w, 40, random.Random(14), (0.05, 0.05))["accuracy"]
    assert found.verdict == "NotComparable", found.message
    assert "one of its classes (good, bad); they are no, yes" in found.message
    assert found.requests == 0


@pytest.mark.parametrize("kind", ["recall", "precision", "falsePositiveRate"])
def test_the_second_class_of_one_is_not_held_against_the_first_of_the_other(kind: str) -> None:
    w = world({kind: AGAINST}, canary_classes=["yes", "no"])
    found = run(w, 40, random.Random(15), (0.05, 0.05))[kind]
    assert found.verdict == "NotComparable", found.message
    assert "the second class of the canary is no, and of stable yes" in found.message
    named = world({kind: {**AGAINST, "positiveClass": "yes"}}, canary_classes=["yes", "no"])
    assert run(named, 5, random.Random(15), (0.05, 0.05))[kind].obstacle == ""


def test_two_settings_of_one_model_are_as_good_as_each_other() -> None:
    w = world({"accuracy": AGAINST}, shas=(OLD, OLD))
    w.predict(OLD, 20, lambda: 0.9, lambda _: 5.0, lambda _: "no")
    assert w.look()["accuracy"].verdict == w.look()["accuracy"].verdict == "Successful"


def test_without_any_outcome_nothing_is_decided() -> None:
    w = world({"accuracy": AGAINST}, {"meanReward": {"minimum": 0}}, {"logLoss": {"maximum": 1}})
    w.traffic_since = START
    for _ in range(30):
        found = w.look()
    assert {m.verdict for m in found.values()} == {"Undecided"}


def test_pods_that_do_not_answer_are_asked_for_the_same_time_again() -> None:
    w = world({"accuracy": AGAINST})
    run(w, 5, random.Random(14), (0.05, 0.05), before=5)
    assert w.status is not None
    before = w.status.part("outcomes")
    w.silent = True
    w.look()
    w.look()
    assert w.status.part("outcomes") == before
    w.silent = False
    seen = w.status.metrics[0].requests
    for version in (OLD, NEW):
        w.predict(version, 20, lambda: 0.9, lambda _: 5.0, lambda _: "yes")
    w.look()
    after = w.status.part("outcomes")
    assert after is not None and before is not None and after.judged_until > before.judged_until
    assert w.status.metrics[0].requests >= seen


def test_a_look_with_too_little_in_it_goes_on_and_costs_no_question_in_between() -> None:
    w = world({"accuracy": AGAINST})
    w.look()
    asked = w.asked
    w.look(2)
    w.look(2)
    assert w.asked == asked
    w.traffic_since = START
    for version in (OLD, NEW):
        w.predict(version, 3, lambda: 0.9, lambda _: 1.0, lambda _: "no")
    w.look()
    assert w.status is not None and (part := w.status.part("outcomes")) is not None
    assert part.looks == 0 and part.asked_until is not None
    for _ in range(11):
        w.look()
    assert w.status.part("outcomes").looks == 1  # type: ignore[union-attr]


def test_a_null_canary_is_not_failed_by_labels_that_are_late_by_class() -> None:
    """Seeded, 10 runs of half an hour: positives come within a minute, negatives within ten."""
    failed = 0
    for seed in range(10):
        rng = random.Random(100 + seed)
        w = world({"falsePositiveRate": AGAINST}, {"accuracy": AGAINST})
        found = run(
            w, 50, rng, (0.1, 0.1),
            lambda label, rng=rng: rng.expovariate(1 / (20 if label == "yes" else 200)) % 599,
            (10, 20),
        )  # fmt: skip
        failed += any(m.verdict == "Failed" for m in found.values())
    assert failed == 0


@pytest.mark.parametrize(
    ("metrics", "parts"),
    [
        ([{"name": "e", "errorRate": AGAINST}], {"requests"}),
        ([{"name": "a", "accuracy": AGAINST}], {"requests", "outcomes"}),
        ([{"name": "s", "predictionShift": {"maximum": 0.1}}], {"requests", "outcomes"}),
    ],
)
def test_only_the_parts_that_metrics_need_are_asked_for(
    metrics: list[dict[str, Any]], parts: set[str]
) -> None:
    trial = Simulated({"metrics": metrics})
    trial.steps(5)
    trial.wish("b" * 64)
    trial.steps(12)
    assert trial.deployment.status.canary is not None
    seen = set[str]()
    for _ in range(STEP_SECONDS):
        trial.seconds += 2  # what was not looked at yet
        seen |= set(questions(trial.snapshot()))
        trial.steps(1)
    assert seen == parts
