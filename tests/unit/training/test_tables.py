"""A file is read as it is written."""

import gzip
import io
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_training.failure import TrainingFailure
from perennial_training.prepare import tables
from perennial_training.prepare.tables import is_table, partitions, read

ROWS = {"a": ["1", "NA", ""], "b": ["x", "1_0", "nan"]}


def rows(content: str | bytes, name: str = "rows.csv") -> dict[str, list[Any]]:
    raw = content.encode() if isinstance(content, str) else content
    found: dict[str, list[Any]] = read(name, raw).table.to_pydict()
    return found


def refused(content: bytes, name: str = "rows.csv") -> str:
    with pytest.raises(TrainingFailure) as caught:
        read(name, content)
    assert caught.value.reason == "DatasetInvalid"
    return str(caught.value)


def parquet(table: pa.Table) -> bytes:
    place = io.BytesIO()
    pq.write_table(table, place)
    return place.getvalue()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_any_separator_any_line_end_with_and_without_a_mark(
    separator: str, end: str, mark: bytes
) -> None:
    lines = [["a", "b"], *zip(*ROWS.values(), strict=True)]
    text = end.join(separator.join(line) for line in lines)
    for whole in (text, text + end, end + text):
        content = mark + whole.encode()
        assert rows(content) == rows(gzip.compress(content), "rows.csv.gz") == ROWS


def test_text_stays_as_it_is() -> None:
    found = rows('"a ","b,c"\n 1 ,"2\n3"\n"4""5",\n')
    assert found == {"a ": [" 1 ", '4"5'], "b,c": ["2\n3", ""]}


def test_a_separator_in_a_value_is_none() -> None:
    assert rows('a;b\n"x;y";1,5\nz;2,5\n') == {"a": ["x;y", "z"], "b": ["1,5", "2,5"]}
    assert rows("a\tb\n1,2;3\t4\n", "rows.tsv") == {"a": ["1,2;3"], "b": ["4"]}
    assert rows('name,when\n"Doe; Jane",1\n"Roe; Jim",2\n')["name"] == ["Doe; Jane", "Roe; Jim"]
    assert rows("sep=;\r\na;b\r\n1;2\r\n") == {"a": ["1"], "b": ["2"]}


def test_only_where_semicolons_part_the_values_a_comma_is_a_decimal_one() -> None:
    assert read("a.csv", b"a;b\n1,5;2\n").decimal == ","
    assert read("a.csv", b"a,b\n1.5,2\n").decimal == "."


def test_a_column_of_row_names_and_a_last_separator_have_no_heading() -> None:
    assert rows('"mpg" "cyl"\n'.replace(" ", ",") + '"Mazda",21,6\n"Fiat",30,4\n') == {
        "": ["Mazda", "Fiat"],
        "mpg": ["21", "30"],
        "cyl": ["6", "4"],
    }
    assert rows("a,b\n1,2,\n3,4,\n") == {"a": ["1", "3"], "b": ["2", "4"], "": ["", ""]}


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf", b"a,b", b"a,b\r\n", b'"a","b"\n'])
def test_an_empty_file_has_no_rows(content: bytes) -> None:
    for raw, name in ((content, "a.csv"), (gzip.compress(content), "a.csv.gz")):
        assert read(name, raw).table.num_rows == 0
    assert read("a.parquet", b"").table.num_rows == 0


def test_headings_may_be_there_twice() -> None:
    table = read("a.csv", b"a,a,\n1,2,3\n").table
    assert table.column_names == ["a", "a", ""]
    assert [c.to_pylist() for c in table.columns] == [["1"], ["2"], ["3"]]


def test_a_row_may_be_longer_than_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_BLOCK", 64)
    long = "x" * 1_000
    assert rows(f'a,b\n1,"{long}"\n2,y\n') == {"a": ["1", "2"], "b": [long, "y"]}


def test_headings_may_be_there_twice_in_parquet() -> None:
    twice = pa.table([pa.array([1]), pa.array(["x"])], names=["a", "a"])
    assert read("a.parquet", parquet(twice)).table.equals(twice)


def test_parquet_keeps_its_types_and_a_named_index() -> None:
    frame = pd.DataFrame({"x": [1, 2]}, index=pd.Index(["p", "q"], name="key"))
    table = read("a.pq", parquet(pa.Table.from_pandas(frame))).table
    assert table.column_names == ["x", "key"] and table.schema.field("x").type == pa.int64()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\n3,\xff\n", "rows.csv is not UTF-8: byte 11, in line 3, is 0xff; save it as"),
        ("a,b\n1,é\n".encode("latin-1"), "byte 7, in line 2, is 0xe9"),
        ("a,b\n".encode("utf-16"), "rows.csv is UTF-16: save it as UTF-8"),
        (
            b"a,b\n1,2\n3\n",
            "row 3 of rows.csv (the headings are row 1) has 1 value where 2 columns",
        ),
        (b"a,b\n1,2\n3,4,5\n6,7\n", "has 3 values where 2 columns are, parted by commas"),
        (b'a,b\n1,"2\n3,4\n5,6\n', 'a quotation mark (") that is opened and never closed'),
        (b'a,b\n1,2\n"3,4\n5,6\n', "has 1 value where 2 columns are, parted by commas: a quot"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(content: bytes, said: str) -> None:
    assert said in refused(content)


def test_broken_parquet() -> None:
    assert "a.parquet cannot be read as Parquet" in refused(b"PAR1 nonsense", "a.parquet")
    assert "cannot be read" in refused(parquet(pa.table({"x": [1] * 99}))[:-20], "a.parquet")
    latin = pa.array([b"\xe9"]).view(pa.string())
    assert "cannot be read as Parquet" in refused(parquet(pa.table({"x": latin})), "a.parquet")


def test_gzip_of_several_members_and_what_is_none() -> None:
    packed = gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n")
    assert rows(packed, "a.csv.gz") == {"a": ["1", "3"], "b": ["2", "4"]}
    assert rows(packed + b"\0" * 512, "a.csv.gz")["a"] == ["1", "3"]
    assert rows(b"a,b\n1,2\n", "a.csv.gz") == {"a": ["1"], "b": ["2"]}  # a store inflated it


def test_gzip_that_is_cut_broken_or_a_bomb() -> None:
    packed = gzip.compress(b"a,b\n" + bytes(range(48, 58)) * 100)
    assert "is cut in the midst of its gzip" in refused(packed[:-9], "a.csv.gz")
    assert "is broken gzip" in refused(packed[:10] + b"\xff" * 40, "a.csv.gz")
    bomb = gzip.compress(b"a,b\n" + b"0" * (65 * 2**20))
    assert f"inflates from {len(bomb):,} to more than 67,108,864 bytes" in refused(bomb, "a.csv.gz")
    with pytest.raises(TrainingFailure, match="to more than 100 bytes"):
        read("a.csv.gz", packed, largest=100)


def test_directories_of_a_path_are_columns() -> None:
    """FAULTS B11: partition columns of hive paths were lost."""
    name = "year=2013/month=07/place=New%20York/kind=__HIVE_DEFAULT_PARTITION__/rows.parquet"
    table = read(name, parquet(pa.table({"x": [1, 2]}))).table
    assert table.to_pydict() == {
        "x": [1, 2],
        "year": ["2013"] * 2,
        "month": ["07"] * 2,
        "place": ["New York"] * 2,
        "kind": [None] * 2,
    }
    assert rows("x,y\n1,2\n", "s3/year=2013/x.csv")["year"] == ["2013"]
    assert partitions("=1/a/b=/c=1=2.csv/d") == {"b": "", "c": "1=2.csv"}
    table = read("rows.csv", b"x,y\n1,2\n", "s3://data/year=2013/rows.csv").table
    assert table["year"].to_pylist() == ["2013"]


def test_a_column_in_the_file_goes_before_its_path() -> None:
    piece = read("year=2013/a.csv", b"year,x\n2013,1\n2014,2\n")
    assert piece.table["year"].to_pylist() == ["2013", "2014"]
    assert [n.message for n in piece.notes] == [
        "year=2013/a.csv has a column year besides the year=2013 of its path; the column is taken"
    ]
    assert read("year=2013/a.csv", b"year,x\n2013,1\n").notes == ()


def test_which_files_are_tables() -> None:
    yes = ["a.parquet", "b/c.pq", "a.csv", "A.CSV", "a.tsv", "a.txt", "a.csv.gz", "a.tsv.gz"]
    no = ["a.json", "a.gz", "a.parquet.gz", "_SUCCESS", "a.csv.tmp", "a.xlsx"]
    assert all(map(is_table, yes)) and not any(map(is_table, no))


@given(
    st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\0"))] * 3),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(",;\t|"),
)
def test_every_text_comes_back(lines: list[tuple[str, ...]], separator: str) -> None:
    def quote(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    written = [separator.join(map(quote, line)) for line in [("a", "b", "c"), *lines]]
    found = rows("\n".join(written) + "\n")
    assert list(zip(*found.values(), strict=True)) == lines
