"""Candidate and champion on the same resamples: equal ones are not refused by a coin."""

from typing import Any

import numpy as np
import pytest
from answered import golden, labels, numbers, scored, several, two
from scipy.stats import norm

from perennial_artifact.result import Comparison
from perennial_training.failure import TrainingFailure
from perennial_training.prove.compare import compare

pytestmark = pytest.mark.usefixtures("all_resamples")

PAIRED = [case for case in golden("intervals.json") if case.get("kind") == "paired accuracies"]


@pytest.mark.parametrize("case", PAIRED, ids=lambda case: str(case["difference"]))
def test_the_interval_of_paired_accuracies_has_the_standard_error(case: dict[str, Any]) -> None:
    rows, theirs, ours = case["rows"], case["only_champion_right"], case["only_candidate_right"]
    right_of_both = np.arange(rows) >= theirs + ours
    champion = np.where(right_of_both | (np.arange(rows) < theirs), 1, 0)
    candidate = np.where(right_of_both | (champion == 0), 1, 0)
    (found,) = compare(
        ["accuracy"], labels(candidate, (0, 1)), labels(champion, (0, 1)), np.ones(rows, int)
    )
    assert found.value - found.champion == pytest.approx(case["difference"], abs=1e-12)
    assert found.low is not None and found.high is not None
    half = norm.ppf(0.95) * case["standard_error"]
    assert found.low == pytest.approx(case["difference"] - half, abs=0.2 * half)
    assert found.high == pytest.approx(case["difference"] + half, abs=0.2 * half)
    # One-sided at 5 % by McNemar's exact test, the difference is there or is not.
    assert (found.high < 0) == (case["mcnemar_exact_p"] < 0.1)


def refused(found: Comparison, maximum_decrease: float = 0.0) -> bool:
    """As the gate has it."""
    return found.high is not None and found.high < -maximum_decrease


def run(rng: np.random.Generator, apart: float) -> list[Comparison]:
    """Compare a candidate with a champion whose classes are 1.5 spreads apart, on 200 rows."""
    truth = (rng.random(200) < 0.35).astype(int)
    hard = rng.normal(size=200) * 0.8  # what is hard for one is hard for the other
    sides = []
    for own in (apart, 1.5):
        score = hard + 0.6 * rng.normal(size=200) + own * truth
        sides.append(two(norm.cdf(score - own / 2)))
    return compare(["roc_auc", "accuracy"], *sides, truth)


def test_an_equal_candidate_is_refused_in_one_of_twenty_runs() -> None:
    rng = np.random.default_rng(11)
    runs = [run(rng, 1.5) for _ in range(100)]
    most = 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(runs))
    for metric in range(2):
        assert np.mean([refused(found[metric]) for found in runs]) <= most
        # Values alone refuse half of them.
        assert np.mean([f[metric].value < f[metric].champion for f in runs]) > 0.3


def test_a_clearly_worse_candidate_is_always_refused() -> None:
    rng = np.random.default_rng(12)
    runs = [run(rng, 0.3) for _ in range(15)]
    assert all(refused(auc) and refused(accuracy) for auc, accuracy in runs)
    assert not any(refused(auc, maximum_decrease=0.5) for auc, _ in runs)


def test_a_model_is_no_worse_than_itself() -> None:
    rng = np.random.default_rng(13)
    truth = rng.integers(0, 2, 100)
    same = two(scored(rng, truth, 1.0))
    for found in compare(["roc_auc", "f1", "neg_log_loss", "f1"], same, same, truth):
        assert (found.low, found.high) == (0, 0) and found.value == found.champion


def test_classes_may_differ_and_are_measured_by_the_dataset_s() -> None:
    truth = np.array(["a", "b", "b", "a"] * 30)
    ours = two(np.tile([0.1, 0.9, 0.6, 0.6], 30), ("a", "b"))
    known = several(np.tile([[0.1, 0.2, 0.7], [0.1, 0.8, 0.1]], (60, 1)), ("a", "b", "z"))
    theirs = type(known)(known.predicted, known.probabilities, known.known, ours.classes)
    accuracy, f1, auc = compare(["accuracy", "f1", "roc_auc"], ours, theirs, truth)
    assert (accuracy.value, accuracy.champion) == (0.75, 0.25)
    assert f1.champion == pytest.approx(2 * 30 / (60 + 60)) and 0 < auc.champion < 1
    assert all(c.low is not None for c in (accuracy, f1, auc))
    with pytest.raises(ValueError, match="different classes"):
        compare(["accuracy"], ours, known, truth)


def test_what_the_champion_cannot_do_is_left_out_and_what_we_cannot_is_told() -> None:
    truth = np.array([0, 1] * 20)
    with_shares, without = two(truth * 0.5), labels(truth, (0, 1))
    found = compare(["roc_auc", "accuracy"], with_shares, without, truth)
    assert [c.name for c in found] == ["accuracy"]
    with pytest.raises(TrainingFailure, match="needs probabilities"):
        compare(["roc_auc"], without, with_shares, truth)
    with pytest.raises(TrainingFailure, match="beauty is no scorer"):
        compare(["beauty"], with_shares, without, truth)


def test_the_largest_error_is_compared_without_an_interval() -> None:
    truth = np.arange(50.0)
    largest, mean = compare(
        ["neg_max_error", "neg_mean_absolute_error"], numbers(truth), numbers(truth + 1), truth
    )
    assert (largest.value, largest.champion, largest.low, largest.high) == (0, -1, None, None)
    assert (mean.low, mean.high) == (1, 1)
