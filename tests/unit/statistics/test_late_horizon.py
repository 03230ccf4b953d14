"""When labels are in, and where a metric is worse: against simulation and scipy."""

import math
import random

import pytest
from scipy import stats

from perennial_statistics.late_labels import by_class, horizon
from perennial_statistics.means import Moments
from perennial_statistics.slices import higher_mean, more_events


def told(ages: float, seed: int = 1) -> dict[str, list[tuple[float, float]]]:
    """Return labels of ages up to some days: frauds in 12 days in the middle, others in 45."""
    rng = random.Random(seed)
    found: dict[str, list[tuple[float, float]]] = {"fraud": [], "genuine": []}
    for _ in range(20_000):
        age = rng.random() * ages
        for label, delay in (("fraud", 12 * math.exp(0.7 * rng.gauss(0, 1))), ("genuine", 45.0)):
            if delay <= age:
                found[label].append((age, delay))
    return found


def test_it_is_the_slowest_class_that_counts() -> None:
    age, by = horizon(told(300))
    assert age == pytest.approx(45)
    assert {d.label for d in by} == {"fraud", "genuine"}
    fraud = next(d for d in by if d.label == "fraud")
    assert fraud.half == pytest.approx(12, rel=0.05)
    assert fraud.most == pytest.approx(12 * math.exp(0.7 * 1.6449), rel=0.05)


def test_young_predictions_do_not_flatter() -> None:
    """Of all labels that have come 95 % came within 29 days; of the old ones, within 38."""
    labels = {"fraud": told(150)["fraud"]}
    naive = by_class(labels, 0)[0].most
    age, _ = horizon(labels)
    assert age is not None and age > naive + 1
    assert age == pytest.approx(12 * math.exp(0.7 * 1.6449), rel=0.07)


def test_where_nothing_is_old_enough_nothing_is_said() -> None:
    assert horizon(told(60)) == (None, [])
    assert horizon({}) == (None, [])
    assert horizon({"fraud": [(100.0, 1.0)] * 29}) == (None, [])


@pytest.mark.parametrize(
    ("rows", "events", "other_rows", "other_events"),
    [
        (10, 3, 90, 5),
        (84, 58, 800, 280),
        (2_000, 40, 50_000, 500),
        (30, 0, 30, 4),
        (30, 30, 30, 30),
    ],
)
def test_more_events_is_fishers_exact_test(
    rows: int, events: int, other_rows: int, other_events: int
) -> None:
    table = [[events, rows - events], [other_events, other_rows - other_events]]
    right = stats.fisher_exact(table, alternative="greater").pvalue
    assert more_events(rows, events, other_rows, other_events) == pytest.approx(right, rel=1e-6)


def test_a_higher_mean_is_welchs_test() -> None:
    rng = random.Random(3)
    these = [rng.gauss(1.1, 1) for _ in range(400)]
    others = [rng.gauss(1.0, 2) for _ in range(900)]
    right = stats.ttest_ind(these, others, equal_var=False, alternative="greater").pvalue
    moments = [Moments(len(x), sum(x), sum(v * v for v in x)) for x in (these, others)]
    assert higher_mean(*moments) == pytest.approx(right, rel=0.02)
