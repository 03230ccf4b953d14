"""A champion is measured on rows that it has not seen only where its own would be known again."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from workshop import Workshop, orders

from perennial_artifact.manifest import Column, SplitRecord
from perennial_artifact.result import CandidateResult, SplitSpec
from perennial_training.prepare.recognition import NotComparable
from perennial_training.prepare.split import split, unseen

KINDS = {"amount": "Number", "age": "Number", "colour": "Category", "shop": "Category"}
COLUMNS = [Column.from_plain({"name": n, "kind": k}) for n, k in KINDS.items()]
DAY = 86_400.0
Change = Callable[[pd.DataFrame], pd.DataFrame]


def table(rows: int = 2_000, seed: int = 1) -> pd.DataFrame:
    """Return payments of 200 days, in no order."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "amount": rng.lognormal(3, 1, rows),
            "age": rng.integers(18, 90, rows).astype(float),
            "colour": rng.choice(["red ", "green ", ""], rows).astype(object),
            "shop": [f" shop-{n}" for n in rng.integers(0, 300, rows)],
            "target": rng.choice(["no", "yes"], rows, p=[0.9, 0.1]),
            "time": 1.7e9 + rng.uniform(0, 200 * DAY, rows),
        }
    )


SPECS: dict[str, dict[str, Any]] = {
    "Random": {},
    "Time": {"method": "Time"},
    "Grouped": {"method": "Grouped", "column": "shop"},
}


def champion(rows: pd.DataFrame, method: str = "Random", timed: bool = True) -> SplitRecord:
    times = rows["time"] if timed else None
    made = split(SplitSpec.from_plain(SPECS[method]), rows, COLUMNS, rows["target"], times, True)
    return SplitRecord.from_json(made.record.to_json())  # as it is read from an artifact


def fresh(record: SplitRecord, rows: pd.DataFrame, timed: bool = True) -> Any:
    rows = rows.reset_index(drop=True)
    times = rows["time"] if timed else None
    return unseen(record, rows, COLUMNS, rows["target"], times)


def why(record: SplitRecord, rows: pd.DataFrame, timed: bool = True) -> str:
    with pytest.raises(NotComparable) as error:
        fresh(record, rows, timed)
    return str(error.value)


def later(rows: pd.DataFrame, seed: int = 2) -> pd.DataFrame:
    """Return the rows with those of the next 100 days below them."""
    more = table(1_000, seed)
    more["time"] = rows["time"].max() + 1 + (more["time"] - 1.7e9) / 2
    return pd.concat([rows, more], ignore_index=True)


def in_float32(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(amount=rows["amount"].astype(np.float32).astype(float))


def at(change: Callable[[Any], Any]) -> Change:
    return lambda rows: rows.assign(time=change(rows["time"]))


REWRITTEN: dict[str, Change] = {
    "an hour later": at(lambda t: t + 3_600.0),
    "a year later": at(lambda t: t + 365 * DAY),
    "in milliseconds": at(lambda t: t * 1_000),
    "in whole seconds": at(np.round),
    "in days": at(lambda t: np.floor(t / DAY) * DAY),
}
OTHER_VALUES: dict[str, Change] = {
    "in single precision": in_float32,
    "trimmed": lambda rows: rows.assign(colour=rows["colour"].str.strip(), shop="shop-1"),
    "to the cent": lambda rows: rows.assign(amount=rows["amount"].round(2)),
}


@pytest.mark.parametrize("change", [*REWRITTEN.values(), *OTHER_VALUES.values()])
def test_rows_that_were_written_anew_are_told_and_not_compared(change: Change) -> None:
    """They looked unseen by chance: 20 % of what the champion had learned from was held out."""
    rows = table()
    record = champion(rows)
    assert "may have learned from these rows" in why(record, later(change(rows)))
    # So it was before, and with champions of an older trainer still is.
    old = record.replace(sample=None)
    assert fresh(old, change(rows))[: len(rows)].mean() > 0.15


@pytest.mark.parametrize("change", REWRITTEN.values())
def test_where_the_newest_are_held_out_other_times_are_told(change: Change) -> None:
    rows = table()
    assert "may have learned from" in why(champion(rows, "Time"), later(change(rows)))


@pytest.mark.parametrize("change", OTHER_VALUES.values())
def test_where_the_newest_are_held_out_other_values_do_no_harm(change: Change) -> None:
    rows = table()
    record = champion(rows, "Time")
    assert (fresh(record, change(rows)) == fresh(record, rows)).all()


def test_where_groups_are_held_out_other_names_of_theirs_are_told() -> None:
    rows = table()
    anew = later(rows).assign(shop=lambda t: t["shop"].str.strip())
    record = champion(rows, "Grouped")
    assert re.search(r"of \d+ groups of its own .*0 are there", why(record, anew))
    assert fresh(record, in_float32(later(rows))).any()
    assert fresh(champion(rows, "Grouped", timed=False), anew, timed=False).any()


def test_the_sentence_says_how_many_are_known_and_what_to_do() -> None:
    rows = table()
    record = champion(rows)
    assert why(record, in_float32(later(rows))) == (
        "may have learned from these rows: of 256 rows of its own within the dataset's times 0 are "
        "there, as if values or times had been written anew; write them as they were, or Ignore a "
        "column that is never the same"
    )
    assert why(record, at(lambda t: t + 60)(later(rows))) == (
        "may have learned from these rows: 256 of 256 that are known by their values have another "
        "time than they had; write the times as they were"
    )


def without_sample(shop: Workshop, result: CandidateResult) -> dict[str, Any]:
    """Return a champion as a trainer of before recorded it."""
    assert result.artifact is not None
    manifest = shop.document(result, "manifest.json")
    del manifest["lineage"]["split"]["sample"]
    place = shop.place / "store" / "before"
    shutil.copytree(result.artifact.uri.removeprefix("file://"), place)
    (place / "manifest.json").write_text(json.dumps(manifest))
    digest = hashlib.sha256((place / "manifest.json").read_bytes()).hexdigest()
    return {"version": "orders-1", "uri": f"file://{place}", "sha256": digest}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"at": lambda t: t["at"] + pd.Timedelta("30min")}, "have another time than they had"),
        ({"amount": lambda t: t["amount"].astype(np.float32)}, "0 are there, as if values or"),
    ],
)
def test_a_table_that_was_written_anew_makes_no_champion_look_good(
    bench: Workshop, change: dict[str, Any], told: str
) -> None:
    """It knows its rows by heart and can predict none: beside half of them it looked good."""
    rng = np.random.default_rng(5)
    rows = orders(1_200).assign(bought=rng.integers(0, 2, 1_200))
    bench.put(rows[:1_000])
    forest = {"name": "a", "algorithm": "RandomForestClassifier", "parameters": {}}
    forest["parameters"] = {"n_estimators": 20}
    first = bench.train(forest)
    assert first.artifact is not None
    champion = {"version": "orders-1", **first.artifact.to_plain()}
    del champion["sizeBytes"]
    bench.put(rows)
    (compared,) = bench.train(forest, champion=champion).comparisons
    assert compared.champion == pytest.approx(0.5, abs=0.15)
    bench.put(rows.assign(**change))
    again = bench.train(forest, champion=champion)
    assert again.comparisons == [] and again.by_age is None and again.artifact is not None
    assert again.champion_failure.startswith("orders-1 may have learned from these rows: ")
    assert told in again.champion_failure and len(again.champion_failure) < 256
    (before,) = bench.train(forest, champion=without_sample(bench, first)).comparisons
    assert before.champion > 0.75


def unordered(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sample(frac=1, random_state=3)


HONEST: dict[str, Change] = {
    "unchanged": lambda rows: rows,
    "in another order": unordered,
    "longer": later,
    "twice": lambda rows: pd.concat([rows, rows]),
    "60 % deleted": lambda rows: rows.sample(frac=0.4, random_state=1),
    "95 % deleted": lambda rows: rows.sample(frac=0.05, random_state=1),
    "a window that moves": lambda rows: later(rows).query("time > 1.7e9 + 150 * 86400"),
    "a window that moved beyond": lambda rows: later(rows).iloc[len(rows) :],
    "one colour alone": lambda rows: later(rows).query("colour == 'red '"),
    "relabelled": lambda rows: rows.assign(target=rows["target"].map({"no": "yes", "yes": "no"})),
    "partly relabelled": lambda rows: rows.assign(target=np.where(rows["age"] > 50, "yes", "no")),
    "with another column": lambda rows: rows.assign(other=1.0),
}


@pytest.mark.parametrize("method", SPECS)
@pytest.mark.parametrize("change", HONEST.values(), ids=HONEST)
def test_rows_that_come_and_go_keep_a_champion_comparable(change: Change, method: str) -> None:
    rows = table()
    fresh(champion(rows, method), change(rows))


def test_late_labels_and_a_deletion_together_keep_it_comparable() -> None:
    """A third of the rows of its time come late, and a third of its own was deleted since."""
    rows = table()
    late = rows.index % 3 == 0
    record = champion(rows[~late].reset_index(drop=True))
    fresh(record, rows[late | (rows["age"] > 40)])
    fresh(record, later(rows[late | (rows["age"] > 40)]))


def test_old_rows_that_go_and_late_ones_that_come_are_not_of_the_same_time() -> None:
    """A log that keeps 100 days, beside a table that begins earlier; every other label is late."""
    rows = table(4_000)
    day = (rows["time"] - 1.7e9) / DAY
    record = champion(rows[(day < 120) | (rows.index % 2 == 0)].reset_index(drop=True))
    fresh(record, rows[(day > 100) | (day < 2)])


def test_a_number_that_is_no_time_is_not_remembered() -> None:
    rows = table(500)
    rows.loc[:250, "time"] = np.inf
    record = champion(rows)
    assert record.sample is not None and len(record.sample.times) == 249
    assert fresh(record, rows).sum() == pytest.approx(100, abs=2)


def test_half_of_the_files_written_anew_is_told() -> None:
    rows = table()
    half = pd.concat([in_float32(rows[:1_000]), rows[1_000:]])
    assert re.search("of 256 rows .* 1[0-9][0-9] are there", why(champion(rows), half))
    moved = pd.concat([at(lambda t: t + 60)(rows[:1_000]), rows[1_000:]])
    assert "have another time than they had" in why(champion(rows), moved)


@pytest.mark.parametrize("kept", [1_000, 400, 0])
def test_without_times_rows_may_come_and_go_too(kept: int) -> None:
    """A table that has other rows each day is one that people have."""
    rows = later(table())
    record = champion(rows[:2_000], timed=False)
    window = pd.concat([rows[2_000 - kept : 2_000], rows[2_000:]])
    assert fresh(record, window, timed=False).any()


def test_few_combinations_are_known_again() -> None:
    rows = table()
    rows["amount"], rows["age"], rows["shop"] = 1.0, rows["age"] // 30, "one"
    rows["time"] = 1.7e9
    record = champion(rows)
    assert record.duplicates == "Apart" and record.sample is not None
    assert len(record.sample.hashes) < 20
    fresh(record, rows.sample(frac=0.5, random_state=1))
    fresh(record, rows.assign(target="yes"))


def test_equal_rows_that_recur_by_chance_are_not_taken_for_moved_ones() -> None:
    """Of 1,600 combinations, each row of a later week has been there before."""
    rng = np.random.default_rng(5)

    def week(number: int) -> pd.DataFrame:
        rows = table(1_000, number)
        return rows.assign(
            amount=rng.integers(0, 40, 1_000).astype(float),
            age=rng.integers(0, 40, 1_000).astype(float),
            colour="red",
            shop="one",
            time=1.7e9 + 7 * DAY * number + rng.uniform(0, 7 * DAY, 1_000),
        )

    for method in ("Random", "Time"):
        fresh(champion(week(1), method), week(2))


@given(
    st.integers(0, 1_000),
    st.integers(10, 400),
    st.integers(0, 400),
    st.sampled_from(list(SPECS)),
    st.booleans(),
    st.integers(1, 30),
)
def test_what_is_unchanged_or_longer_is_always_known_again(
    seed: int, count: int, more: int, method: str, timed: bool, distinct: int
) -> None:
    """Whatever is added, older, late or newer, equal to others or not, and in whatever order."""
    rng = np.random.default_rng(seed)
    pool = table(count + more, seed)
    if seed % 2:
        pool["amount"], pool["age"] = 1.0, rng.integers(0, distinct, len(pool)).astype(float)
        pool["time"] = rng.integers(0, distinct, len(pool)) * DAY
    pool["shop"] = [str(n % (distinct + 2)) for n in range(len(pool))]
    rows = pool[:count]
    if method == "Time" and rows["time"].nunique() < 2:
        return
    record = champion(rows, method, timed or method == "Time")
    longer = pool.sample(frac=1, random_state=seed)
    fresh(record, longer, timed or method == "Time")
