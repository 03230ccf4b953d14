"""What a column holds is settled once, over all files."""

import csv
import datetime
import decimal
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_artifact.manifest import Column
from perennial_artifact.result import DatasetSpec
from perennial_training.failure import TrainingFailure
from perennial_training.prepare.kinds import Settled, settle
from perennial_training.prepare.tables import Piece, read
from perennial_training.prepare.values import as_kind

NAN = math.nan


def table(name: str = "a.parquet", /, **columns: Any) -> Piece:
    """Return a Parquet file's rows, with a target unless there is one."""
    arrays = {k: v if isinstance(v, pa.Array) else pa.array(v) for k, v in columns.items()}
    rows = len(next(iter(arrays.values())))
    arrays.setdefault("y", pa.array(np.arange(rows) % 2))
    return Piece(name, pa.table(arrays))


def text(name: str = "a.csv", /, **columns: Sequence[str]) -> Piece:
    """Return a CSV file's rows, with a target unless there is one."""
    rows = len(next(iter(columns.values())))
    whole = {**columns} if "y" in columns else {**columns, "y": [str(i % 2) for i in range(rows)]}
    place = io.StringIO()
    writer = csv.writer(place)
    writer.writerow(whole)
    writer.writerows(zip(*whole.values(), strict=True))
    return read(name, place.getvalue().encode())


def settled(*pieces: Piece, task: str = "Classification", **spec: Any) -> Settled:
    """Return pieces settled; ``kinds`` are those that are declared."""
    kinds: Mapping[str, str] = spec.pop("kinds", {})
    columns = [{"name": name, "kind": kind} for name, kind in kinds.items()]
    plain = {"uri": "s3://d/", "target": "y", "columns": columns, **spec}
    return settle(pieces, DatasetSpec.from_plain(plain), task)


def column(*pieces: Piece, **spec: Any) -> tuple[str, list[Any]]:
    """Return the kind and the values of column x, None for NaN."""
    found = settled(*pieces, **spec)
    kind = next((c.kind for c in found.columns if c.name == "x"), "left out")
    if kind == "left out":
        return kind, []
    values = found.frame["x"]
    assert values.dtype == (object if kind == "Category" else np.float64)
    return kind, [None if isinstance(v, float) and math.isnan(v) else v for v in values]


def said(found: Settled, check: str = "") -> str:
    return "\n".join(note.message for note in found.notes if check in note.check)


def refused(*pieces: Piece, **spec: Any) -> str:
    with pytest.raises(TrainingFailure) as caught:
        settled(*pieces, **spec)
    assert caught.value.reason == "DatasetInvalid" and len(str(caught.value)) < 1024
    return str(caught.value)


# By rule


NUMBERS: list[tuple[Any, list[float | None]]] = [
    (pa.array([1, None, 3]), [1, None, 3]),
    (pa.array([1, 255], pa.uint8()), [1, 255]),
    (pa.array([1.5, NAN, None]), [1.5, None, None]),
    (pa.array([1.5, -2.0], pa.float16()), [1.5, -2]),
    (pa.array([decimal.Decimal("1.50"), None], pa.decimal128(9, 2)), [1.5, None]),
    (pa.array([decimal.Decimal("1.50")], pa.decimal256(50, 2)), [1.5]),
    (pa.array([3, 4, 3]).dictionary_encode(), [3, 4, 3]),
    (pa.array([90_500, None], pa.duration("ms")), [90.5, None]),
    (pa.array(["1", " 2.5 ", "-3e2", "+4", ".5", "6.", ""]), [1, 2.5, -300, 4, 0.5, 6, None]),
    (pa.array(["1", "2"], pa.large_string()), [1, 2]),
    (pa.array(["7", None, "8"], pa.string_view()), [7, None, 8]),
    (pa.array(["0", "0.5", "-0.5", "0e3"]), [0, 0.5, -0.5, 0]),
    (pa.array(["1", "inf", "-Infinity", "1e39"]), [1, math.inf, -math.inf, 1e39]),
    (pa.RunEndEncodedArray.from_arrays([2, 3], [5.0, 6.0]), [5, 5, 6]),
]


@pytest.mark.parametrize(("values", "numbers"), NUMBERS)
def test_numbers(values: Any, numbers: list[float | None]) -> None:
    assert column(table(x=values)) == ("Number", numbers)


@pytest.mark.parametrize(
    "texts",
    [["1", "1_000"], ["1", "0x10"], ["1", "1,000"], ["1", "1 000"], ["1", "one"], ["1", "٣"]],
)
def test_what_is_no_number(texts: list[str]) -> None:
    assert column(text(x=texts)) == ("Category", texts)


def test_codes_with_leading_zeros_are_categories() -> None:
    pieces = text("a.csv", x=["10001", "90210"]), text("b.csv", x=["02134"])
    assert column(*pieces) == ("Category", ["10001", "90210", "02134"])
    assert "1 of 3 values has leading zeros, as codes have, such as '02134' in b.csv" in said(
        settled(*pieces)
    )
    assert column(*pieces, kinds={"x": "Number"}) == ("Number", [10001, 90210, 2134])


WORDS = ["NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "?", "-", ".", " ", "\\N"]


def test_words_for_missing_are_missing_among_numbers() -> None:
    """FAULTS B4: "NA" in a CSV was learned as missing, and was a category at serving."""
    piece = text(x=["1.5", *WORDS, "2"])
    assert column(piece) == ("Number", [1.5, *[None] * len(WORDS), 2])
    assert said(settled(piece), "missing") == (
        "x is a Number: 13 values are taken for missing, such as 'NA' in a.csv"
    )
    assert column(text(x=["1", "2"]), text(x=["NA"]), table(x=[3.5])) == (
        "Number",
        [1, 2, None, 3.5],
    )


def test_words_for_missing_are_categories_in_text_unless_they_are_listed() -> None:
    piece = text(x=["JFK", "NA", "LGA", "NA", ""])
    assert column(piece) == ("Category", ["JFK", "NA", "LGA", "NA", ""])
    assert said(settled(piece)) == (
        "x has 2 values such as 'NA' in a.csv, a category like any other: if it means missing, "
        "list it in dataset.missing"
    )
    assert column(piece, missing=["NA"]) == ("Category", ["JFK", "", "LGA", "", ""])
    assert said(settled(piece, missing=["NA"])) == ""


def test_the_words_of_the_dataset_mean_missing_in_every_column() -> None:
    words = ["", "-999", "gone", "1900-01-01", "no"]
    assert column(text(x=["1", "-999", "gone"]), missing=words) == ("Number", [1, None, None])
    assert column(table(x=[1, -999, 0]), missing=words) == ("Number", [1, None, 0])
    assert column(table(x=[1.5, -999.0]), missing=words) == ("Number", [1.5, None])
    assert column(text(x=["a", " gone"]), missing=words) == ("Category", ["a", ""])
    assert column(table(x=[True, False]), missing=words) == ("Boolean", [1, 0])
    days = pa.array([datetime.date(1900, 1, 1), datetime.date(1970, 1, 2)])
    kinds = {"x": "Time"}
    assert column(table(x=days), missing=words, kinds=kinds) == ("Time", [None, 86_400])
    assert column(text(x=["1900-01-01", "1970-01-02"]), missing=words, kinds=kinds) == (
        "Time",
        [None, 86_400],
    )


def test_booleans() -> None:
    assert column(table(x=[True, None, False])) == ("Boolean", [1, None, 0])
    assert column(text(x=["True", "FALSE", "", "NA"])) == ("Boolean", [1, 0, None, None])
    assert column(table(x=[True]), text(x=["false", ""])) == ("Boolean", [1, 0, None])
    assert column(table(x=[True, False]), table(x=[1, 0])) == ("Boolean", [1, 0, 1, 0])
    assert column(text(x=["true", "0"])) == ("Boolean", [1, 0])
    assert column(text(x=["yes", "no"])) == ("Category", ["yes", "no"])
    assert column(text(x=["true", "maybe"])) == ("Category", ["true", "maybe"])
    assert column(table(x=[True]), table(x=[7])) == ("Category", ["true", "7"])


def test_one_letter_near_the_end_makes_the_whole_column_a_category() -> None:
    """FAULTS B4: such a column had categories 1001 and 1001.0."""
    numbers = ["1001"] * 5_000
    pieces = text("part-1.csv", x=numbers), text("part-7.csv", x=[*numbers, "x"])
    kind, values = column(*pieces)
    assert kind == "Category" and set(values) == {"1001", "x"} and values[-1] == "x"
    assert said(settled(*pieces)) == (
        "x is a Category since 1 of 10,001 values is no number, such as 'x' in part-7.csv: if that "
        "means missing, list it in dataset.missing, or mend it and declare {name: x, kind: Number} "
        "in dataset.columns"
    )


def test_a_whole_number_is_one_category_whatever_file_it_is_in() -> None:
    parts = [
        table(x=[1001, 7]),
        table(x=[1001.0, None]),
        table(x=pa.array([1001], pa.int32())),
        text(x=["1001", "x"]),
    ]
    assert column(*parts) == ("Category", ["1001", "7", "1001", "", "1001", "1001", "x"])
    floats = text("f.csv", x=["1001.0", ""])  # as pandas writes whole numbers with gaps
    assert column(*parts, floats)[1][-2:] == ["1001", ""]
    versions = ["1.0", "1", "2.1"]
    assert column(text(x=versions), kinds={"x": "Category"})[1] == versions
    assert column(text(x=["1.0", "2.0"]), kinds={"x": "Category"})[1] == ["1.0", "2.0"]


EMPTY = [
    table(x=pa.nulls(2)),
    table(x=pa.nulls(2, pa.string())),
    table(x=pa.nulls(2, pa.float64())),
    table(x=[NAN, NAN]),
    table(x=pa.array([], pa.string())),
    table(z=[1, 2]),
    text(x=["", ""]),
    read("e.csv", b"x,y\n"),
    read("e.csv", b""),
]


@pytest.mark.parametrize("empty", EMPTY)
@pytest.mark.parametrize("first", [True, False])
def test_a_piece_without_values_has_no_say(empty: Piece, first: bool) -> None:
    """FAULTS B4: an empty CSV part made every number text."""
    for full, kind in (
        (text(x=["1.5", "2"]), "Number"),
        (table(x=[1, 2]), "Number"),
        (table(x=[True, False]), "Boolean"),
        (table(x=["a", "b"]), "Category"),
    ):
        found = column(*((empty, full) if first else (full, empty)))
        assert found[0] == kind and len(found[1]) == 2 + empty.table.num_rows


def test_a_column_that_is_not_in_a_file_is_missing_there_and_told() -> None:
    found = settled(text("a.csv", x=["1"], z=["k"]), text("b.csv", z=["l"]))
    assert found.frame["x"].isna().tolist() == [False, True]
    assert said(found) == "x is not in b.csv: it is missing there"
    found = settled(text("a.csv", x=["1"], z=["k"]), text("b.csv", z=["l"], x=["2"]))
    assert list(found.frame) == ["x", "z"] and said(found) == ""


def test_partition_columns_are_columns_like_any_other() -> None:
    raw = b"x,y\n1,0\n2,1\n"
    pieces = [read(f"year=201{i}/at=0{i}/r.csv", raw) for i in (3, 4)]
    found = settled(*pieces)
    assert [(c.name, c.kind) for c in found.columns] == [
        ("x", "Number"),
        ("year", "Number"),
        ("at", "Category"),
    ]
    assert found.frame["year"].tolist() == [2013, 2013, 2014, 2014]


def test_decimal_commas() -> None:
    assert column(read("a.csv", b"x;y\n1,5;0\n-2;1\n,5;1\n")) == ("Number", [1.5, -2, 0.5])
    assert column(read("a.csv", b"x;y\n1.5;0\n-2;1\n")) == ("Number", [1.5, -2])
    both = read("a.csv", b"x;y\n1,5;0\n2;1\n"), table(x=[2.5])
    assert column(*both) == ("Number", [1.5, 2, 2.5])
    mixed = read("a.csv", b"x;y\n1.234;0\n1,5;1\n")
    assert column(mixed) == ("Category", ["1.234", "1,5"])
    assert column(text(x=["1,5", "2,5"])) == ("Category", ["1,5", "2,5"])


def test_numbers_that_are_not_written_as_such_are_told() -> None:
    for texts in (["1,000", "2"], ["$5", "$6.50"], ["12 %", "3%"], ["1,5", "2,5"]):
        found = settled(text(x=texts))
        assert found.columns[0].kind == "Category"
        assert "are not written as numbers" in said(found) or "is not written as" in said(found)


def test_white_space_is_part_of_a_category_and_told() -> None:
    found = settled(text(x=[" Private", "State", " Private"]))
    assert found.frame["x"].tolist() == [" Private", "State", " Private"]
    assert "2 values with white space around it, such as ' Private' in a.csv" in said(found)


# Times and what cannot be learned from


DAY = datetime.date(2013, 7, 1)
TIMES: list[Any] = [
    pa.array([DAY, None]),
    pa.array([DAY], pa.date64()),
    pa.array([datetime.datetime(2013, 7, 1, 12)], pa.timestamp("ns")),
    pa.array([datetime.datetime(2013, 7, 1, 12)], pa.timestamp("s", tz="America/New_York")),
    pa.array(["2013-07-01", "2013-07-01T12:00", "2013-07-01 12:00:00.5Z", "NA", ""]),
    pa.array([datetime.datetime(2013, 7, 1, 12)]).dictionary_encode(),
]


@pytest.mark.parametrize("values", TIMES)
def test_an_undeclared_time_is_left_out_and_told(values: Any) -> None:
    piece = table(x=values, z=[1] * len(values))
    found = settled(piece)
    assert [c.name for c in found.columns] == ["z"] == list(found.frame)
    assert said(found, "columns") == (
        "x is a time: declare {name: x, kind: Time} in dataset.columns to learn from its hour, "
        "weekday, day and month, or kind Number or Category; it is left out"
    )
    assert found.summary() == "1 number, 1 time left out (x)"
    assert refused(piece, features=["x"]).startswith("x is a time: declare {name: x, kind: Time}")


def test_declared_times_are_seconds_since_1970_in_utc() -> None:
    def times(piece: Piece) -> list[Any]:
        kind, values = column(piece, kinds={"x": "Time"})
        assert kind == "Time"
        return values

    noon = 1_372_680_000.0
    assert times(table(x=[DAY, None])) == [noon - 43_200, None]
    for unit in ("s", "ms", "us", "ns"):
        naive = pa.array([datetime.datetime(2013, 7, 1, 12)], pa.timestamp(unit))
        assert times(table(x=naive)) == [noon]
        assert times(table(x=naive.cast(pa.timestamp(unit, tz="Europe/Berlin")))) == [noon]
        assert times(table(x=naive.cast(pa.int64()))) == [noon]
    assert times(
        text(x=["2013-07-01T12:00:00.25", "2013-07-01 14:00+02:00", "2013-07-01T12:00Z", "?", ""])
    ) == [noon + 0.25, noon, noon, None, None]
    assert times(table(x=[20130701, 20130702])) == [noon - 43_200, noon + 43_200]
    assert times(text(x=["1372680000", ""])) == [noon, None]
    assert times(text(x=["1066-10-14", "9999-12-31"])) == [-28_502_755_200, 253_402_214_400]


def test_what_is_declared_a_time_and_is_none() -> None:
    assert refused(text("a.csv", x=["2013-07-01", "July"]), kinds={"x": "Time"}) == (
        "x is declared a Time, and 1 value is no time in ISO 8601 (2013-07-01T12:00:00Z), such as "
        "'July' in a.csv: mend them, list them in dataset.missing if they mean that, or declare "
        "Category"
    )
    for values in (["2013-02-30"], ["07/01/2013"], ["1", "2"]):
        assert "is declared a Time" in refused(text(x=values), kinds={"x": "Time"})


OTHERS: list[Any] = [
    pa.array([[1], [2]]),
    pa.array([{"a": 1}, {"a": 2}]),
    pa.array([b"\0", b"\1"]),
]


@pytest.mark.parametrize("values", OTHERS)
def test_lists_structs_and_bytes_are_left_out_and_told(values: Any) -> None:
    piece = table(x=values, z=[1, 2])
    found = settled(piece)
    assert list(found.frame) == ["z"]
    assert f"x holds {values.type}, which no model takes; it is left out" in said(found)
    assert "which no model takes" in refused(piece, features=["x"])
    assert "declare Ignore" in refused(piece, kinds={"x": "Category"})
    assert said(settled(piece, kinds={"x": "Ignore"})) == ""


def test_a_column_without_any_value_is_left_out_and_told() -> None:
    for piece in (text(x=["", ""], z=["1", "2"]), text(x=["NA", "?"], z=["1", "2"])):
        found = settled(piece)
        assert list(found.frame) == ["z"]
        assert said(found) == "x has no value in any row; it is left out"
        assert "x has no value in any row" in refused(piece, features=["x", "z"])


# Declared


def test_declared_categories_are_text() -> None:
    def categories(*pieces: Piece) -> list[Any]:
        kind, values = column(*pieces, kinds={"x": "Category"})
        assert kind == "Category"
        return values

    assert categories(table(x=[1, None, 3])) == ["1", "", "3"]
    assert categories(table(x=[1.0, 0.5, NAN, 1e16])) == ["1", "0.5", "", "10000000000000000"]
    assert categories(table(x=pa.array([0.1], pa.float32()))) == ["0.1"]
    assert categories(table(x=[decimal.Decimal("1.50"), decimal.Decimal("2.00")])) == ["1.5", "2"]
    assert categories(table(x=[True, False, None])) == ["true", "false", ""]
    assert categories(table(x=[DAY])) == ["2013-07-01"]
    midnight, noon = datetime.datetime(2013, 7, 1), datetime.datetime(2013, 7, 1, 12, 0, 0, 500_000)
    assert categories(table(x=[midnight])) == ["2013-07-01"]
    assert categories(table(x=[midnight]), table(x=[noon])) == [
        "2013-07-01T00:00:00",
        "2013-07-01T12:00:00.5",
    ]
    zoned = pa.array([noon], pa.timestamp("us", tz="Europe/Berlin"))
    assert categories(table(x=zoned)) == ["2013-07-01T12:00:00.5Z"]
    assert categories(table(x=[datetime.time(12, 30)])) == ["12:30:00"]
    assert categories(text(x=["001", "1", ""])) == ["001", "1", ""]


def test_declared_numbers_and_booleans() -> None:
    assert column(table(x=[True, None]), kinds={"x": "Number"}) == ("Number", [1, None])
    assert column(table(x=[DAY]), kinds={"x": "Number"}) == ("Number", [1_372_636_800])
    assert column(text(x=["true", "007", "nan", "inf"]), kinds={"x": "Number"}) == (
        "Number",
        [1, 7, None, math.inf],
    )
    words = ["yes", "N", "T", "0", "1.0", "?"]
    assert column(text(x=words), kinds={"x": "Boolean"}) == ("Boolean", [1, 0, 1, 0, 1, None])
    assert column(table(x=[1, 0, None]), kinds={"x": "Boolean"}) == ("Boolean", [1, 0, None])
    assert column(table(x=pa.nulls(2)), kinds={"x": "Number"}) == ("Number", [None, None])


def test_a_declaration_that_the_values_contradict_is_refused() -> None:
    pieces = text("a.csv", x=["1", "2"]), text("b.csv", x=["abc", "3", "de"])
    assert refused(*pieces, kinds={"x": "Number"}) == (
        "x is declared a Number, and 2 values are no number, such as 'abc' in b.csv: mend them, "
        "list them in dataset.missing if they mean that, or declare Category"
    )
    assert column(*pieces, kinds={"x": "Number"}, missing=["abc", "de"])[0] == "Number"
    assert "neither true nor false, such as '2' in a.csv" in refused(
        table("a.csv", x=[0, 1, 2]), kinds={"x": "Boolean"}
    )
    assert "is declared a Time" in refused(table(x=[True]), kinds={"x": "Time"})


def test_what_the_spec_says_twice_is_refused() -> None:
    piece = text(x=["1", "2"])
    assert "x is in dataset.features, and declared as Ignore" in refused(
        piece, features=["x"], kinds={"x": "Ignore"}
    )
    assert "y is the target: leave it out" in refused(piece, features=["x", "y"])
    twice = [{"name": "x", "kind": "Number"}, {"name": "x", "kind": "Category"}]
    assert "x is declared a Number and a Category" in refused(piece, columns=twice)


# Precision


def test_values_beyond_float32_are_counted() -> None:
    found = settled(
        text("a.csv", x=["1", "2"]), text("b.csv", x=["1e39", "inf", "3.4e38"]), features=["x"]
    )
    beyond = found.too_large["x"]
    assert (beyond.count, beyond.example, beyond.file) == (2, 1e39, "b.csv")
    assert settled(table(x=[3.4e38, -3.4e38])).too_large == {}
    assert settled(table(x=[1.0, -math.inf])).too_large["x"].count == 1
    dropped = settled(table(x=[math.inf, 1.0], y=pa.array([None, 1])))
    assert dropped.too_large == {} and len(dropped.frame) == 1


def test_values_that_fall_together_in_float32_are_told() -> None:
    """FAULTS B10: ids 16777216 and 16777217 were one value."""
    ids = [16777216, 16777217, 16777218, 5]
    assert said(settled(table(x=ids)), "precision") == (
        "x has 4 different values, of which 3 can be told apart in float32, as a model takes them, "
        "such as 16777216 and 16777217: where they are codes or ids, declare {name: x, kind: "
        "Category} in dataset.columns, or leave the column out"
    )
    found = settled(table(x=ids))
    assert found.frame["x"].tolist() == ids and found.frame["x"].dtype == np.float64
    assert said(settled(table(x=ids), kinds={"x": "Category"})) == ""
    seconds = 1.7e9 + np.arange(100) / 7
    assert "take a constant off" in said(settled(table(x=seconds)), "precision")
    long = [2**60 + i for i in range(4)]
    assert "has 4 different values, of which 1" in said(settled(table(x=long)), "precision")
    for fine in (np.random.default_rng(0).normal(size=10_000), [0.1, 0.2], [2**24, 2**24 - 1]):
        assert said(settled(table(x=list(fine)))) == ""


# What is predicted, and what puts rows in order


def target(*pieces: Piece, task: str = "Classification", **spec: Any) -> list[Any]:
    values: pd.Series[Any] = settled(*pieces, task=task, **spec).target
    assert values.index.tolist() == list(range(len(values)))
    return [f"{values.dtype}", *values.tolist()]


def test_labels_are_whole_numbers_or_text() -> None:
    x = ["1", "2", "3"]
    assert target(text(x=x, y=["0", "1", "0"])) == ["int64", 0, 1, 0]
    assert target(text(x=x, y=["0.0", "1.0", ""])) == ["int64", 0, 1]
    assert target(table(x=x, y=[True, False, None])) == ["int64", 1, 0]
    assert target(text(x=x, y=["True", "False", "False"])) == ["int64", 1, 0, 0]
    assert target(text(x=x, y=["cat", "dog", ""])) == ["object", "cat", "dog"]
    assert target(table(x=x, y=["1", "x", "1"])) == ["object", "1", "x", "1"]
    assert target(text(x=x, y=["01", "1", "2"])) == ["object", "01", "1", "2"]
    assert target(table(x=x, y=[0, 1, 1]), kinds={"y": "Category"}) == ["object", "0", "1", "1"]
    big = [2**62, 2**62 + 1, 5]
    assert target(table(x=x, y=big)) == ["int64", *big]
    assert target(text(x=x, y=list(map(str, big)))) == ["int64", *big]
    assert "holds fractions; use task Regression" in refused(text(x=x, y=["0.5", "1", "2"]))
    assert "no value in any row" in refused(text(x=x, y=["", "", ""]))


def test_numbers_to_predict() -> None:
    x = ["1", "2", "3"]
    assert target(text(x=x, y=["0.5", "NA", "2"]), task="Regression") == ["float64", 0.5, 2]
    assert target(table(x=x, y=[True, False, None]), task="Regression") == ["float64", 1, 0]
    assert "holds text, not numbers, such as 'b' in a.csv: use task Classification" in refused(
        text(x=x, y=["1", "b", "2"]), task="Regression"
    )
    assert "has 1 infinite value, one in a.csv" in refused(
        text(x=x, y=["1", "inf", "2"]), task="Regression"
    )
    assert "is a time: declare" in refused(table(x=x, y=[DAY] * 3), task="Regression")


def test_rows_without_a_target_or_a_time_are_left_out_and_told() -> None:
    piece = text(x=["1", "2", "3", "4"], y=["0", "", "1", "1"], at=["1", "2", "", "4"])
    found = settled(piece, timeColumn="at")
    assert found.frame["x"].tolist() == [1, 4] and found.target.tolist() == [0, 1]
    assert found.times is not None and found.times.tolist() == [1, 4] and not found.are_moments
    assert list(found.frame) == ["x"] and found.features == ("x",)
    assert said(found, "rows").splitlines() == [
        "1 row without y is left out",
        "1 row without at is left out",
    ]


def test_what_puts_rows_in_order() -> None:
    def order(piece: Piece, **spec: Any) -> tuple[list[float], bool]:
        found = settled(piece, timeColumn="at", **spec)
        assert found.times is not None and found.times.dtype == np.float64
        return found.times.tolist(), found.are_moments

    x = ["1", "2"]
    assert order(table(x=x, at=[10, 9])) == ([10, 9], False)
    assert order(text(x=x, at=["10", "9"])) == ([10, 9], False)
    assert order(table(x=x, at=[DAY, DAY])) == ([1_372_636_800] * 2, True)
    zones = ["2013-07-01T10:00:00+02:00", "2013-07-01T09:00:00"]
    assert order(text(x=x, at=zones)) == ([1_372_665_600, 1_372_669_200], True)
    assert order(table(x=x, at=[20130701, 20130702]), kinds={"at": "Time"})[1]
    message = refused(text(x=x, at=["2013-07-01", "July"]), timeColumn="at")
    assert message == (
        "at, the time column, holds times that are not ISO 8601, such as 'July' in a.csv: write "
        "them as 2013-07-01T12:00:00Z, or as numbers"
    )
    found = settled(text(x=x, at=zones), timeColumn="at", features=["at"], kinds={"at": "Time"})
    assert found.columns == (Column(name="x", kind="Number"), Column(name="at", kind="Time"))
    assert found.features == ("at",)


def test_a_group_is_no_feature_unless_it_is_listed() -> None:
    split = {"method": "Grouped", "column": "g"}
    piece = text(x=["1", "2"], g=["a", ""])
    found = settled(piece, split=split)
    assert found.group == Column(name="g", kind="Category") and found.features == ("x",)
    assert found.frame["g"].tolist() == ["a", ""]
    assert settled(piece, split=split, features=["g", "x"]).features == ("g", "x")
    ignored = settled(piece, split=split, kinds={"g": "Ignore"})
    assert ignored.group == found.group and [c.name for c in ignored.columns] == ["x"]
    days = settled(table(x=[1, 2], g=[DAY, DAY]), split=split)
    assert days.group == Column(name="g", kind="Time") and days.frame["g"].nunique() == 1


# In one line


def test_the_kinds_in_one_line() -> None:
    found = settled(
        table(
            a=[1, 2],
            b=[1, 2],
            origin=["JFK", "LGA"],
            carrier=["UA", "AA"],
            late=[True, False],
            departed_at2=[DAY, DAY],
            tags=[[1], [2]],
        )
    )
    assert found.summary() == (
        "2 numbers, 2 categories (origin, carrier), 1 boolean (late), "
        "1 time left out (departed_at2), 1 with list<item: int64> left out (tags)"
    )


def test_nothing_is_noted_of_what_is_not_learned_from() -> None:
    piece = text(x=["1", "2"], z=["1", "NA"], at=["2013-07-01", "2013-07-02"])
    found = settled(piece, features=["x"])
    assert found.summary() == "1 number" and said(found) == ""
    assert [column.name for column in found.columns] == ["x", "z"]  # a champion may want it
    split = {"method": "Grouped", "column": "z"}
    assert settled(piece, split=split).summary() == "1 number, 1 time left out (at)"


def test_notes_stay_few_where_columns_are_many() -> None:
    found = settled(text(**{f"x{i}": ["1", "NA"] for i in range(400)}))
    assert len(found.notes) == 5 and all(len(note.message) <= 512 for note in found.notes)
    assert said(found).splitlines()[-1].startswith("words are taken for missing: also x4, x5")
    assert said(found).endswith("and 384 others")


def test_a_dataset_without_rows() -> None:
    assert refused(read("a.csv", b""), read("b.csv", b"x,y\n")) == "s3://d/ has no rows"


# However the rows are spread over files


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**40), 2**40),
    "float": st.floats(allow_nan=False, width=32) | st.sampled_from([1.0, 1e39, math.inf]),
    "bool": st.booleans(),
    "text": TEXT,
    "code": st.from_regex(r"[0-9]{2,3}", fullmatch=True),
    "word": st.sampled_from(["1", "2.5", "NA", "?", "-"]),
    "truth": st.sampled_from(["true", "False", "nan"]),
    "mixed": st.integers(0, 2000) | st.sampled_from(["x", "NA"]),
    "day": st.dates(datetime.date(1800, 1, 1), datetime.date(2200, 1, 1)),
}


@st.composite
def spread(draw: st.DrawFn) -> tuple[dict[str, list[Any]], list[Piece], dict[str, str]]:
    rows = draw(st.integers(1, 12))
    names = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=4, unique=True))
    columns = {
        name: draw(st.lists(st.none() | CELLS[name], min_size=rows, max_size=rows))
        for name in names
    }
    columns["y"] = [i % 2 for i in range(rows)]
    cuts = sorted(draw(st.lists(st.integers(0, rows), max_size=3)))
    pieces = []
    for i, (start, end) in enumerate(zip([0, *cuts], [*cuts, rows], strict=True)):
        order = draw(st.permutations(list(columns)))
        part = {name: columns[name][start:end] for name in order}
        pieces.append(draw(st.sampled_from([_as_csv, _as_parquet]))(str(i), part))
    kinds = {
        name: kind
        for name, kind in {"int": "Category", "code": "Number", "day": "Time"}.items()
        if name in names and draw(st.booleans())
    }
    return columns, pieces, kinds


def _as_csv(name: str, columns: dict[str, list[Any]]) -> Piece:
    place = io.StringIO()
    writer = csv.writer(place)
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow("" if cell is None else cell for cell in row)
    return read(f"{name}.csv", place.getvalue().encode())


def _as_parquet(name: str, columns: dict[str, list[Any]]) -> Piece:
    arrays = {}
    for column_name, cells in columns.items():
        if any(isinstance(cell, str) for cell in cells):
            cells = [None if cell is None else str(cell) for cell in cells]
        arrays[column_name] = pa.array(cells)
    place = io.BytesIO()
    pq.write_table(pa.table(arrays), place)
    return read(f"{name}.parquet", place.getvalue())


@given(spread())
def test_how_rows_are_spread_over_files_has_no_say(
    drawn: tuple[dict[str, list[Any]], list[Piece], dict[str, str]],
) -> None:
    columns, pieces, kinds = drawn
    whole = settled(_as_csv("whole", columns), kinds=kinds)
    found = settled(*pieces, kinds=kinds)
    where = {column.name: column.kind for column in whole.columns}
    assert {column.name: column.kind for column in found.columns} == where
    assert {c.name: c.what for c in found.left_out} == {c.name: c.what for c in whole.left_out}
    pd.testing.assert_frame_equal(found.frame[list(whole.frame)], whole.frame)
    assert found.target.tolist() == whole.target.tolist() == columns["y"]
    assert found.too_large.keys() == whole.too_large.keys()
    for column in whole.columns:  # what is of a kind already stays as it is
        values = whole.frame[column.name]
        pd.testing.assert_series_equal(as_kind(values, column.kind), values)


# What a request log holds


AS_KIND: list[tuple[Any, Any, list[Any]]] = [
    ("Number", ["1", " 2 ", "x", None, "NA", "02"], [1, 2, None, None, None, 2]),
    ("Number", [1, "2", True, None, 2.5], [1, 2, 1, None, 2.5]),
    ("Number", pd.array([1, None], dtype="Int64"), [1, None]),
    ("Number", [[1], [2]], [None, None]),
    ("Boolean", [True, None, False], [1, None, 0]),
    ("Boolean", ["true", "no", "maybe"], [1, 0, None]),
    ("Boolean", np.array([1.0, 0.0, 7.0], np.float32), [1, 0, None]),
    ("Time", pd.to_datetime(pd.Series(["2013-07-01", None])), [1_372_636_800, None]),
    ("Time", ["2013-07-01", "x"], [1_372_636_800, None]),
    ("Time", [5.5, None], [5.5, None]),
    ("Category", [1.0, "a", True, None, NAN], ["1", "a", "true", "", ""]),
    ("Category", np.array([1.0, NAN], np.float32), ["1", ""]),
    ("Category", ["a", "", None], ["a", "", ""]),
    ("Category", [], []),
    ("Number", [], []),
    ("Time", [None], [None]),
]


@pytest.mark.parametrize(("kind", "values", "expected"), AS_KIND)
def test_anything_as_a_kind(kind: Any, values: Any, expected: list[Any]) -> None:
    is_list = isinstance(values, list)
    logged = pd.Series(values, dtype=object) if is_list else pd.Series(values)
    logged.index = pd.RangeIndex(7, 7 + len(logged))
    found = as_kind(logged.rename("x"), kind)
    assert found.name == "x" and found.index.tolist() == logged.index.tolist()
    assert found.dtype == (object if kind == "Category" else np.float64)
    assert [None if v != v else v for v in found] == expected


def test_many_cells_of_text_are_settled() -> None:
    rng = np.random.default_rng(0)
    n = 100_000
    columns = {f"f{i}": pa.array(rng.normal(size=n)).cast(pa.string()) for i in range(7)}
    columns |= {f"c{i}": pa.array(rng.choice(["a", "b", "c"], n)) for i in range(3)}
    found = settled(table(**columns))
    assert found.summary() == "7 numbers, 3 categories (c0, c1, c2)"


def test_what_a_file_has_as_categories_are_some_whatever_they_look_like() -> None:
    coded = pa.array(["1", "5", None, "3"]).dictionary_encode()
    one = table(x=coded)
    found = settled(one, table("b.parquet", x=[7, 8]))
    assert found.columns == (Column("x", "Category"),)
    assert list(found.frame["x"]) == ["1", "5", "", "3", "7", "8"]
    numbers = pa.array([1.0, 5.0, None, 3.0]).dictionary_encode()
    assert settled(table(x=numbers)).columns == (Column("x", "Number"),)
