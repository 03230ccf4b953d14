"""Traffic by the ratio of replicas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults import fault
from perennial.plan.weights import actual, split

REPLICAS, WEIGHTS = st.integers(1, 60), st.integers(1, 99)


@given(REPLICAS, WEIGHTS)
def test_capacity_never_falls_below_what_is_asked_for(replicas: int, weight: int) -> None:
    stable, canary = split(replicas, weight)
    assert 1 <= stable <= replicas and 1 <= canary <= replicas and stable + canary >= replicas


@given(REPLICAS, WEIGHTS)
def test_no_other_pair_comes_closer(replicas: int, weight: int) -> None:
    stable, canary = split(replicas, weight)
    off = abs(canary / (stable + canary) - weight / 100)
    for s in range(1, replicas + 1):
        for c in range(max(1, replicas - s), replicas + 1):
            assert abs(c / (s + c) - weight / 100) >= off - 1e-12


@fault("A16", "half of four asks for four and four where two and two are exact")
def test_no_more_pods_than_an_exact_weight_needs() -> None:
    assert split(4, 50) == (2, 2)


@given(REPLICAS, WEIGHTS, WEIGHTS)
def test_more_weight_is_no_smaller_share(replicas: int, one: int, other: int) -> None:
    low, high = split(replicas, min(one, other)), split(replicas, max(one, other))
    assert low[1] / sum(low) <= high[1] / sum(high)


@given(REPLICAS)
def test_both_ends(replicas: int) -> None:
    assert split(replicas, 0) == (replicas, 1)
    assert split(replicas, 100) == (replicas, replicas)


@pytest.mark.parametrize(
    ("replicas", "weight", "pods"),
    [
        (1, 50, (1, 1)),
        (2, 30, (2, 1)),
        (4, 20, (4, 1)),
        (4, 75, (1, 3)),
        (10, 10, (9, 1)),
        (10, 50, (10, 10)),
        (3, 1, (3, 1)),
    ],
)
def test_by_hand(replicas: int, weight: int, pods: tuple[int, int]) -> None:
    assert split(replicas, weight) == pods


@pytest.mark.parametrize(
    ("stable", "canary", "share"), [(3, 1, 25), (2, 1, 33), (0, 0, 0), (0, 2, 100), (9, 1, 10)]
)
def test_the_share_in_percent(stable: int, canary: int, share: int) -> None:
    assert actual(stable, canary) == share
