"""Reading, checking and splitting the rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from workshop import Workshop, orders

from perennial_artifact import volumes
from perennial_artifact.store import StoreUnreachable
from perennial_training.failure import TrainingFailure

TIME = {"method": "Time"}


def test_a_time_split_holds_the_newest_rows_out(bench: Workshop) -> None:
    bench.put(orders().sample(frac=1.0, random_state=1))
    rows = bench.load(split=TIME)
    assert (len(rows.train), len(rows.test)) == (160, 40)
    held = pd.to_datetime(rows.test_times, unit="s", utc=True)
    assert held.min() == pd.Timestamp("2026-01-07T16:00Z") and len(held) == 40
    assert (rows.record.start, rows.record.end) == (
        "2026-01-01 00:00:00+00:00",
        "2026-01-09 07:00:00+00:00",
    )


def test_a_random_split_is_seeded_and_disjoint(shop: Workshop) -> None:
    one, other = shop.load(), shop.load()
    assert list(one.test.index) == list(other.test.index)
    assert not set(one.test.index) & set(one.train.index)
    assert len(one.test) == 40 and sorted(one.test.index) != list(range(160, 200))
    assert list(one.test.index) == list(one.test_target.index) == list(one.held_out.index)


def test_the_share_that_is_held_out(shop: Workshop) -> None:
    assert len(shop.load(split={"testFraction": 0.35}).test) == 70


def test_times_are_put_in_order_as_times_not_as_text(bench: Workshop) -> None:
    days = [
        f"2026-01-{d:02}T{h}:00:00+0{z}:00" for d in range(1, 21) for h, z in (("09", 0), (10, 2))
    ]
    bench.put(orders(40).assign(at=days).loc[::-1], "a.csv")
    bench.put(orders(40).assign(at="2025-12-31"), "b.csv")
    rows = bench.load(split={"method": "Time", "testFraction": 0.0125})
    # 10:00+02:00 is 08:00 UTC, an hour before 09:00 UTC of the same day.
    assert list(rows.test_times) == [pd.Timestamp("2026-01-20T09:00Z").timestamp()]
    assert rows.record.start == "2025-12-31 00:00:00+00:00"


def test_rows_without_a_time_or_a_target_are_left_out(bench: Workshop) -> None:
    frame = orders()
    frame.loc[:9, "at"] = pd.NaT
    frame["bought"] = frame["bought"].astype("Int64")
    frame.loc[190:, "bought"] = pd.NA
    bench.put(frame)
    rows = bench.load(split=TIME)
    assert rows.record.rows == 180
    assert rows.test_times.max() == pd.Timestamp("2026-01-08T21:00Z").timestamp()


def test_features_are_all_columns_but_target_and_time_unless_they_are_named(shop: Workshop) -> None:
    assert list(shop.load().train) == ["amount", "age", "colour"]
    assert list(shop.load(features=["colour"]).train) == ["colour"]
    assert "amount" in shop.load(features=["colour"]).held_out


def test_missing_values(shop: Workshop) -> None:
    rows = shop.load(split=TIME)
    assert rows.train["colour"].iloc[0] == "" and rows.train["colour"].iloc[1] != ""
    assert np.isnan(rows.train["age"].iloc[7]) and rows.train["age"].dtype == np.float64


def test_columns_of_every_kind_become_numbers_or_text(bench: Workshop) -> None:
    frame = orders()
    frame["shop"] = frame["colour"].astype("category")
    frame["vip"] = pd.array([True, False, None, True] * 50, dtype="boolean")
    frame["visits"] = pd.array([1, None] * 100, dtype="Int64")
    frame["day"] = frame["at"].dt.date
    bench.put(frame)
    train = bench.load(split=TIME, columns=[{"name": "day", "kind": "Category"}]).train
    assert {c: train[c].dtype.kind for c in ("vip", "visits")} == {"vip": "f", "visits": "f"}
    assert np.isnan(train["vip"].iloc[2]) and np.isnan(train["visits"].iloc[1])
    assert train["shop"].iloc[0] == "" and train["day"].iloc[0] == "2026-01-01"


def test_csv_and_parquet_hold_the_same(bench: Workshop, tmp_path: Path) -> None:
    other = Workshop(tmp_path / "other")
    bench.put(orders(), "rows.csv")
    other.put(orders(), "rows.parquet")
    one, two = bench.load(split=TIME), other.load(split=TIME)
    pd.testing.assert_frame_equal(one.train, two.train)
    pd.testing.assert_series_equal(one.test_target, two.test_target)
    assert one.record.end == two.record.end


def test_a_glob_reads_what_it_names_and_the_digest_is_of_names_and_contents(
    bench: Workshop,
) -> None:
    frame = orders()
    bench.put(frame[:100], "2026-01.parquet")
    bench.put(frame[100:], "2026-02.csv")
    bench.put(frame, "2025-12.parquet")
    (bench.place / "data" / "2026-01.txt").write_text("no rows")
    uri = f"file://{bench.place}/data/2026-0?.*"
    both = bench.load(uri=uri)
    assert both.record.rows == 200
    assert bench.load(uri=f"file://{bench.place}/data/2026-01.parquet").record.rows == 100
    assert bench.load(uri=uri).record.sha256 == both.record.sha256
    (bench.place / "data" / "2026-02.csv").rename(bench.place / "data" / "2026-03.csv")
    assert bench.load(uri=uri).record.sha256 != both.record.sha256


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ([True, False], {1, 0}),
        ([1.0, 0.0], {1, 0}),
        (["yes", "no"], {"yes", "no"}),
        (pd.Categorical(["yes", "no"]), {"yes", "no"}),
        (pd.array([7, 9], dtype="Int64"), {7, 9}),
        (np.array([True, None], dtype=object), {1}),
    ],
)
def test_labels_are_whole_numbers_or_text(bench: Workshop, labels: Any, found: set[Any]) -> None:
    answer = pd.concat([pd.Series(labels)] * 100, ignore_index=True)
    if len(found) < 2:
        answer.iloc[::4], found = False, {0, 1}
    bench.put(orders().assign(bought=answer))
    target = bench.load().train_target
    assert set(target) == found and {type(t) for t in found} == {type(t) for t in target.tolist()}


ABSENT = "has no column nope; it has amount, age, colour, at, bought"
ONE = orders().assign(bought=1)
LATE = orders().assign(bought=lambda f: f["at"] >= "2026-01-08T00:00Z")
GAPS = orders().assign(age=lambda f: f["age"].where(f["at"] >= "2026-01-08T00:00Z"))
BAD = [
    (orders(), {"target": "nope"}, ABSENT),
    (orders(), {"features": ["age", "nope"]}, ABSENT),
    (orders(), {"timeColumn": "nope"}, ABSENT),
    (orders(49), {}, "has 49 rows with a bought; at least 50 are needed"),
    (ONE, {}, "bought has only the value 1 in the training rows; a classifier needs two classes"),
    (LATE, {"split": TIME}, "bought has only the value 0 in the training rows"),
    (orders()[["at", "bought"]], {}, "has no column besides bought, at to learn from"),
    (GAPS, {"split": TIME, "features": ["age"]}, "age has no value in the training rows: leave"),
    (
        orders().assign(bought=orders()["age"] / 7),
        {},
        "bought holds fractions; use task Regression",
    ),
    (
        orders().assign(at="07/01/2026"),
        {},
        "that are not ISO 8601, such as '07/01/2026' in rows.pa",
    ),
]


@pytest.mark.parametrize(("frame", "changes", "told"), BAD)
def test_rows_that_do_not_fit_are_refused_with_a_sentence(
    bench: Workshop, frame: pd.DataFrame, changes: dict[str, Any], told: str
) -> None:
    bench.put(frame)
    with pytest.raises(TrainingFailure) as refused:
        bench.load(**changes)
    assert refused.value.reason == "DatasetInvalid" and told in str(refused.value)


def test_a_column_without_a_value_to_learn_from_is_left_out_and_told(bench: Workshop) -> None:
    bench.put(GAPS.assign(note=None))
    rows = bench.load(split=TIME)
    assert list(rows.train) == ["amount", "colour"]
    told = [n.message for n in rows.notes]
    assert any("age has no value in the training rows; it is left out" in m for m in told)
    assert any("note" in m and "left out" in m for m in told)


def test_what_is_beyond_single_precision_is_told_by_column(bench: Workshop) -> None:
    frame = orders()
    frame.loc[3, "age"], frame.loc[5, "amount"] = 1e39, -np.inf
    bench.put(frame)
    with pytest.raises(TrainingFailure, match=r"amount has 1 value that is infinite or beyond"):
        bench.load()
    with pytest.raises(TrainingFailure, match=r"age has 1 .* such as 1e\+39 in rows.parquet"):
        bench.load(features=["age", "colour"])


def test_a_champion_by_hash_knows_its_rows_again_in_another_file_format(bench: Workshop) -> None:
    bench.put(orders(), "rows.csv")
    before = bench.load()
    bench.put(orders()[50:], "rows.csv")
    bench.put(orders()[:50], "more.parquet")
    after = bench.load()
    assert after.new_to(before.split.record).all()
    assert sorted(before.test_times) == sorted(after.test_times)


def test_what_was_noticed_is_noted(bench: Workshop) -> None:
    bench.put(orders().assign(shop="here"))
    notes = {n.check: n.message for n in bench.load().notes}
    assert notes["columns"] == "2 numbers, 2 categories (colour, shop)"
    assert notes["constant"].startswith("shop has one value in all rows")
    with pytest.raises(TrainingFailure, match=r"dataset\.checks\.constant is Refuse"):
        bench.load(checks={"constant": "Refuse"})


def test_groups_are_held_out_whole_and_are_no_feature(bench: Workshop) -> None:
    bench.put(orders().assign(shop=[f"s{n % 20}" for n in range(200)]))
    rows = bench.load(split={"method": "Grouped", "column": "shop"})
    assert list(rows.train) == ["amount", "age", "colour"]
    assert rows.groups is not None and rows.groups.nunique() == 16
    assert not set(rows.groups) & set(rows.held_out["shop"])


def test_a_regression_needs_numbers(shop: Workshop) -> None:
    with pytest.raises(TrainingFailure, match="colour holds text, not numbers, such as 'blue'"):
        shop.load("Regression", target="colour")
    target = shop.load("Regression", target="age").train_target
    assert target.dtype == np.float64 and target.notna().all()


@pytest.mark.parametrize("end", ["data/rows.txt", "data/2027-*.parquet", "elsewhere/"])
def test_a_dataset_that_is_not_there(shop: Workshop, end: str) -> None:
    with pytest.raises(TrainingFailure, match="names no file that ends in") as refused:
        shop.load(uri=f"file://{shop.place}/{end}")
    assert refused.value.reason == "DatasetNotFound"
    assert not (shop.place / "elsewhere").exists()


@pytest.mark.parametrize("path", ["", "/", "/*.parquet", "/rows.parquet"])
def test_rows_of_a_claim(bench: Workshop, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(volumes, "VOLUMES", str(bench.place))
    bench.put(orders())
    if not path:
        with pytest.raises(TrainingFailure, match="pvc://data names no file"):
            bench.load(uri="pvc://data")
    else:
        assert bench.load(uri=f"pvc://data{path}").record.rows == 200


def test_what_a_file_system_keeps_for_itself_is_not_looked_into(bench: Workshop) -> None:
    """The top of a volume; the directory is root's alone, and to look into it would fail."""
    bench.put(orders(), "rows.parquet")
    bench.put(orders(), "2026/01/rows.csv")
    bench.put(orders(), "lost+found/rows.parquet")
    assert bench.load().record.rows == 400


def test_a_file_that_is_no_parquet(bench: Workshop) -> None:
    (bench.place / "data").mkdir()
    (bench.place / "data" / "rows.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(TrainingFailure, match=r"rows\.parquet cannot be read as Parq") as refused:
        bench.load()
    assert refused.value.reason == "DatasetInvalid"


def test_a_store_that_does_not_answer_is_no_fault_of_the_dataset(bench: Workshop) -> None:
    with pytest.raises(StoreUnreachable, match="check the store's endpoint and the Secret"):
        bench.load(uri="https://127.0.0.1:1/rows.csv")
