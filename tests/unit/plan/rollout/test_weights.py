"""Shares of the traffic by numbers of pods."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.plan.rollout.traffic import replicas
from perennial.plan.rollout.traffic.replicas import CLOSE_ENOUGH, percents, split

REPLICAS, WEIGHTS, SURGE = st.integers(1, 60), st.integers(1, 99), st.integers(1, 60)


def pair(replicas: int, weight: int, surge: int | None = None) -> tuple[int, int]:
    """Return the pods of stable and canary."""
    most = replicas + (replicas if surge is None else surge)
    stable, canary = split(replicas, (100 - weight, weight), most)
    return stable, canary


def off(stable: int, canary: int, weight: int) -> float:
    return abs(100 * canary / (stable + canary) - weight)


@given(REPLICAS, WEIGHTS, SURGE)
def test_capacity_is_what_is_asked_for_and_the_budget_is_kept(
    n: int, weight: int, surge: int
) -> None:
    stable, canary = pair(n, weight, surge)
    assert 1 <= stable <= n and 1 <= canary <= n
    assert n <= stable + canary <= n + surge


@given(REPLICAS, WEIGHTS, SURGE)
def test_no_other_pair_comes_closer_by_what_can_be_told(n: int, weight: int, surge: int) -> None:
    stable, canary = pair(n, weight, surge)
    for s in range(1, n + 1):
        for c in range(max(1, n - s), min(n, n + surge - s) + 1):
            closer = off(stable, canary, weight) - off(s, c, weight)
            assert closer <= 1e-9 or off(stable, canary, weight) <= CLOSE_ENOUGH


@given(REPLICAS, WEIGHTS, SURGE)
def test_stable_has_all_its_pods_wherever_that_comes_close_enough(
    n: int, weight: int, surge: int
) -> None:
    """So that a rollback turns requests at once, and waits for no pod."""
    whole = any(off(n, c, weight) <= CLOSE_ENOUGH for c in range(1, min(n, surge) + 1))
    stable, canary = pair(n, weight, surge)
    assert not whole or (stable == n and off(n, canary, weight) <= CLOSE_ENOUGH)


@given(REPLICAS, WEIGHTS, SURGE)
def test_else_no_fewer_pods_come_as_close(n: int, weight: int, surge: int) -> None:
    stable, canary = pair(n, weight, surge)
    if stable == n:
        return
    for total in range(n, stable + canary):
        for c in range(max(1, total - n), min(n, total - 1) + 1):
            assert off(total - c, c, weight) > min(CLOSE_ENOUGH, off(stable, canary, weight))


@pytest.mark.parametrize(("surge", "pods"), [(4, (4, 4)), (3, (2, 2)), (1, (2, 2))])
def test_a_budget_without_room_for_stable_is_kept(surge: int, pods: tuple[int, int]) -> None:
    assert pair(4, 50, surge) == pods


@given(REPLICAS, WEIGHTS, WEIGHTS)
def test_more_weight_is_no_smaller_share(n: int, one: int, other: int) -> None:
    low, high = pair(n, min(one, other)), pair(n, max(one, other))
    assert low[1] / sum(low) <= high[1] / sum(high)


@pytest.mark.parametrize(
    ("replicas", "weight", "pods"),
    [
        (1, 50, (1, 1)),
        (2, 30, (2, 1)),
        (2, 50, (2, 2)),
        (4, 20, (4, 1)),
        (4, 25, (3, 1)),  # 4 + 1 would be 20 %
        (4, 75, (1, 3)),  # 4 + 12 would be more than is asked for
        (7, 60, (4, 6)),
        (10, 10, (9, 1)),
        (10, 50, (10, 10)),
        (3, 1, (3, 1)),
        (1000, 37, (1000, 587)),
    ],
)
def test_by_hand(replicas: int, weight: int, pods: tuple[int, int]) -> None:
    assert pair(replicas, weight) == pods


@given(REPLICAS, st.lists(st.integers(1, 40), min_size=3, max_size=6))
def test_any_number_of_shares(n: int, parts: list[int]) -> None:
    shares = [100 * part // sum(parts) or 1 for part in parts]
    shares[0] += 100 - sum(shares)
    if shares[0] < 1:
        return
    counts = split(n, shares, 2 * n)
    assert len(counts) == len(shares) and all(1 <= count <= n for count in counts)
    assert sum(counts) >= n


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The totals that are tried: what a split costs."""
    totals: list[int] = []
    apportioned = replicas._apportioned

    def noted(total: int, *rest: Any) -> Any:
        totals.append(total)
        return apportioned(total, *rest)

    monkeypatch.setattr(replicas, "_apportioned", noted)
    return totals


@pytest.mark.parametrize("weight", [1, 33, 50, 99])
def test_a_thousand_replicas_need_no_search(weight: int, tried: list[int]) -> None:
    stable, canary = pair(1000, weight)
    assert off(stable, canary, weight) <= CLOSE_ENOUGH and len(tried) <= 3


@pytest.mark.parametrize("shares", [(99, 1), (34, 33, 33), (97, 1, 1, 1), (1,) * 100])
@pytest.mark.parametrize("n", [1, 7, 60, 10_000])
def test_no_split_tries_more_totals_than_a_period_has(
    n: int, shares: tuple[int, ...], tried: list[int]
) -> None:
    split(n, shares, 100 * n)
    assert len(tried) <= replicas.PERIOD + 3


@pytest.mark.parametrize(
    ("stable", "canary", "share"), [(3, 1, 25), (2, 1, 33), (0, 2, 100), (9, 1, 10)]
)
def test_the_share_in_percent(stable: int, canary: int, share: int) -> None:
    assert percents({"stable": stable, "canary": canary})["canary"] == share


def test_no_pods_have_no_shares() -> None:
    assert percents({"stable": 0, "canary": 0}) == {}
