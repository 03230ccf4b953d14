"""Bins that ties and heavy values leave, against a table, and a rule in its plain words."""

from typing import Any

import numpy as np
import pytest
from answered import golden
from hypothesis import given
from hypothesis import strategies as st

from perennial_training.prove.bins import bin_edges, guarded_edges


def counted(edges: list[float], values: Any) -> list[int]:
    found = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return [int(n) for n in found]


@pytest.mark.parametrize("case", golden("bins.json"), ids=lambda case: case["name"])
def test_edges_are_those_of_the_table(case: dict[str, Any]) -> None:
    values = np.array(case["values"], dtype=float)
    edges = bin_edges(values, case["bins"])
    assert edges == case["edges"]
    assert counted(edges, values) == case["counts"]


def walked(values: list[float], bins: int) -> list[float]:
    """The rule, value by value."""
    distinct, counts = np.unique(values, return_counts=True)
    edges, held, left = [], 0, len(values)
    target = left / bins
    for value, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        full = held >= target or held + count - target > target - held
        if held and full and len(edges) < bins - 1:
            edges.append(value)
            left -= held
            held, target = 0, left / (bins - len(edges))
        held += count
    return edges


@given(st.lists(st.integers(-5, 40).map(float), min_size=1, max_size=80), st.integers(2, 12))
def test_edges_are_found_at_once_as_by_walking(values: list[float], bins: int) -> None:
    assert bin_edges(np.array(values), bins) == walked(values, bins)


def test_many_different_values_fill_ten_equal_bins() -> None:
    values = np.random.default_rng(3).normal(size=1_000).astype(np.float32).astype(np.float64)
    edges = bin_edges(values)
    assert counted(edges, values) == [100] * 10 and set(edges) <= set(values)


@pytest.mark.parametrize("constant", [0.0, 7.0, -2.5, 1e30, 1e-40, 16_777_216.0])
def test_a_constant_has_a_bin_of_its_own(constant: float) -> None:
    value = float(np.float32(constant))
    edges = guarded_edges(np.full(5, value))
    assert counted(edges, np.full(5, value)) == [0, 5, 0]
    up, down = (np.nextafter(np.float32(value), np.float32(s)) for s in (np.inf, -np.inf))
    assert counted(edges, [float(down), value, float(up)]) == [1, 1, 1]


def test_the_largest_number_has_no_edge_above() -> None:
    largest = float(np.finfo(np.float32).max)
    assert guarded_edges(np.full(3, largest)) == [largest]
    assert guarded_edges(np.array([-0.0, 0.0]))[0] == 0.0


def test_two_values_have_bins_of_their_own_and_three_the_common_ones() -> None:
    flag = np.repeat([0.0, 1.0], [19, 1])
    edges = guarded_edges(flag)
    assert counted(edges, flag) == [0, 19, 0, 1, 0]
    assert counted(edges, [-1.0, 0.5, 2.0]) == [1, 0, 1, 0, 1]
    assert guarded_edges(np.array([1.0, 2.0, 3.0])) == bin_edges(np.array([1.0, 2.0, 3.0]))
    neighbours = np.array([1.0, float(np.nextafter(np.float32(1), np.float32(2)))])
    assert counted(guarded_edges(neighbours), neighbours) == [0, 1, 1, 0]
