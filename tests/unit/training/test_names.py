"""Headings are mended by rule, and told."""

import pandas as pd
import pyarrow as pa
import pytest

from perennial_artifact.result import DatasetSpec
from perennial_training.failure import TrainingFailure
from perennial_training.prepare.names import Mended, matched, mend, tidy
from perennial_training.prepare.tables import Piece, read


def csv(text: str, name: str = "a.csv") -> Piece:
    return read(name, text.encode())


def said(mended: Mended) -> str:
    return "\n".join(note.message for note in mended.notes)


def spec(**changes: object) -> DatasetSpec:
    return DatasetSpec.from_plain({"uri": "s3://d/x.csv", "target": "late", **changes})


def test_white_space_around_a_heading_is_left_off() -> None:
    mended = mend([csv(' age,pay ,"of\nwork",ok\n1,2,3,4\n')])
    assert mended.names == ["age", "pay", "of work", "ok"]
    assert said(mended) == (
        "names are taken without white space around them: ' age' is age, 'pay ' is pay, "
        "'of\\nwork' is of work"
    )
    assert tidy("\ufeffe\u0301\u00a0") == "é"


COUNTERS = [
    ",x\n0,5\n1,5\n2,5\n",
    "Unnamed: 0,x\n1,5\n2,5\n3,5\n",
    "Unnamed: 0,x\n0,5\n2,5\n17,5\n",  # rows were filtered
    "Unnamed: 0,x\n17,5\n2,5\n0,5\n",  # rows were shuffled
    "Unnamed: 0_level_0,x\n0,5\n",
    ",x\n0.0,5\n1.0,5\n",
]


@pytest.mark.parametrize("text", COUNTERS)
def test_a_column_without_a_heading_that_counts_rows_is_left_out(text: str) -> None:
    """FAULTS B11: ``Unnamed: 0`` was learned."""
    mended = mend([csv(text)])
    assert mended.names == ["x"] and "counts rows and is left out" in said(mended)


def test_rows_are_counted_in_each_file_or_over_all_of_them() -> None:
    for second in ("0,5\n1,6\n", "2,5\n3,6\n"):
        assert mend([csv(",x\n0,5\n1,6\n"), csv(",x\n" + second)]).names == ["x"]


def test_the_index_that_pandas_writes_is_left_out() -> None:
    frame = pd.DataFrame({"x": [1, 2, 3]}, index=[5, 5, 9])
    mended = mend([Piece("a.parquet", pa.Table.from_pandas(frame))])
    assert mended.names == ["x"]
    assert said(mended) == "__index_level_0__ counts rows and is left out"


def test_any_other_column_without_a_heading_gets_a_name() -> None:
    mended = mend([csv(",x,Unnamed: 2,\nMazda,1,7,a\nFiat,2,7,b\n")])
    assert mended.names == ["column_1", "x", "column_3", "column_4"]
    assert said(mended).splitlines() == [
        "column 1, which has no heading, is called column_1",
        "Unnamed: 2 is called column_3",
        "column 4, which has no heading, is called column_4",
    ]


def test_what_is_asked_for_is_never_left_out() -> None:
    piece = csv("Unnamed: 0,x\n0,5\n1,5\n")
    assert mend([piece], {"Unnamed: 0"}).names == ["Unnamed: 0", "x"]
    assert mend([piece], {"column_1"}).names == ["column_1", "x"]


def test_a_name_that_is_there_twice() -> None:
    mended = mend([csv("a,a,b,b,b_2\n1,1,1,2,0\n3,3,3,4,0\n")])
    assert mended.names == ["a", "b", "b_3", "b_2"]
    assert mended.pieces[0].table["b_3"].to_pylist() == ["2", "4"]
    assert said(mended).splitlines() == [
        "a is there twice with the same values: one is kept",
        "b is there again with other values, called b_3",
    ]


def test_columns_are_the_same_only_where_they_are_in_all_files() -> None:
    same, other = csv("a,a\n1,1\n"), csv("a,a \n1,2\n")
    assert mend([same]).names == ["a"]
    assert mend([same, other]).names == mend([other, same]).names == ["a", "a_2"]
    nan = pa.table([pa.array([1.0, float("nan"), None])] * 2, names=["x", "x"])
    assert mend([Piece("a.parquet", nan)]).names == ["x"]


@pytest.mark.parametrize(
    ("heading", "told"),
    [
        ("x" * 254, "has 254 characters: give it one of at most 253"),
        ("a\x07b", "'a\\x07b', holds control characters"),
    ],
)
def test_names_that_nothing_can_carry_are_refused(heading: str, told: str) -> None:
    with pytest.raises(TrainingFailure) as caught:
        mend([csv(f"{heading},y\n1,2\n")])
    assert told in str(caught.value) and str(caught.value).startswith("a.csv has a column")
    assert mend([csv(f"{'x' * 253},y\n1,2\n")]).names == ["x" * 253, "y"]


def test_the_spec_names_columns_as_they_are_written_or_mended() -> None:
    found = matched(
        spec(
            target=" late ",
            features=["a", "b ", "b"],
            columns=[{"name": " b", "kind": "Number"}],
            timeColumn=" at",
            split={"method": "Grouped", "column": "g "},
        ),
        ["a", "b", "late", "at", "g"],
    )
    assert (found.target, found.features, found.time_column) == ("late", ["a", "b"], "at")
    assert (found.columns[0].name, found.split.column) == ("b", "g")


def test_a_wrong_name_gets_the_nearest_and_those_that_there_are() -> None:
    names = ["late_", *(f"c{i}" for i in range(300))]
    with pytest.raises(TrainingFailure) as caught:
        matched(spec(features=["c0", "wholly other"]), names)
    message = str(caught.value)
    assert message.startswith(
        "s3://d/x.csv has no column late (did you mean late_?), wholly other; it has late_, c0, c1"
    )
    assert message.endswith("c18 and 281 others") and len(message) < 512


@pytest.mark.parametrize(
    "changes",
    [
        {"features": ["dep_dely"]},
        {"timeColumn": "dep_dely"},
        {"split": {"column": "dep_dely"}},
        {"columns": [{"name": "dep_dely", "kind": "Ignore"}]},
        {"target": "Dep_Delay"},
    ],
)
def test_every_name_of_the_spec_is_looked_up(changes: dict[str, object]) -> None:
    with pytest.raises(TrainingFailure, match=r"did you mean dep_delay\?"):
        matched(spec(**changes), ["late", "dep_delay"])


def test_a_file_without_headings_is_told() -> None:
    with pytest.raises(TrainingFailure, match="write headings into the first line of each file"):
        matched(spec(), ["5.1", "3.5", "1.4", "Iris-setosa"])
