"""What is counted of live traffic is what the definition of a profile's bins says."""

import math
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.sketch import AT_ONCE, TIERS, Sketch
from perennial_artifact.windows import Column

NOW = 1_800_000_000
FINE = TIERS[0]
# Few, so that values fall on edges; some that single precision rounds up, and some down.
NUMBERS = st.sampled_from([-1e300, -2.0, -0.1, 0.0, 0.1, 0.3, 1 / 3, 1.0, 16777217.0, 1e300])
VALUES = NUMBERS | st.sampled_from([math.nan, math.inf, -math.inf])


@st.composite
def columns(draw: st.DrawFn) -> FeatureProfile:
    edges = sorted(draw(st.sets(NUMBERS, max_size=6)))
    low, high = sorted(draw(st.tuples(NUMBERS, NUMBERS)))
    counts = [0] * (len(edges) + 1)
    return FeatureProfile(
        name="x", kind="Numeric", edges=edges, counts=counts,
        minimum=draw(st.sampled_from([low, None])), maximum=draw(st.sampled_from([high, None])),
    )  # fmt: skip


def sketch(*features: FeatureProfile) -> Sketch:
    return Sketch(Profile(rows=1, features=list(features)))


def counted(column: FeatureProfile, values: Sequence[float]) -> Column:
    """Count as the definition says, one value after the other."""
    numbers = [v for v in values if not math.isnan(v)]
    counts = [0] * len(column.counts)
    for v in numbers:
        counts[bisect_right(column.edges, v)] += 1
    low = -math.inf if column.minimum is None else column.minimum
    high = math.inf if column.maximum is None else column.maximum
    return Column(
        counts,
        other=0,
        missing=len(values) - len(numbers),
        out_of_range=sum(v < low or v > high for v in numbers),
        constant=numbers[0] if len(set(numbers)) == 1 and math.isfinite(numbers[0]) else None,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@given(data=st.data())
def test_numbers_fall_into_the_bins_of_their_definition(dtype: type, data: st.DataObject) -> None:
    described = data.draw(st.lists(columns(), min_size=1, max_size=3))
    row = st.lists(VALUES, min_size=len(described), max_size=len(described))
    # More than are counted in one go, by repeating them.
    drawn, times = (
        data.draw(st.lists(row, min_size=1, max_size=4)),
        data.draw(st.integers(1, AT_ONCE)),
    )
    with np.errstate(over="ignore"):
        values = np.array(drawn * times, dtype=dtype)
    found = sketch(*described)
    found.observe(values, [], len(values), NOW)
    rows, features, _ = found.between(NOW, NOW + FINE.seconds, NOW + FINE.seconds)
    assert rows == len(values)
    assert features == [
        counted(column, values[:, n].astype(float).tolist()) for n, column in enumerate(described)
    ]


def test_categories_are_counted_beside_numbers_and_old_buckets_still_count() -> None:
    number = FeatureProfile(name="n", kind="Numeric", edges=[1.0], counts=[0, 0])
    colour = FeatureProfile(name="c", kind="Categorical", categories=["red", "blue"], counts=[0, 0])
    found = sketch(colour, number)
    rows = (
        np.array([[0.5], [2.0], [np.nan], [1.0]]),
        np.array(["blue", "", "green", b"red"], object),
    )
    found.observe(rows[0], [rows[1]], 4, NOW)
    later = NOW + FINE.kept + 60
    found.observe(rows[0][:1], [rows[1][:1]], 1, later)
    _, (colours, numbers), _ = found.between(NOW, later + 60, later + 60)
    assert (colours.counts, colours.other, colours.missing) == ([1, 2], 1, 1)
    assert (numbers.counts, numbers.missing, numbers.out_of_range) == ([2, 2], 1, 0)
    rows_since, recent, _ = found.between(later, later + FINE.seconds, later + 60)
    assert rows_since == 1 and recent[0].counts == [0, 1]
