"""However requests and rows are split over pods and time, windows add up to the whole."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_artifact.buckets import Buckets, Tier
from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.sketch import Sketch
from perennial_artifact.windows import Bucket, Column, Requests, Window, merge
from perennial_serving.evidence.answers import AnswerCounts

START, END = 1_800_000_000, 1_800_000_060
BOUNDS = (0.01, 0.1, 1.0)
PROFILE = Profile(
    rows=1, features=[FeatureProfile(name="x", kind="Numeric", edges=[0.5, 1.5], counts=[0, 0, 0])]
)
# When, by which pod, with which status, how long it took, and of which value the row was.
requests = st.tuples(
    st.integers(0, 59_999).map(lambda ms: START + ms / 1000),
    st.integers(0, 2),
    st.sampled_from([200, 400, 503]),
    st.sampled_from([0.005, 0.01, 0.05, 5.0]),
    st.sampled_from([0.0, 1.0, 2.0, float("nan")]),
)
Request = tuple[float, int, int, float, float]


class Pod:
    """What one pod counts."""

    def __init__(self, asked: Sequence[Request]) -> None:
        self.answers, self.sketch = AnswerCounts(BOUNDS), Sketch(PROFILE)
        for now, _, code, seconds, value in sorted(asked, key=lambda r: r[0]):
            self.answers.answered(code, bisect_left(BOUNDS, seconds), now)
            self.sketch.observe(np.array([[value]]), [], 1, now)

    def window(self, start: int, end: int, clock: float = END) -> Window:
        rows, features, predictions = self.sketch.between(start, end, clock)
        return Window(
            model="m", version="1", since=0, clock=clock, start=start, end=end,
            requests=self.answers.between(start, end, clock), profile="p", rows=rows,
            features=features, predictions=predictions,
        )  # fmt: skip


@given(st.lists(requests, max_size=60), st.sets(st.integers(1, 11), max_size=5))
def test_any_split_over_pods_and_time_merges_to_the_whole(
    asked: list[Request], cuts: set[int]
) -> None:
    whole = Pod(asked).window(START, END)
    moments = [START, *(START + 5 * cut for cut in sorted(cuts)), END]
    pods = [Pod([r for r in asked if r[1] == number]) for number in range(3)]
    parts = [p.window(a, b) for p in pods for a, b in pairwise(moments)]
    assert merge(parts) == whole
    assert merge([merge(parts[:2]), *parts[2:]]) == whole
    assert whole.rows == len(asked) and whole.requests is not None
    assert sum(b.requests for b in whole.requests.buckets) == len(asked)
    assert sum(sum(b.took) for b in whole.requests.buckets) == len(asked)


@given(st.lists(requests, max_size=30))
def test_fewer_bounds_may_be_taken_before_or_after_adding_up(asked: list[Request]) -> None:
    """Where servers of two releases count at other bounds, those in common are compared."""
    one, other = (Pod(asked[n::2]).answers.between(START, END, END) for n in (0, 1))
    coarse = other.at(BOUNDS[1:])
    apart = Pod(asked).answers.between(START, END, END).at(BOUNDS[1:])
    found = merge([_only(one), _only(coarse)]).requests
    assert found == apart


def _only(requests: Requests) -> Window:
    return Window(
        model="m", version="1", since=0, clock=END, start=START, end=END, requests=requests
    )


@given(
    st.lists(st.tuples(st.floats(0, 300, exclude_max=True), st.integers(1, 9)), max_size=40),
    st.integers(0, 400),
)
def test_what_ages_is_counted_in_wider_buckets_and_none_twice(
    counted: list[tuple[float, int]], later: int
) -> None:
    buckets = Buckets.of_counts(1, (Tier(1, 60), Tier(10, 10_000)))
    for moment, count in sorted(counted):
        buckets.at(START + moment)[:] += count
    now = START + 300 + later
    found = list(buckets.between(START, now, now))
    assert sum(int(c[0]) for _, _, c in found) == sum(count for _, count in counted)
    for start, width, counts in found:
        assert start % width == 0 and buckets.width(start, now) == width
        inside = [n for m, n in counted if start <= START + m < start + width]
        assert int(counts[0]) == sum(inside)


def test_what_is_too_old_is_forgotten() -> None:
    buckets = Buckets.of_counts(1, (Tier(1, 10), Tier(5, 60)))
    for second in range(1_000):
        buckets.at(START + second)[:] += 1
    now = START + 1_000
    assert buckets.oldest(now) == now - 60
    assert sum(int(c[0]) for _, _, c in buckets.between(0, now, now)) in range(60, 66)
    assert buckets.maximum_bytes < 10_000


def test_nothing_is_added_to_what_was_read_though_the_clock_be_set_back() -> None:
    answers = AnswerCounts(BOUNDS)
    answers.answered(200, 1, START + 9.5)
    read = answers.between(START, START + 10, START + 10.2)
    answers.answered(500, 1, START + 3.0)
    assert answers.between(START, START + 10, START + 11) == read
    after = answers.between(START + 10, START + 20, START + 20)
    assert [b.failed for b in after.buckets] == [1]


def test_windows_that_do_not_go_together_are_refused() -> None:
    one = Pod([]).window(START, END)
    for other in (one.replace(profile="q"), one.replace(requests=None), one.replace(features=None)):
        with pytest.raises(ValueError):
            merge([one, other])
    with pytest.raises(ValueError):
        merge([one, one.replace(features=[Column([1], 0, 0, 0)])])
    with pytest.raises(ValueError):
        merge([])
    with pytest.raises(ValueError):
        Requests([0.1], [Bucket(1, 1, 1, 0, 0, [1, 0])]).at([0.2])


def test_a_thousand_features_fit_in_84_kib() -> None:
    columns = [Column([9_999] * 10, 0, 99, 99)] * 1_000
    window = Pod([]).window(START, END).replace(features=columns)
    assert len(msgspec.json.encode(window)) < 84 * 1024
