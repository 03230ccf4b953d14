"""The reference, and that drift on it is seen as soon as there is any, and not before."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from answered import labels, numbers, several, two
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)

from perennial.plan.monitoring.compared import features
from perennial.plan.monitoring.counted import paired
from perennial_artifact.manifest import Column
from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.sketch import Sketch
from perennial_artifact.windows import Window
from perennial_statistics.drift import FeatureDrift, Settings, judge_drift
from perennial_training.prove.answers import Answers, answers
from perennial_training.prove.profile import (
    MOST_BY_HOUR,
    categorical_profile,
    hours_of,
    numeric_profile,
    profile,
)


def drift(reference: FeatureProfile, live: Any) -> FeatureDrift:
    """Return the verdict on live values, counted as a server counts them."""
    before = Profile(rows=0, features=[reference])
    sketch = Sketch(before)
    values = np.asarray(live, dtype=np.float32).reshape(-1, 1)
    sketch.observe(values, [], len(values), 1_000.0)
    rows, counted, predicted = sketch.between(1_000, 1_005, 1_005.0)
    window = Window(
        model="m",
        version="1",
        since=0,
        clock=1_005,
        start=1_000,
        end=1_005,
        rows=rows,
        features=counted,
        predictions=predicted,
    )
    tested = features([], paired(before, window))
    (found,) = judge_drift(tested, Settings(3_600, 300, watched=0), {}).features
    return found


def zeros(share: float, rows: int = 2_000) -> Any:
    amounts = np.random.default_rng(1).lognormal(3, 1, rows).round(2)
    return np.where(np.arange(rows) < share * rows, 0.0, amounts)


SHIFTS = {
    "a flag that is always up": (np.repeat([0, 1], [1_900, 100]), np.ones(500)),
    "a flag that is never up": (np.repeat([0, 1], [1_000, 1_000]), np.zeros(500)),
    "a flag that became a share": (np.repeat([0, 1], [1_500, 500]), np.full(500, 0.25)),
    "an amount without zeros": (zeros(0.92), zeros(0.0)),
    "an amount with zeros only": (zeros(0.5), zeros(1.0)),
    "a constant that moves up": (np.full(2_000, 7.0), np.full(500, 7.5)),
    "a constant that moves down": (np.full(2_000, 7.0), np.full(500, -7.0)),
    "a constant that moves by one bit": (np.full(2_000, 0.1), np.full(500, np.float32(0.10000001))),
    "a constant that varies": (np.full(2_000, 0.0), np.arange(500) / 500),
    "nearly a constant": (np.repeat([3, 4], [1_999, 1]), np.full(500, 4)),
    "ties at the top": (np.minimum(np.arange(2_000), 200), np.full(500, 10)),
}


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_shift_is_seen(shift: str) -> None:
    before, after = SHIFTS[shift]
    reference = numeric_profile("x", before)
    again = drift(reference, np.random.default_rng(2).permutation(before)[:500])
    assert again.score < 0.05 and not again.drifted
    found = drift(reference, after)
    assert found.score > 0.9 and found.drifted


def test_a_constant_is_counted_between_its_neighbours() -> None:
    found = numeric_profile("x", np.full(8, 7.0, np.float32))
    assert (found.counts, found.minimum, found.maximum) == ([0, 8, 0], 7, 7)
    assert found.edges[0] == 7 and found.edges[1] == np.nextafter(np.float32(7), np.float32(8))


def test_a_number_is_counted_as_single_precision_has_it() -> None:
    # 0.1 in double precision is not the 0.1 that a server gets.
    found = numeric_profile("x", np.array([0.1, 0.2, 0.3, 1e39]))
    assert all(float(np.float32(edge)) == edge for edge in found.edges)
    assert found.counts == [1, 1, 2] and found.maximum == np.float32(0.3)


def test_gaps_and_infinity() -> None:
    found = numeric_profile("x", np.array([np.nan, 1.0, 2.0, np.inf, -np.inf, np.nan, 3.0]))
    assert found.missing == 2 and sum(found.counts) == 5
    assert found.counts == [2, 1, 2]  # -inf with 1, inf with 3
    assert (found.minimum, found.maximum) == (1, 3) and np.isfinite(found.edges).all()
    nothing = numeric_profile("x", np.array([np.nan, np.inf]))
    assert (nothing.counts, nothing.missing, nothing.minimum) == ([1], 1, None)


def test_categories_beyond_the_most_frequent_ones_are_others() -> None:
    words = [f"c{i}" for i in range(70) for _ in range(100 - i)] + [""] * 3
    found = categorical_profile("colour", np.array(words))
    assert found.categories[:2] == ["c0", "c1"] and len(found.categories) == 64
    assert found.counts[:2] == [100, 99] and found.missing == 3
    assert found.other == sum(100 - i for i in range(64, 70))


def test_rows_are_counted_by_the_hour_they_happened_in() -> None:
    times = pd.Series([0.0, 3_599.0, 3_600.0, 86_400.0 + 23.5 * 3_600])
    hours = hours_of(times)
    assert hours is not None and hours.tolist() == [0, 0, 1, 23]
    x = numeric_profile("x", np.array([1.0, np.nan, 2.0, 1.0]), hours)
    colour = categorical_profile("colour", np.array(["red", "", "blue", "red"]), hours)
    for found in (x, colour):
        assert found.at(range(24)) == found
        assert found.at([0]).missing == 1 and found.at([0, 1]).rows == 3
        assert found.at([12]).rows == 0
    assert colour.hours[1] == [0, 1, 0, 0] and colour.hours[0] == [1, 0, 0, 1]
    assert hours_of(pd.Series([86_400.0 * n for n in range(9)])) is None  # days, without hours
    old = numeric_profile("x", np.array([1.0, np.nan, 2.0, 1.0]))
    assert b"hours" not in old.to_json() and old == x.replace(hours=[])


def test_a_profile_with_hours_stays_small_enough_to_be_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = pd.DataFrame({"x": np.random.default_rng(0).standard_normal(20_000)}, dtype=np.float32)

    def found() -> Profile:
        hours = np.arange(20_000) % 24
        columns = [Column(name="x", kind="Number")]
        return profile(columns, frame, numbers([1, 2]), None, hours, np.array([1, 2]))

    one = found()
    (x,), (prediction,) = one.features, one.predictions
    counts = [sum(len(hour) for hour in f.hours) for f in (x, prediction)]
    assert all(counts)
    thousand = one.replace(features=[x.replace(name=f"x{n}") for n in range(1_000)])
    assert 1_000 * counts[0] + counts[1] <= MOST_BY_HOUR
    assert len(thousand.to_json()) < 2**21
    monkeypatch.setattr("perennial_training.prove.profile.MOST_BY_HOUR", sum(counts))
    assert found() == one
    monkeypatch.setattr("perennial_training.prove.profile.MOST_BY_HOUR", sum(counts) - 1)
    assert not any(f.hours for f in (*found().features, *found().predictions))


def test_columns_are_profiled_by_their_kinds_and_times_not_at_all() -> None:
    frame = pd.DataFrame(
        {
            "age": np.float32([1, 2, 3, np.nan]),
            "member": np.float32([1, 0, 1, np.nan]),
            "colour": ["red", "", "red", "blue"],
            "at": [1.7e9, 1.8e9, 1.9e9, 2e9],
        }
    )
    kinds = {"age": "Number", "member": "Boolean", "colour": "Category", "at": "Time"}
    columns = [Column.from_plain({"name": n, "kind": k}) for n, k in kinds.items()]
    found = profile(columns, frame, numbers([1, 2]))
    assert [f.name for f in found.features] == ["age", "member", "colour"]
    assert found.rows == 4 and [f.missing for f in found.features] == [1, 1, 1]
    member, colour = found.features[1:]
    assert member.counts == [0, 1, 0, 2, 0]
    assert dict(zip(colour.categories, colour.counts, strict=True)) == {"red": 2, "blue": 1}
    assert sum(found.predictions[0].counts) == 2  # of the held-out rows alone


@pytest.mark.parametrize(
    ("answered", "name", "kind"),
    [
        (numbers([1, 2, 3]), "prediction", "Numeric"),
        (two([0.6, 0.4, 0.3]), "probability", "Numeric"),
        (several([[0.6, 0.3, 0.1]] * 3, ("a", "b", "c")), "label", "Categorical"),
        (labels([1, 2, 1], (1, 2)), "label", "Categorical"),
    ],
)
def test_predictions_are_profiled_by_what_they_are(answered: Answers, name: str, kind: str) -> None:
    (found,) = profile([], pd.DataFrame(index=range(3)), answered).predictions
    assert (found.name, found.kind, sum(found.counts)) == (name, kind, 3)


def test_the_probability_is_the_one_that_the_server_counts() -> None:
    # Its last column, whichever class is the positive one.
    answered = two([0.2, 0.4, 0.9], ("no", "yes"), positive="no")
    assert answered.classes == ("yes", "no")
    (found,) = profile([], pd.DataFrame(index=range(3)), answered).predictions
    assert (found.minimum, found.maximum) == pytest.approx((0.2, 0.9))


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(60, random_state=0),
        ExtraTreesClassifier(60, random_state=0),
        HistGradientBoostingClassifier(max_iter=60, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_answers_to_live_rows_like_the_reference_are_no_drift(model: Any) -> None:
    inputs, truth = make_classification(
        5_000, n_features=12, n_informative=6, flip_y=0.15, random_state=3
    )
    frame = pd.DataFrame(inputs.astype(np.float32), columns=[f"f{i}" for i in range(12)])
    learned, held_out, live = frame[:1_000], frame[1_000:3_000], frame[3_000:]
    model.fit(learned, truth[:1_000])
    found = {}
    for name, rows in (("learned", learned), ("held out", held_out)):
        (reference,) = profile([], rows, answers(model, rows)).predictions
        found[name] = drift(reference, model.predict_proba(live)[:, 1]).score
    assert found["held out"] < 0.05
    assert found["learned"] > 0.2  # what its rows would have been the reference for
