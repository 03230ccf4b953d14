"""Evidence, look by look, against tables of right values."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from perennial_statistics.against_stable import (
    PRIOR_EVENTS,
    PRIOR_REQUESTS,
    AgainstStable,
    StablePast,
)
from perennial_statistics.bursts import LOOKS, Bursts
from perennial_statistics.intervals import (
    always_valid_interval,
    clopper_pearson,
    paired_accuracies,
    quantile_interval,
    quantile_ranks,
    wilson,
)
from perennial_statistics.limits import AgainstLimit, log_e_above, log_e_below
from perennial_statistics.means import MeanDifference, Moments, half_width, tau_squared
from perennial_statistics.proportions import Counted, boundary, look_log_e
from unit.statistics.golden_tables import cases, tolerance

Case = dict[str, Any]
CLOSE = tolerance("confidence_sequences")
NAMES = {"Undecided": "Inconclusive"}


def sequences(kind: str) -> list[Any]:
    return cases("confidence_sequences", kind)


@pytest.mark.parametrize("case", sequences("limit"))
def test_against_a_limit(case: Case) -> None:
    errors, requests, limit = case["errors"], case["requests"], case["limit"]
    fail, success = case["log_e_fail"], case["log_e_pass"]
    assert log_e_above(errors, requests, limit) == pytest.approx(fail, abs=CLOSE)
    assert log_e_below(errors, requests, limit) == pytest.approx(success, abs=CLOSE)
    test = AgainstLimit.begin(reserve=0).after(requests, errors, errors, limit, reserve=0)
    assert test.log_above() == pytest.approx(fail, abs=CLOSE)
    assert test.log_below() <= success + CLOSE
    found, _ = test.outcome(alpha=1 / 20)
    assert NAMES.get(found, found) == case["verdict_at_20"]


@pytest.mark.parametrize("case", sequences("look"))
def test_one_look(case: Case) -> None:
    canary, stable = case["alternative_canary"], case["alternative_stable"]
    requests = case["canary_requests"], case["stable_requests"]
    null = boundary(*requests, canary, stable, case["margin"])
    assert null == pytest.approx((case["null_canary"], case["null_stable"]), abs=CLOSE)
    found = look_log_e(
        case["canary_errors"],
        requests[0],
        case["stable_errors"],
        requests[1],
        canary,
        stable,
        case["margin"],
    )
    assert found == pytest.approx(case["log_e"], abs=CLOSE)


@pytest.mark.parametrize("case", sequences("expectation"))
def test_the_expectation_of_a_look_is_at_most_one(case: Case) -> None:
    n, m = case["canary_requests"], case["stable_requests"]
    p, q = case["true_canary"], case["true_stable"]
    alternative = case["alternative_canary"], case["alternative_stable"], case["margin"]
    total = sum(
        math.comb(n, x) * p**x * (1 - p) ** (n - x)
        * math.comb(m, y) * q**y * (1 - q) ** (m - y)
        * math.exp(look_log_e(x, n, y, m, *alternative))
        for x in range(n + 1)
        for y in range(m + 1)
    )  # fmt: skip
    assert total == pytest.approx(case["expected_e"], abs=CLOSE)
    assert total <= 1


@pytest.mark.parametrize("case", sequences("sequence"))
def test_a_whole_sequence(case: Case) -> None:
    # The table's prior is all that is known before; ours has half an error in 50 requests more.
    no_bursts = replace(Bursts.none(1), looks=float(LOOKS))
    events, requests = case["prior_errors"] - PRIOR_EVENTS, case["prior_requests"] - PRIOR_REQUESTS
    test = AgainstStable.begin(StablePast(requests, (events,), no_bursts), reserve=0)
    for look, log_e in zip(case["looks"], case["log_e_after_each_look"], strict=True):
        x, n, y, m = look
        test = test.after(Counted(n, (x,)), Counted(m, (y,)), [0.005], reserve=0)
        assert test.log_worse() == pytest.approx(log_e, abs=CLOSE)


@pytest.mark.parametrize("case", sequences("one proportion"))
def test_a_share_at_any_time(case: Case) -> None:
    errors, requests, alpha = case["errors"], case["requests"], case["alpha"]
    prior = case["prior_mean"], case["prior_strength"]
    found = always_valid_interval(errors, requests, alpha, *prior)
    assert found == pytest.approx((case["low"], case["high"]), abs=CLOSE)
    exact = clopper_pearson(errors, requests, alpha)
    assert exact == pytest.approx(case["fixed_time_clopper_pearson"], abs=CLOSE)


@pytest.mark.parametrize("case", sequences("quantile from buckets"))
def test_a_quantile_from_buckets(case: Case) -> None:
    quantile, alpha = case["quantile"], case["alpha"]
    ranks = quantile_ranks(sum(case["counts"]), quantile, alpha, case["prior_strength"])
    assert ranks == (case["lowest_rank"], case["highest_rank"])
    found = quantile_interval(case["bounds"], case["counts"], quantile, alpha)
    assert found == (case["low"], case["high"])


@pytest.mark.parametrize("case", sequences("half width"))
def test_the_half_width_of_a_mean(case: Case) -> None:
    tau = tau_squared(case["planned_variance"], case["alpha"])
    assert tau == pytest.approx(case["tau_squared"], abs=CLOSE)
    found = half_width(case["variance"], tau, case["alpha"], case["sides"])
    assert found == pytest.approx(case["half_width"], abs=CLOSE)


@pytest.mark.parametrize("case", sequences("stratified means"))
def test_means_look_by_look(case: Case) -> None:
    test = MeanDifference()
    for canary, stable in case["looks"]:
        test = test.after(Moments(*canary), Moments(*stable), planned=500)
    assert test.difference == pytest.approx(case["difference"], abs=CLOSE)
    assert test.variance == pytest.approx(case["variance"], abs=CLOSE)


@pytest.mark.parametrize("case", [c for c in cases("intervals") if "right" in c.values[0]])
def test_an_accuracy_at_a_planned_time(case: Case) -> None:
    close = tolerance("intervals")
    assert wilson(case["right"], case["rows"]) == pytest.approx(case["wilson_95"], abs=close)
    exact = clopper_pearson(case["right"], case["rows"])
    assert exact == pytest.approx(case["clopper_pearson_95"], abs=close)


@pytest.mark.parametrize("case", cases("intervals", "paired accuracies"))
def test_two_models_on_the_same_rows(case: Case) -> None:
    close = tolerance("intervals")
    found = paired_accuracies(
        case["only_champion_right"], case["only_candidate_right"], case["rows"]
    )
    assert found.difference == pytest.approx(case["difference"], abs=close)
    assert found.standard_error == pytest.approx(case["standard_error"], abs=close)
    assert found.p == pytest.approx(case["mcnemar_exact_p"], rel=close)


def test_the_widths_of_a_quantile_shrink() -> None:
    widths = []
    for n in (100, 1_000, 10_000):
        low, high = quantile_ranks(n, 0.9, 0.05)
        widths.append((high - low) / n)
    assert all(a > b for a, b in pairwise(widths))
