"""Outcomes are counted once, by what was predicted and how long ago; bounded, and exact."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial_artifact.outcomes import AGES, Outcomes, add_outcomes
from perennial_artifact.scores import Score
from perennial_serving.evidence.receipts import outcomes as counts_of
from perennial_serving.evidence.receipts.duplicates import Duplicates, memory
from perennial_serving.evidence.receipts.outcomes import OTHER, Outcome, OutcomeCounts
from perennial_serving.evidence.receipts.receipt import Receipt
from perennial_serving.evidence.receipts.settings import Reward

START, END = 1_800_000_000, 1_800_000_060
ANY = Reward()


def receipt(
    number: int = 0,
    age: int = 0,
    score: Score = "Probability",
    byte: int = 7,
    version: str = "aaaaaaaaaaaa",
) -> Receipt:
    name = number.to_bytes(12, "big")
    return Receipt(name, version, score, START - age, bytes([byte] * 4), low=2.0, high=2.0)


def counts(reward: Reward = ANY, classes: Sequence[str] = ("0", "1")) -> OutcomeCounts:
    return OutcomeCounts(classes, reward, Duplicates())


def told(found: OutcomeCounts) -> list[Outcomes]:
    return found.between(START, END, END)


# Which receipt and row, when it arrives (also a second time), at which pod, what is told.
arrivals = st.tuples(
    st.integers(0, 30),
    st.integers(0, 3),
    st.integers(0, 59),
    st.integers(0, 2),
    st.sampled_from(["0", "1", 1, True, 0.0, None]),
    st.sampled_from([None, 0.0, 0.5, -2.0]),
)
Arrival = tuple[int, int, int, int, Any, float | None]
_KINDS: tuple[tuple[Score, str], ...] = (
    ("Probability", "aaaaaaaaaaaa"),
    ("Class", "bbbbbbbbbbbb"),
    ("Number", "cccccccccccc"),
)


def outcome(arrival: Arrival) -> tuple[Outcome, float]:
    number, row, second, _, label, reward = arrival
    score, version = _KINDS[number % 3]
    age = AGES[number % 5] - 60
    made = receipt(number, age, score, number % 7, version)
    return Outcome(made, row, label, reward), START + second


@settings(max_examples=60)
@given(
    st.lists(arrivals, max_size=60, unique_by=lambda a: a[:2]),
    st.sets(st.integers(1, 11), max_size=5),
    st.sets(st.integers(0, 59), max_size=4),
    st.randoms(use_true_random=False),
)
def test_pods_restarts_and_orders_merge_to_the_truth(
    found: list[Arrival], cuts: set[int], restarts: set[int], order: Any
) -> None:
    """Each outcome comes once, to any pod; pods are read, and begin anew, at whatever moments."""
    whole = counts()
    for one, now in sorted(map(outcome, found), key=lambda o: o[1]):
        whole.count(one, now)
    moments = [START, *(START + 5 * cut for cut in sorted(cuts)), END]
    parts = []
    for pod in range(3):
        # What begins anew has been read before: what has not is gone, and `since` says so.
        lives = [0, *sorted(r // 5 * 5 for r in restarts), 60]
        for begin, end in pairwise(lives):
            own = [a for a in found if a[3] == pod and begin <= a[2] < end]
            order.shuffle(own)
            life = counts()
            for each in sorted(own, key=lambda a: a[2] // 5):  # any order within a bucket
                one, now = outcome(each)
                assert life.count(one, now) is (one.label is not None or one.reward is not None)
            parts += [life.between(a, b, END) for a, b in pairwise(moments)]
    order.shuffle(parts)
    assert add_outcomes(parts) == told(whole)
    labels = sum(a[4] is not None for a in found)
    rewards = sum(a[5] is not None for a in found)
    known = [known for each in told(whole) for known in each.known]
    by_label = sum(n for k in known for by_score in k.labels.values() for n in by_score.values())
    errors = sum(k.errors.count for k in known if k.errors is not None)
    no_number = sum(a[4] is not None and a[0] % 3 == 2 and a[0] % 7 == 0 for a in found)
    assert by_label + errors + no_number == labels
    assert sum(k.rewards.count for k in known if k.rewards is not None) == rewards


def test_labels_are_by_score_and_class_and_age() -> None:
    found = counts()
    for n, (label, age) in enumerate(
        [("1", 0), (1, 60), (1.0, 61), (True, 86_400), ("cat", 86_399)]
    ):
        assert found.count(Outcome(receipt(n, age, byte=40 + n), 2, label, None), START)
    (one,) = told(found)
    assert [k.age for k in one.known] == [60, 600, 86_400]
    assert one.known[0].labels == {"1": {40: 1, 41: 1}}
    assert one.known[2].labels == {"1": {43: 1}, "cat": {44: 1}}


def test_errors_and_rewards_are_moments() -> None:
    found = counts()
    for n, (label, reward) in enumerate([(1, 0.5), ("4.0", None), (2.0, -1.0)]):
        found.count(Outcome(receipt(n, score="Number"), 0, label, reward), START)
    ((known,),) = (one.known for one in told(found))
    assert known.errors is not None and known.rewards is not None
    # Of 2.0 as the prediction: 1, -2, 0.
    assert msgspec.structs.astuple(known.errors) == (3, -1.0, 3.0, 5.0, 17.0)
    assert (known.rewards.count, known.rewards.sum, known.rewards.squares) == (2, -0.5, 1.25)


def test_what_comes_twice_counts_once_and_a_reward_may_follow_a_label() -> None:
    found = counts()
    assert found.count(Outcome(receipt(), 0, "1", None), START)
    assert not found.count(Outcome(receipt(), 0, "1", None), START + 1)
    assert not found.count(Outcome(receipt(), 0, "0", None), START + 2)  # the first one counts
    assert found.count(Outcome(receipt(), 1, "1", None), START)
    assert found.count(Outcome(receipt(), 0, "1", 0.5), START + 3)
    ((known,),) = (one.known for one in told(found))
    assert known.labels == {"1": {7: 2}} and known.rewards is not None
    assert known.rewards.count == 1


def test_processes_of_a_pod_share_what_they_remember_and_it_is_bounded() -> None:
    shared = memory()
    one, other = Duplicates(shared), Duplicates(shared)
    assert one.is_new(b"a") and not other.is_new(b"a") and other.is_new(b"b")
    names = [n.to_bytes(8, "big") for n in range(200_000)]
    assert all(one.is_new(name) for name in names[:20_000])
    newest = names[19_000:20_000]
    assert not any(other.is_new(name) for name in newest)
    for name in names[20_000:]:
        one.is_new(name)
    assert sum(not one.is_new(name) for name in names[-10_000:]) == 10_000
    assert len(one._table) == Duplicates.BYTES == 512 * 1024


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome(receipt(), 4, "1", None), "of 4 rows, and row 4 is none"),
        (Outcome(receipt(score="Number"), 0, "cat", None), "'cat' is no number"),
        (Outcome(receipt(score="Number"), 0, "nan", None), "'nan' is no number"),
        (Outcome(receipt(score="Number"), 0, 10**400, None), "is no number"),
        (Outcome(receipt(), 0, None, 1.5), "reward 1.5 is outside of what was declared, 0 to 1"),
        (Outcome(receipt(), 0, None, float("nan")), "outside of what was declared"),
    ],
)
def test_what_cannot_be_counted_is_told(outcome: Outcome, words: str) -> None:
    assert words in counts(Reward(0, 1)).wrong(outcome)
    assert counts(Reward(0, 1)).wrong(Outcome(receipt(), 3, "any", 1.0)) == ""


def test_made_up_labels_do_not_push_the_classes_out() -> None:
    found = counts()
    for n in range(100):
        found.count(Outcome(receipt(n), 0, f"junk {n}", None), START)
    found.count(Outcome(receipt(100), 0, "1", None), START)
    ((known,),) = (one.known for one in told(found))
    assert len(known.labels) == counts_of.MAXIMUM_LABELS + 2
    assert known.labels[OTHER] == {7: 100 - counts_of.MAXIMUM_LABELS}
    assert known.labels["1"] == {7: 1}
    tomorrow = START + 90_000
    found.count(Outcome(receipt(101, -90_000), 0, "a real one", None), tomorrow)
    (late,) = found.between(tomorrow // 60 * 60, tomorrow // 60 * 60 + 60, tomorrow + 60)
    assert late.known[0].labels == {"a real one": {7: 1}}


def test_too_much_to_keep_forgets_the_oldest_and_says_since_when(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counts_of, "MAXIMUM_BYTES", 20_000)
    found = counts()
    for n in range(60):
        found.count(Outcome(receipt(n), 0, "1", None), START + n)
        found.count(Outcome(receipt(n, version="dddddddddddd"), 1, f"{n % 2}", None), START + n)
    since = found.buckets.oldest(END)
    assert START < since < END - 5
    kept = sum(tally.bytes for tally in found.buckets.all())
    assert 10_000 < kept <= 20_000
    total = sum(
        n
        for one in found.between(since, END, END)
        for known in one.known
        for by_score in known.labels.values()
        for n in by_score.values()
    )
    assert total == 2 * (END - since)
