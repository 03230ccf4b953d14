"""What is said of a canary, and that an operator which was restarted says the same."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_statistics.against_stable import AgainstStable, StablePast
from perennial_statistics.latency import (
    ComparedBounds,
    beyond,
    compared_bounds,
    latency_verdict,
    slower,
)
from perennial_statistics.limits import AgainstLimit
from perennial_statistics.means import MeanDifference, Moments
from perennial_statistics.numbers import in_percent, in_points, kept
from perennial_statistics.proportions import Counted
from perennial_statistics.verdict import Verdict, decide, split_alpha

ALPHA = split_alpha(0.01, 1)
POINT = [0.01]
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0)


def looks(canary: list[tuple[int, int]], stable: tuple[int, int] = (1, 100)) -> AgainstStable:
    past = StablePast.none()
    for _ in range(40):
        past = past.after(Counted(stable[1], (stable[0],)))
    test = AgainstStable.begin(past)
    for x, n in canary:
        test = test.after(Counted(n, (x,)), Counted(stable[1], (stable[0],)), POINT)
    return test


def test_a_canary_that_refuses_every_request_fails_at_its_third_request() -> None:
    test = looks([(1, 1)] * 3)
    found = test.verdict(["were refused"], POINT, ALPHA, "refusals")
    assert found.outcome == "Failed" and found.suspected
    assert found.message.startswith(
        "refusals: 100% of the canary's 3 requests were refused, 1% of stable's 300 requests at "
        "the same time; the canary is worse (at most 1 in 113 to see this if it were not)"
    )


def test_an_equal_canary_succeeds_within_the_margin() -> None:
    test = looks([(1, 100)] * 60)
    found = test.verdict(["failed"], POINT, ALPHA)
    assert found.outcome == "Successful"
    assert found.message == (
        "1% of the canary's 6,000 requests failed, 1% of stable's 6,000 requests at the same "
        "time; it is not worse by more than 1 point (at most 1 in 1,000 to see this if it were); "
        "at equal times the difference is -0.68 to +0.68 points (95% sure)"
    )
    assert found.low == pytest.approx(-0.0068, abs=1e-4) and found.high == -found.low


def test_a_certain_difference_within_the_margin_is_no_failure() -> None:
    test = looks([(1, 500)] * 400, stable=(1, 1_000))
    assert test.log_worse() > math.log(1 / ALPHA)
    found = test.verdict(["failed"], POINT, ALPHA)
    assert (found.outcome, found.value, found.reference) == ("Successful", 0.002, 0.001)


def test_few_requests_decide_nothing() -> None:
    assert looks([]).verdict(["failed"], POINT, ALPHA).message == "the canary had no request yet"
    found = looks([(0, 10), (1, 10)]).verdict(["failed"], POINT, ALPHA, "errors")
    assert (found.outcome, found.suspected) == ("Undecided", False)
    assert found.message.endswith("within 1 point of stable: more requests are needed")


def test_suspicion_is_told_before_it_is_proof() -> None:
    found = looks([(1, 2)] * 3).verdict(["failed"], POINT, ALPHA, "errors")
    assert (found.outcome, found.suspected) == ("Undecided", True)
    assert "it looks worse, but that is not certain enough yet (at most 1 in" in found.message


def test_a_look_without_stable_tells_nothing_of_the_canary() -> None:
    test = looks([(1, 20)] * 3)
    alone = test.after(Counted(50, (50,)), Counted(0, (0,)), POINT)
    assert alone == test
    # stable goes on being known while the canary has no traffic
    waiting = test.after(Counted(0, (0,)), Counted(100, (7,)), POINT)
    assert waiting.log_worse() == test.log_worse()
    assert waiting.past.events == (test.past.events[0] + 7,)


counts = st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(st.lists(st.tuples(counts, counts), max_size=80))
def test_a_restart_changes_no_number(pairs: list[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    going = restarted = AgainstStable.begin(StablePast.none())
    for (x, n), (y, m) in pairs:
        canary, stable = Counted(n, (x,)), Counted(m, (y,))
        going = going.after(canary, stable, POINT)
        restarted = AgainstStable.from_json(json.loads(json.dumps(restarted.to_json())))
        restarted = restarted.after(canary, stable, POINT)
        assert restarted == going
    assert math.isfinite(going.log_worse())


many = st.integers(0, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(st.lists(st.tuples(many, many), max_size=8), st.sampled_from([0.0, 1e-6, 0.3, 0.999999, 1]))
def test_no_count_and_no_margin_is_too_much(
    pairs: list[tuple[tuple[int, int], tuple[int, int]]], margin: float
) -> None:
    test = AgainstStable.begin(StablePast.none())
    for (x, n), (y, m) in pairs:
        test = test.after(Counted(n, (x,)), Counted(m, (y,)), [margin])
    assert math.isfinite(test.log_worse()) and math.isfinite(test.log_no_worse())
    assert test.verdict(["failed"], [margin], ALPHA).message


@given(many, st.sampled_from([0.0, 1e-6, 0.01, 0.5, 0.999999, 1.0]))
def test_no_count_and_no_limit_is_too_much(count: tuple[int, int], limit: float) -> None:
    test = AgainstLimit.begin().after(count[1], count[0], count[0], limit)
    assert test.verdict("failed", limit, ALPHA).message


@given(st.lists(st.tuples(counts, st.integers(0, 5)), max_size=80))
def test_a_restart_changes_no_number_of_a_limit(pairs: list[tuple[tuple[int, int], int]]) -> None:
    going = restarted = AgainstLimit.begin()
    for (x, n), more in pairs:
        going = going.after(n, x, min(n, x + more), 0.05)
        restarted = AgainstLimit.from_list(json.loads(json.dumps(restarted.to_list())))
        restarted = restarted.after(n, x, min(n, x + more), 0.05)
        assert restarted == going


def test_a_restart_changes_no_number_of_a_mean() -> None:
    going = restarted = MeanDifference()
    for i in range(60):
        # Their spread within a look is some 1.1, and not the same in each.
        means = 1.04 + i / 21, 0.87 + i / 46
        canary = Moments(7, 7 * means[0], 7 * means[0] ** 2 + 6.3 + i % 5)
        stable = Moments(23, 23 * means[1], 23 * means[1] ** 2 + 22.1 + i % 7)
        going = going.after(canary, stable, planned=1_000)
        restarted = MeanDifference.from_list(json.loads(json.dumps(restarted.to_list())))
        restarted = restarted.after(canary, stable, planned=1_000)
        assert restarted == going
    assert going.planned_variance


def test_what_an_older_operator_carried_on_without_an_interval_goes_on() -> None:
    known = looks([(1, 100)] * 60)
    older = {**known.to_json(), "canary": known.to_json()["canary"][:12]}
    test = AgainstStable.from_json(older)
    assert (test.worse, test.no_worse) == (known.worse, known.no_worse)
    assert test.verdict(["failed"], POINT, ALPHA).low is None
    for _ in range(5):
        test = test.after(Counted(100, (1,)), Counted(100, (1,)), POINT)
    assert test.verdict(["failed"], POINT, ALPHA).low is not None


def test_what_is_carried_on_is_small_and_checked() -> None:
    three = AgainstStable.begin(StablePast.none(3)).to_json()
    assert {arm: len(values) for arm, values in three.items()} == {"stable": 19, "canary": 37}
    assert len(AgainstLimit.begin().to_list()) == 16
    assert len(MeanDifference().to_list()) == 16
    for broken in ({"stable": [1.0]}, {"stable": [0.0] * 9, "canary": [0.0] * 11}):
        with pytest.raises(ValueError, match="carried on"):
            AgainstStable.from_json(broken)
    with pytest.raises(ValueError, match="not finite"):
        AgainstLimit.from_list([math.inf] * 16)


def test_counts_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="no counts"):
        Counted(3, (4,))
    with pytest.raises(ValueError, match="no counts"):
        AgainstLimit.begin().after(10, 3, 2, 0.01)


@pytest.mark.parametrize(
    ("latencies", "limit", "quantile", "outcome", "message"),
    [
        (
            [0, 0, 0, 800, 0, 0],
            0.3,
            0.99,
            "Undecided",
            "p99 may be 300 ms; 0% of 800 requests took longer than 500 ms, 100% longer than 250 "
            "ms, 1% may: nothing is counted at 300 ms itself; a limit of 250 ms or 500 ms can be "
            "decided",
        ),
        (
            [0, 0, 0, 800, 0, 0],
            0.25,
            0.99,
            "Failed",
            "p99 may be 250 ms; 100% of 800 requests took longer, 1% may: the limit is broken (at "
            "most 1 in 1,000,000 to see this if not)",
        ),
        (
            [0, 0, 0, 800, 0, 0],
            0.5,
            0.99,
            "Successful",
            "p99 may be 500 ms; 0% of 800 requests took longer, 1% may: the limit is kept (at "
            "most 1 in 302 to see this if not)",
        ),
        (
            [0, 0, 0, 0, 100, 0],
            0.4,
            0.5,
            "Failed",
            "p50 may be 400 ms; 100% of 100 requests took longer than 500 ms, 100% longer than "
            "250 ms, 50% may: the limit is broken (at most 1 in 1,000,000 to see this if not)",
        ),
        (
            [0, 0, 0, 0, 0, 900],
            2.0,
            0.99,
            "Undecided",
            "p99 may be 2 s; 900 requests were counted, 100% longer than 1 s, 1% may: nothing is "
            "counted at 2 s itself; a limit of 1 s can be decided",
        ),
    ],
)
def test_latency_is_decided_by_what_the_buckets_show(
    latencies: list[int], limit: float, quantile: float, outcome: str, message: str
) -> None:
    found = slower(BOUNDS, latencies, limit)
    requests = sum(latencies)
    test = AgainstLimit.begin().after(requests, found.surely, found.possibly, 1 - quantile)
    verdict = latency_verdict(test, BOUNDS, limit, quantile, ALPHA)
    assert verdict.message == message
    assert verdict.outcome == outcome


def test_latency_is_compared_at_stables_own_bounds() -> None:
    stable = [500, 400, 80, 15, 5, 0]
    assert compared_bounds(BOUNDS, [10, 0, 0, 0, 0, 0]) is None
    at = compared_bounds(BOUNDS, stable)
    assert at == ComparedBounds((0.05, 0.1, 0.5), (0.1, 0.05, 0.01))
    assert ComparedBounds.from_list(json.loads(json.dumps(at.to_list()))) == at
    past = StablePast.none(3)
    for _ in range(30):
        past = past.after(beyond(BOUNDS, stable, at))
    slow = test = AgainstStable.begin(past)
    for _ in range(12):
        test = test.after(beyond(BOUNDS, stable, at), beyond(BOUNDS, stable, at), at.margins)
        slow = slow.after(
            beyond(BOUNDS, [5, 4, 4, 2, 0, 0], at), beyond(BOUNDS, stable, at), at.margins
        )
    assert test.verdict(at.what, at.margins, ALPHA).outcome == "Successful"
    found = slow.verdict(at.what, at.margins, ALPHA, "latency")
    assert found.outcome == "Failed"
    assert "of the canary's 180 requests took longer than 100 ms, 10% of stable's" in found.message
    with pytest.raises(ValueError, match="buckets"):
        beyond((0.06, 0.2), [1, 1, 1], at)


def test_a_limit_of_nothing_and_one_of_everything() -> None:
    none = AgainstLimit.begin().after(1_000, 0, 0, 0.0)
    assert none.outcome(ALPHA) == ("Undecided", False)
    assert none.after(10, 1, 1, 0.0).outcome(ALPHA) == ("Failed", True)
    assert AgainstLimit.begin().after(1, 1, 1, 1.0).outcome(ALPHA) == ("Successful", False)


def test_a_limit_tells_what_the_true_share_may_be() -> None:
    found = AgainstLimit.begin().after(300, 3, 3, 0.01).verdict("failed", 0.01, ALPHA, "errors")
    assert found.outcome == "Undecided"
    assert found.message == (
        "errors: 1% of 300 requests failed, 1% may; the true share may be 0.14% to 3.3% (95% "
        "sure), so more requests are needed"
    )


def test_rewards_and_losses_fail_in_their_own_direction() -> None:
    test = MeanDifference()
    for _ in range(40):
        test = test.after(Moments(10, 3.0, 2.0), Moments(40, 20.0, 20.0), planned=400)
    assert test.difference == pytest.approx(-0.2)
    reward = test.verdict(0.05, ALPHA, higher_is_better=True, name="reward")
    assert reward.outcome == "Failed" and "the canary is worse (99.0% sure)" in reward.message
    assert test.verdict(0.05, ALPHA, higher_is_better=False).outcome == "Successful"
    first = MeanDifference().after(Moments(10, 3, 2), Moments(40, 20, 20), planned=400)
    assert first.verdict(0.05, ALPHA, True).message == (
        "too few rows yet to know how they vary: 10 of the canary, 40 of stable"
    )


def verdict(outcome: str, requests: float = 500, suspected: bool = False) -> Verdict:
    return Verdict(outcome, f"it is {outcome}", requests, suspected=suspected)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verdicts", "pause_over", "waited", "action"),
    [
        ([verdict("Successful"), verdict("Failed")], False, 0, "RollBack"),
        ([verdict("Successful"), verdict("Successful")], False, 0, "GoOn"),
        ([], False, 0, "Wait"),
        ([], True, 0, "GoOn"),
        ([verdict("Successful"), verdict("Undecided")], False, 0, "Wait"),
        ([verdict("Successful"), verdict("Undecided")], True, 0, "GoOn"),
        ([verdict("Undecided", 499)], True, 0, "Wait"),
        ([verdict("Undecided", 499)], True, 3_600, "AskPerson"),
        ([verdict("Undecided", suspected=True)], True, 0, "Wait"),
        ([verdict("Undecided", suspected=True)], True, 3_600, "AskPerson"),
    ],
)
def test_what_follows(
    verdicts: list[Verdict], pause_over: bool, waited: float, action: str
) -> None:
    found = decide(verdicts, pause_over, planned=500, waited=waited, wait_at_most=3_600)
    assert found.action == action


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0, "0%"),
        (1, "100%"),
        (0.031, "3.1%"),
        (0.00052, "0.052%"),
        (0.5, "50%"),
        (0.9912, "99.12%"),
    ],
)
def test_shares_for_people(share: float, shown: str) -> None:
    assert in_percent(share) == shown


def test_numbers_are_kept_as_they_come_back() -> None:
    assert kept(math.nan) == 0 and kept(-math.inf) == -1e15 and kept(1 / 3) == 0.3333333333
    assert kept(12_345_678_901.0) == 12_345_678_901
    assert (in_points(0.01), in_points(0.005)) == ("1 point", "0.5 points")
