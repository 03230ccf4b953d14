"""Tails, tests, effects and distances against tables of right values."""

import math
from fractions import Fraction
from typing import Any

import pytest

from perennial_statistics.beta_distribution import beta_binomial_tail
from perennial_statistics.cells import added_up, category_groups, ordered_groups
from perennial_statistics.chi_square import (
    chi_square_tail,
    g_test,
    homogeneity_p,
    log_chi_square_tail,
)
from perennial_statistics.design_effect import DesignEffect, corrected_p, design_effect
from perennial_statistics.distances import jensen_shannon, kolmogorov_smirnov, wasserstein
from perennial_statistics.effect import excess, pooled_psi
from perennial_statistics.f_distribution import f_tail
from perennial_statistics.multiple_testing import (
    benjamini_hochberg,
    benjamini_yekutieli,
    holm,
)
from perennial_statistics.quality import out_of_range, unseen_categories
from unit.statistics.golden_tables import cases, tolerance

Case = dict[str, Any]


@pytest.mark.parametrize("case", cases("chi2_sf"))
def test_the_tail_of_chi_square(case: Case) -> None:
    close = tolerance("chi2_sf")
    assert chi_square_tail(case["x"], case["df"]) == pytest.approx(case["sf"], rel=close)
    log_tail = log_chi_square_tail(case["x"], case["df"])
    assert log_tail == pytest.approx(case["log_sf"], rel=close, abs=1e-15)


@pytest.mark.parametrize("case", cases("f_sf"))
def test_the_tail_of_f(case: Case) -> None:
    found = f_tail(case["f"], case["df1"], case["df2"])
    assert found == pytest.approx(case["sf"], rel=tolerance("f_sf"))


@pytest.mark.parametrize("case", cases("chi_square"))
def test_cells_and_the_g_test(case: Case) -> None:
    reference, window = case["reference"], case["window"]
    if case["ordered"]:
        groups = ordered_groups(reference, window)
    else:
        reference = [*reference, case["reference_other"]]
        window = [*window, case["window_other"]]
        groups = category_groups(reference, window)
    merged = added_up(reference, groups), added_up(window, groups)
    assert sorted(zip(*merged, strict=True)) == sorted(
        (r, c)
        for r, c in zip(case["merged_reference"], case["merged_window"], strict=True)
        if r + c or not case["ordered"]
    )
    close = tolerance("chi_square")
    found = g_test(*merged)
    assert found.df == case["df"]
    assert found.g == pytest.approx(case["g_williams"], rel=close, abs=1e-9)
    assert homogeneity_p(found.g, found.df) == pytest.approx(case["p_g_williams"], rel=close)
    if found.g:
        log_p = log_chi_square_tail(found.g, found.df)
        assert log_p == pytest.approx(case["log_p_g_williams"], rel=close)
    slightly = DesignEffect(1.15, 24, 23 * found.df * 100)
    assert chi_square_tail(found.g / slightly.phi, found.df) == pytest.approx(
        case["p_phi_1_15"], rel=close
    )
    clearly = DesignEffect(2.0, 24, 23 * found.df)
    assert clearly.clear
    assert corrected_p(found.g, found.df, clearly) == pytest.approx(
        case["p_F_T24_phi_2"], rel=close
    )


@pytest.mark.parametrize("case", cases("design_effect"))
def test_the_design_effect(case: Case) -> None:
    found = design_effect(case["slices"])
    assert found.phi == pytest.approx(case["phi"], rel=tolerance("design_effect"))
    assert 1 + 2 * math.sqrt(2 / found.df) == pytest.approx(case["limit"])
    assert found.clear == (case["reference"] == "F")


@pytest.mark.parametrize("case", cases("psi"))
def test_the_index_and_its_excess(case: Case) -> None:
    reference, window = case["reference"], case["window"]
    close = tolerance("psi")
    psi = pooled_psi(reference, window)
    assert psi == pytest.approx(case["pooled_half"], abs=close)
    found = excess(psi, case["cells"] - 1, sum(reference), sum(window))
    assert found == pytest.approx(case["excess"], abs=close)


@pytest.mark.parametrize("case", cases("multiple_testing"))
def test_adjusted_p_values(case: Case) -> None:
    close = tolerance("multiple_testing")
    assert holm(case["p"]) == pytest.approx(case["holm_adjusted"], abs=close)
    assert benjamini_hochberg(case["p"]) == pytest.approx(case["bh_adjusted"], abs=close)
    assert benjamini_yekutieli(case["p"]) == pytest.approx(case["by_adjusted"], abs=close)


@pytest.mark.parametrize("case", cases("quality"))
def test_out_of_range_and_unseen(case: Case) -> None:
    if case["check"] == "OutOfRange":
        found = out_of_range(case["outside"], case["window_rows"], case["reference_rows"])
    else:
        found = unseen_categories(
            case["unseen"], case["window_rows"], case["reference_rows"], case["singletons"]
        )
    # The table's tails were got as 1 less the lower one: right to 1e-11 and no further.
    assert found.p == pytest.approx(case["p"], rel=tolerance("quality"), abs=2e-11)


@pytest.mark.parametrize(
    ("k", "n", "a", "b"), [(10, 500, 2, 9_999), (12, 500, 31, 9_970), (3, 40, 2, 39), (1, 9, 1, 5)]
)
def test_the_tail_of_the_beta_binomial_is_right_where_it_is_thin(
    k: int, n: int, a: int, b: int
) -> None:
    def rising(start: int, steps: int) -> int:
        return math.prod(range(start, start + steps))

    exact = sum(
        Fraction(math.comb(n, x) * rising(a, x) * rising(b, n - x), rising(a + b, n))
        for x in range(k, min(n, k + 60) + 1)
    )
    assert beta_binomial_tail(k, n, a, b) == pytest.approx(float(exact), rel=1e-9)


@pytest.mark.parametrize("case", cases("jensen_shannon"))
def test_jensen_shannon(case: Case) -> None:
    close = tolerance("jensen_shannon")
    both = case["reference"], case["window"]
    assert jensen_shannon(*both) == pytest.approx(case["distance_base2"], abs=close)
    assert jensen_shannon(*both, math.e) == pytest.approx(case["distance_natural"], abs=close)


@pytest.mark.parametrize("case", cases("ks"))
def test_kolmogorov_smirnov(case: Case) -> None:
    found = kolmogorov_smirnov(case["reference_counts"], case["window_counts"])
    close = tolerance("ks")
    assert found.value == pytest.approx(case["binned"], abs=close)
    assert found.high == pytest.approx(case["upper_bound"], abs=close)
    assert found.low - close <= case["raw"] <= found.high + close


@pytest.mark.parametrize("case", cases("wasserstein"))
def test_wasserstein(case: Case) -> None:
    found = wasserstein(
        case["reference_counts"],
        case["window_counts"],
        case["edges"],
        case["lowest"],
        case["highest"],
        case["reference_std"],
    )
    close = tolerance("wasserstein")
    assert found.value == pytest.approx(case["binned_normalised"], abs=close)
    assert found.low == pytest.approx(case["lower_bound"], abs=close)
    assert found.high == pytest.approx(case["upper_bound"], abs=close)
