"""disagreement: two versions' answers to the same requests, as their pods keep them."""

import math
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from builders import NOW, SHA

from perennial.api.deployment import Analysis, AnalysisStatus, ArtifactRef, MetricStatus, Revision
from perennial.plan.core.questions import Answer, Answers
from perennial.plan.rollout.analysis.answered import differing, kept, said
from perennial.plan.rollout.analysis.later import Trial, parts, span
from perennial.plan.rollout.analysis.look import closed, look
from perennial_artifact.pairs import Answered, Pairs
from perennial_artifact.scores import Score, of_probability
from perennial_artifact.windows import Bucket, Requests, Window
from perennial_serving.evidence.receipts.pairs import PairCounts

START = int(NOW.timestamp()) // 60 * 60
NEW = "b" * 64
SHADOW = frozenset({"old", "new"})


def revision(name: str, sha: str) -> Revision:
    artifact = ArtifactRef(uri="s3://models/a/", sha256=sha)
    return Revision.model_validate({"name": name, "artifact": artifact})


@dataclass
class Copied:
    """Three pods of stable and one of a shadow, which answer the same requests."""

    maximum: float = 0.02
    tolerance: float | None = None
    score: Score = "Probability"
    sha: str = NEW
    telling: frozenset[str] = SHADOW
    share: float = 1.0
    """Of the requests, of which the shadow is sent a copy."""
    differs: float = 0.0
    classes: tuple[tuple[str, ...], tuple[str, ...]] = (("no", "yes"), ("no", "yes"))
    """Of stable and of the shadow."""
    requests: int = 200
    """In each second."""
    status: AnalysisStatus | None = None
    now: int = START
    random: Random = field(default_factory=lambda: Random(1))

    def __post_init__(self) -> None:
        old, new = self.classes
        self.stable = [PairCounts("a" * 12, self.score, b"k", old) for _ in range(3)]
        self.shadow = [PairCounts("b" * 12, self.score, b"k", new)]
        self.number = 0
        asked = {"name": "same", "disagreement": {"maximum": self.maximum}}
        if self.tolerance is not None:
            asked["disagreement"] = {"maximum": self.maximum, "tolerance": self.tolerance}
        self.analysis = Analysis.model_validate({"metrics": [asked], "alpha": 0.01})

    def answer(self) -> None:
        """Let one second pass."""
        for _ in range(self.requests):
            self.number += 1
            p = self.random.random()
            told = [p, p] if self.random.random() >= self.differs else [p, 1 - p]
            ours, theirs = told if self.score == "Number" else map(of_probability, told)
            self._keep(self.stable[self.number % 3], float(ours), self.now)
            if self.random.random() < self.share:  # a little later, and seldom in the next bucket
                self._keep(self.shadow[0], float(theirs), self.now + self.random.random() * 0.1)
        self.now += 1

    def _keep(self, pod: PairCounts, answer: float, now: float) -> None:
        pod.add(pod.number(b"%d" % self.number), answer, now)

    def step(self) -> MetricStatus:
        """Let half a minute pass, and the operator look."""
        for _ in range(30):
            self.answer()
        now = NOW.fromtimestamp(self.now + 6, NOW.tzinfo)
        due = span(self.status, "old/new", now)
        told = self.told(*due) if due is not None else None
        until = closed(now)
        took = [self.requests]
        buckets = [Bucket(s, 1, self.requests, 0, 0, took) for s in range(START, self.now)]
        window = {"model": "m", "version": "1", "since": 0, "clock": now.timestamp()}
        asked = Requests([], [b for b in buckets if b.start < until])
        requests = Answers(
            {"old": ("o",), "new": ("n",)},
            until,
            tuple(
                Answer(pod, name, Window(**window, start=until - 600, end=until, requests=asked))
                for pod, name in (("o", "old"), ("n", "new"))
            ),
        )
        trial = Trial(revision("old", SHA), revision("new", self.sha))
        self.status = look(
            self.analysis, self.status, ("old", "new"), requests, now, True, True, trial, told
        )
        return self.status.metrics[0]

    def told(self, start: int, end: int) -> Answers:
        """Return what the pods tell of a time that is over."""
        assert end % 5 == start % 5 == 0
        found = []
        for name, pods in (("old", self.stable), ("new", self.shadow)):
            for n, pod in enumerate(pods):
                pairs = pod.between(start, end, end) if name in self.telling else None
                window = Window(
                    model="m", version="1", since=0, clock=end + 6, start=start, end=end,
                    outcomes=[], pairs=pairs,
                )  # fmt: skip
                found.append(Answer(f"{name}-{n}", name, window))
        ready = {"old": ("old-0", "old-1", "old-2"), "new": ("new-0",)}
        return Answers(ready, end, tuple(found))

    def until_decided(self, most: int = 20) -> MetricStatus:
        for _ in range(most):
            if (found := self.step()).verdict != "Undecided":
                return found
        return found


@pytest.mark.parametrize("share", [1.0, 0.2])
def test_a_version_that_answers_otherwise_too_often_fails_and_one_that_seldom_does_passes(
    share: float,
) -> None:
    world = Copied(differs=0.2, share=share)
    found = world.until_decided()
    assert found.verdict == "Failed" and found.value is not None and 0.05 < found.value < 0.4
    assert "of " in found.message and "pairs differ, 2% may; the limit is broken" in found.message
    good = Copied(differs=0.002, share=share).until_decided(60)
    assert good.verdict == "Successful" and good.requests >= 100, good.message


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ((), (), "pods of the new version do not tell the names of its classes"),
        ((), ("no", "yes"), "pods of stable do not tell the names of its classes"),
        (("no", "yes"), ("good", "bad"), "no class in common: no, yes of stable, good, bad of"),
    ],
)
def test_answers_whose_classes_are_not_known_are_neither_the_same_nor_others(
    old: tuple[str, ...], new: tuple[str, ...], words: str
) -> None:
    world = Copied(differs=0.5, classes=(old, new))
    for _ in range(4):
        found = world.step()
    assert found.verdict == "NotComparable" and words in found.message, found.message


def test_a_probability_says_the_class_that_it_makes_more_probable() -> None:
    assert said(told([of_probability(0.49)]), of_probability(0.49)) == "no"
    assert said(told([of_probability(0.51)]), of_probability(0.51)) == "yes"


def test_what_was_looked_at_is_not_looked_at_again() -> None:
    world = Copied(differs=0.05)
    for _ in range(4):
        found = world.step()
    # Each half a minute has six buckets of 128; few are lost at their bounds.
    assert 3 * 6 * 128 * 0.8 < found.requests <= 3 * 6 * 128
    again = span(world.status, "old/new", NOW.fromtimestamp(world.now + 6, NOW.tzinfo))
    assert again is None


def test_numbers_differ_beyond_a_tolerance() -> None:
    same = Copied(score="Number", differs=0.0).until_decided(60)
    assert same.verdict == "Successful"
    far = Copied(score="Number", differs=0.3, tolerance=0.1).until_decided()
    assert far.verdict == "Failed"
    near = Copied(score="Number", differs=0.3, tolerance=2.0).until_decided(60)
    assert near.verdict == "Successful"


def told(answers: list[float], **more: Any) -> Pairs:
    listed = [Answered(n, answer) for n, answer in enumerate(answers)]
    return Pairs(**{"version": "a", "score": "Probability", "classes": ["no", "yes"], **more},
                 answers=listed)  # fmt: skip


def test_classes_are_compared_by_their_names_whatever_their_order() -> None:
    yes, no = of_probability(0.9), of_probability(0.1)
    old, new = told([yes, yes]), told([no, yes], classes=["yes", "no"])
    assert differing(old, new, None) == (2, 1)
    several = {"score": "Class", "classes": ["a", "b", "c"]}
    assert differing(told([1, 9, 17], **several), told([2, 9, 9], **several), None) == (3, 1)
    assert said(told([0], **several), 0) is None


def test_numbers_are_the_same_within_a_hundredth_or_as_far_apart_as_is_said() -> None:
    def numbers(*found: float) -> Pairs:
        return told(list(found), score="Number", classes=[])

    old, new = numbers(100, -100, 0, math.nan, 1), numbers(101, -102, 0, math.nan, math.nan)
    assert differing(old, new, None) == (5, 2)
    assert differing(old, new, 3.0) == (5, 1)
    assert differing(numbers(1, 2), numbers(1, 2.0001), 0.0) == (2, 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"telling": frozenset({"new"})}, "no pod of stable tells what it answered"),
        ({"telling": frozenset({"old"})}, "no pod of the new version tells what it answered"),
        ({"score": "None"}, "neither a class nor one number"),
    ],
)
def test_what_cannot_be_compared_is_told_and_passes_nothing(
    changes: dict[str, Any], words: str
) -> None:
    world = Copied(**changes)
    world.step()
    found = world.step()
    assert found.verdict == "NotComparable" and words in found.message


def test_models_that_say_different_things_are_not_compared() -> None:
    world = Copied()
    world.shadow = [PairCounts("b" * 12, "Number", b"k")]
    world.step()
    found = world.step()
    assert found.verdict == "NotComparable" and "Probability and Number" in found.message


def test_another_setting_of_the_same_model_is_not_compared() -> None:
    world = Copied(sha=SHA, differs=0.5)
    world.step()
    assert world.step().verdict == "Successful"


def test_pods_that_say_to_be_of_several_versions_are_not_believed() -> None:
    answers = Copied().told(START - 60, START)
    first, *others = answers.received
    assert first.window is not None
    liar = told([1.0], version="c")
    changed = Answer(first.pod, first.revision, first.window.replace(pairs=liar))
    mixed = Answers(answers.asked, answers.until, (changed, *others))
    assert kept(mixed, "old") is None and kept(mixed, "new") is not None


def test_pairs_are_asked_for_where_they_are_needed() -> None:
    assert parts(Copied().analysis) == ("outcomes", "pairs")
    plain = {"metrics": [{"name": "a", "accuracy": {"minimum": 0.9}}]}
    assert parts(Analysis.model_validate(plain)) == ("outcomes",)
