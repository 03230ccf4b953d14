"""Rows are held out by what is in them, and a later run knows which a champion never saw."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_artifact.manifest import Column, SplitRecord
from perennial_artifact.result import SplitSpec
from perennial_training.failure import TrainingFailure
from perennial_training.prepare.hashes import row_hashes
from perennial_training.prepare.recognition import NotComparable
from perennial_training.prepare.split import Split, split, unseen

NUMBER, COLOUR = Column(name="x", kind="Number"), Column(name="colour", kind="Category")
COLUMNS = (NUMBER, COLOUR)


def table(rows: int = 2_000, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(size=rows),
            "colour": rng.choice(["red", "green", ""], rows).astype(object),
            "target": rng.choice(["no", "yes"], rows, p=[0.9, 0.1]),
            "time": np.arange(rows, dtype=float),
        }
    )


def hold_out(rows: pd.DataFrame, times: bool = False, classes: bool = True, **spec: Any) -> Split:
    chosen = SplitSpec.from_plain(spec)
    columns = [*COLUMNS, *([Column(name="shop", kind="Category")] if "shop" in rows else [])]
    at = rows["time"] if times else None
    return split(chosen, rows, columns, rows["target"], at, classes)


def test_a_row_stays_on_its_side_when_files_roll_on() -> None:
    """500 of 10,000 rows replaced: by position, 75.7 % of those held out had been learned from."""
    rows = table(10_500)
    old, new = rows[:10_000].reset_index(drop=True), rows[500:].reset_index(drop=True)
    before, after = hold_out(old), hold_out(new)
    learned = set(old["time"].iloc[before.train])
    held_out = new["time"].iloc[after.held_out]
    # Only rows at the threshold of their class can change sides, as its share moves.
    assert held_out.isin(learned).mean() < 0.01
    fresh = unseen(before.record, new, COLUMNS, new["target"], None)[after.held_out]
    assert fresh.mean() > 0.98 and not held_out[fresh].isin(learned).any()


@given(st.integers(0, 50), st.sampled_from([0.05, 0.2, 0.5]), st.booleans())
def test_what_is_unseen_was_never_learned_from(seed: int, fraction: float, crowded: bool) -> None:
    """Whatever is added, removed or repeated, under another share and in another order."""
    rng = np.random.default_rng(seed)
    pool = table(300, seed)
    if crowded:
        pool["x"] = rng.integers(0, 3, 300).astype(float)
    old = pool.iloc[rng.permutation(300)[:200]].reset_index(drop=True)
    new = pool.iloc[rng.permutation(300)[:250]].reset_index(drop=True)
    before = hold_out(old, testFraction=0.2)
    after = hold_out(new, testFraction=fraction)
    fresh = unseen(before.record, new, COLUMNS, new["target"], None)
    judged = new.index.isin(after.held_out) & fresh
    if crowded:
        # Which of some equal rows was learned from cannot be told: their numbers are compared.
        assert before.record.duplicates == "Apart"
        key = ["x", "colour", "target"]
        had, held = (part.value_counts(key) for part in (old, old.iloc[before.held_out]))
        again = new[judged & (new.groupby(key).cumcount() < new[key].apply(tuple, axis=1).map(had))]
        for kind, count in again.value_counts(key).items():
            assert count <= held.get(kind, 0)
    else:
        assert not set(old["time"].iloc[before.train]) & set(new["time"][judged])


def test_each_class_keeps_its_share_in_both_parts() -> None:
    rows = table(1_000)
    made = hold_out(rows, testFraction=0.25)
    for name in ("no", "yes"):
        share = (rows["target"].iloc[made.held_out] == name).sum() / (rows["target"] == name).sum()
        assert share == pytest.approx(0.25, abs=0.01)
    assert sorted([*made.train, *made.held_out]) == list(range(1_000))


def test_a_class_of_one_row_is_learned_from_and_of_two_is_proven_too() -> None:
    rows = table(500)
    rows.loc[0, "target"], rows.loc[1:2, "target"] = "once", "twice"
    made = hold_out(rows)
    assert 0 in made.train
    assert len({1, 2} & set(made.train)) == 1


def test_the_order_of_rows_and_columns_changes_nothing() -> None:
    rows = table()
    made, turned = hold_out(rows), hold_out(rows.iloc[::-1].reset_index(drop=True))
    assert set(rows["time"].iloc[made.held_out]) == set(
        rows["time"].iloc[::-1].iloc[turned.held_out]
    )
    assert (row_hashes(rows, COLUMNS) == row_hashes(rows, COLUMNS[::-1])).all()


def test_hashes_are_the_same_on_every_machine_and_in_every_release() -> None:
    rows = pd.DataFrame({"x": [0.0, -0.0, np.nan, 1.5], "colour": ["", "", "rot", "rötlich"]})
    assert row_hashes(rows, COLUMNS).tolist() == HASHES
    assert HASHES[0] == HASHES[1]


HASHES = [9231712011488943678, 9231712011488943678, 1065585324630804233, 3227793315866142546]


def test_equal_rows_are_on_one_side() -> None:
    rows = pd.concat([table(500)] * 2, ignore_index=True)
    made = hold_out(rows)
    assert made.record.duplicates == "Together"
    assert not set(made.train % 500) & set(made.held_out % 500)


def test_a_table_of_few_combinations_is_not_held_out_by_combination() -> None:
    """Titanic's 2,201 people are 24 different rows: each must be in both parts."""
    rows = table(2_000)
    rows["x"] = (rows["x"] > 0).astype(float)
    made = hold_out(rows, testFraction=0.2)
    assert made.record.duplicates == "Apart"
    assert len(made.held_out) == pytest.approx(400, abs=4)
    kinds = rows[["x", "colour"]].apply(tuple, axis=1)
    assert set(kinds.iloc[made.held_out]) == set(kinds.iloc[made.train])


def test_time_holds_the_newest_out_and_keeps_a_moment_together() -> None:
    rows = table(100)
    rows["time"] = rows["time"] // 10 * 3600
    made = hold_out(rows, times=True, method="Time", testFraction=0.25)
    assert sorted(made.held_out) == list(range(70, 100))
    assert (made.record.method, made.record.trained_until) == ("Time", 6 * 3600.0)
    gap = hold_out(rows, times=True, method="Time", testFraction=0.25, gapSeconds=7200.0)
    assert sorted(gap.train) == list(range(50)) and sorted(gap.held_out) == list(range(70, 100))


def test_many_rows_of_one_moment_are_not_all_held_out() -> None:
    rows = table(100)
    rows["time"] = [0.0] * 90 + [1.0] * 10
    assert sorted(hold_out(rows, times=True, method="Time").held_out) == list(range(90, 100))


def test_a_later_run_by_time_compares_on_what_came_since() -> None:
    rows = table(200)
    before = hold_out(rows[:150], times=True, method="Time")
    found = unseen(before.record, rows, COLUMNS, rows["target"], rows["time"])
    assert list(np.flatnonzero(found)) == list(range(120, 200))
    with pytest.raises(NotComparable, match="has no time column now"):
        unseen(before.record, rows, COLUMNS, rows["target"], None)


def test_a_gap_that_leaves_nothing() -> None:
    with pytest.raises(TrainingFailure, match="no row is left to learn from: 40 of 200 rows"):
        hold_out(table(200), times=True, method="Time", gapSeconds=1e6)


def test_groups_stay_together() -> None:
    rows = table(1_000)
    rows["shop"] = [f"shop-{n % 25}" for n in range(1_000)]
    made = hold_out(rows, method="Grouped", column="shop")
    shops = rows["shop"]
    assert not set(shops.iloc[made.train]) & set(shops.iloc[made.held_out])
    assert shops.iloc[made.held_out].nunique() == 5
    later = unseen(made.record, rows, [Column(name="shop", kind="Category")], rows["target"], None)
    assert set(np.flatnonzero(later)) == set(made.held_out)
    with pytest.raises(TrainingFailure, match=r"split\.column shop has only one value"):
        hold_out(rows.assign(shop="one"), method="Grouped", column="shop")


def test_a_column_that_means_something_else_now_is_not_compared() -> None:
    rows = table()
    record = hold_out(rows).record
    now = [NUMBER, Column(name="colour", kind="Boolean")]
    with pytest.raises(NotComparable, match="colour as a Category, which is a Boolean now"):
        unseen(record, rows, now, rows["target"], None)
    with pytest.raises(NotComparable, match="colour as a Category, which is not in the dataset"):
        unseen(record, rows, [NUMBER], rows["target"], None)


def test_a_class_that_the_champion_did_not_know_is_new_to_it() -> None:
    rows = table(500)
    record = hold_out(rows).record
    later = rows.assign(target="maybe")
    assert unseen(record, later, COLUMNS, later["target"], None).all()


def test_numbers_to_predict_have_one_threshold() -> None:
    made = hold_out(table().assign(target=np.arange(2_000) / 7), classes=False)
    assert list(made.record.thresholds) == [""] and len(made.held_out) == 400


@pytest.mark.parametrize("method", ["Random", "Time", "Grouped"])
def test_a_very_wide_table_has_a_record_that_can_be_read(method: str) -> None:
    """It was refused once everything was fitted: the manifest has room for 1,024 columns."""
    rows = table(100)
    wide = pd.DataFrame(np.zeros((100, 1_100)), columns=[f"w{n}" for n in range(1_100)])
    wide["shop"] = rows["colour"] + "!"
    columns = [Column(name=f"w{n}", kind="Number") for n in range(1_100)]
    columns.append(Column(name="shop", kind="Category"))
    spec = SplitSpec.from_plain({"method": method, "column": "shop"})
    made = split(spec, wide, columns, rows["target"], rows["time"], True)
    assert SplitRecord.from_json(made.record.to_json()) == made.record
    fresh = unseen(made.record, wide, columns, rows["target"], rows["time"])
    assert set(np.flatnonzero(fresh)) == set(made.held_out)
