"""Performance, late labels, bandits and seasons against tables of right values."""

from typing import Any

import numpy as np
import pytest

from perennial_statistics.bandit import (
    next_weight,
    probability_better,
    probability_better_beta,
    stratified_difference,
)
from perennial_statistics.estimated_performance import (
    Estimate,
    degraded,
    isotonic_rates,
    joined_bins,
    several_classes,
    two_classes,
)
from perennial_statistics.late_labels import by_inverse_probability, by_score_bins
from perennial_statistics.seasonality import residual, volume_band
from unit.statistics.golden_tables import cases, tolerance

Case = dict[str, Any]


@pytest.mark.parametrize("case", cases("cbpe"))
def test_performance_before_labels_come(case: Case) -> None:
    found = two_classes(
        case["positive_rate"],
        case["labelled_rows"],
        case["window_rows"],
        case["first_positive_bin"],
    )
    close = tolerance("cbpe")
    values = {name: estimate.value for name, estimate in found.items()}
    errors = {name: estimate.standard_error for name, estimate in found.items()}
    assert values == pytest.approx(case["estimate"], abs=close)
    assert errors == pytest.approx(case["standard_error"], abs=close)
    assert found["roc_auc"].bound == pytest.approx(case["auc_bound"], abs=close)


def test_rates_rise_with_the_score() -> None:
    found = isotonic_rates([1, 5, 3, 9], [9, 9, 9, 9])
    assert found == pytest.approx([0.15, 0.45, 0.45, 0.95])


def test_several_classes_are_right_as_often_as_their_bins() -> None:
    found = several_classes([0.9, 0.5], [100, 100], [300, 100])
    assert found.value == pytest.approx(0.8)
    assert not degraded(found, reference=0.85, tolerance=0.02)
    assert degraded(Estimate(0.7, 0.01), reference=0.85, tolerance=0.02)


@pytest.mark.parametrize("case", cases("labels", "score bins"))
def test_late_labels_by_score_bin(case: Case) -> None:
    found = by_score_bins(case["all_rows"], case["labelled"], case["wrong"])
    assert found is not None and found.known
    close = tolerance("labels")
    assert found.value == pytest.approx(case["weighted"], abs=close)
    assert found.standard_error == pytest.approx(case["standard_error"], abs=close)
    assert by_score_bins([10, 5], [10, 0], [1, 0]) is None


@pytest.mark.parametrize("case", cases("labels", "inverse probability"))
def test_late_labels_by_their_chance_to_have_come(case: Case) -> None:
    wrong = [bool(row[2]) for row in case["rows"]]
    found = by_inverse_probability(wrong, [row[1] for row in case["rows"]], due=6)
    assert found is not None and not found.known
    assert found.value == pytest.approx(case["estimate"], abs=tolerance("labels"))


@pytest.mark.parametrize("case", cases("bandit", "beta"))
def test_which_of_two_beta_posteriors_is_higher(case: Case) -> None:
    found = probability_better_beta(tuple(case["canary"]), tuple(case["stable"]))
    assert found == pytest.approx(case["probability_canary_better"], abs=tolerance("bandit"))


@pytest.mark.parametrize("case", cases("bandit", "weight"))
def test_weight_follows_the_probability_in_steps(case: Case) -> None:
    close = tolerance("bandit")
    probability = probability_better(case["z"], 1.0)
    assert probability == pytest.approx(case["probability"], abs=close)
    found = next_weight(case["before"], probability, case["floor"], case["largest_step"])
    assert found == pytest.approx(case["weight"], abs=close)


@pytest.mark.parametrize("case", cases("bandit", "stratified"))
def test_rewards_are_compared_within_batches(case: Case) -> None:
    close = tolerance("bandit")
    difference, variance = stratified_difference(case["batches"])
    assert difference == pytest.approx(case["difference"], abs=close)
    assert variance == pytest.approx(case["variance"], abs=close)
    found = probability_better(difference, variance)
    assert found == pytest.approx(case["probability"], abs=close)


@pytest.mark.parametrize("case", cases("seasonality"))
def test_the_band_of_volume(case: Case) -> None:
    close = tolerance("seasonality")
    found = volume_band(case["same_hour"], case["residuals"])
    assert found is not None
    assert (found.centre, found.spread) == pytest.approx(
        (case["centre"], case["spread"]), abs=close
    )
    assert (found.low, found.high) == pytest.approx((case["low"], case["high"]), rel=close)
    assert found.holds(1_000) and not found.holds(500)
    assert volume_band(case["same_hour"][:2], case["residuals"]) is None
    assert residual(case["same_hour"][0], [case["same_hour"][0]]) == 0


def test_bins_with_few_rows_are_joined_and_never_over_the_threshold() -> None:
    found = joined_bins([5, 2, 2, 1, 0, 0, 1, 9, 0, 2], first_positive=5, most=5)
    assert [list(places) for places in found] == [[0], [1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert joined_bins([0, 0, 8, 0], first_positive=2) == [range(2), range(2, 4)]


def test_how_much_a_metric_varies_by_which_scores_come() -> None:
    """Beside windows drawn at random, of bins whose rates are known."""
    rng = np.random.default_rng(5)
    rates, rows = [0.01, 0.1, 0.3, 0.6, 0.9], [400, 300, 150, 100, 50]
    of_all = two_classes(rates, rows, rows, 3)
    drawn = rng.multinomial(5_000, np.array(rows) / sum(rows), size=1_000)
    windows = [two_classes(rates, rows, n.tolist(), 3) for n in drawn]
    for metric, estimate in of_all.items():
        seen = np.var([w[metric].value for w in windows])
        assert estimate.of_a_row / 5_000 == pytest.approx(seen, rel=0.2), metric
