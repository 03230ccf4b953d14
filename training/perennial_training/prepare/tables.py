"""A file of a dataset as a table, nothing in it guessed.

A CSV file says nothing of what its values are, so each is read as the text that it is: what a
column holds is settled later, over all files (``kinds``).
"""

from __future__ import annotations

import contextlib
import zlib
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from perennial_artifact.result import Note
from perennial_training.failure import TrainingFailure
from perennial_training.prepare.dialect import Dialect, dialect
from perennial_training.prepare.notes import counted, note

PARQUET = (".parquet", ".pq")
TEXT = (".csv", ".tsv", ".txt")
ENDINGS = (*PARQUET, *TEXT, *(f"{ending}.gz" for ending in TEXT))
"""What the name of a file of rows ends with."""

NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"
"""What Hive and Spark write into a path for a missing value."""

LARGEST = 4 * 2**30
"""Bytes that a file may have when it is inflated."""
FREE, RATIO = 64 * 2**20, 200
"""Bytes beyond which no file inflates to more than so many times itself; rows do to 5 to 30."""

_BLOCK = 8 * 2**20


@dataclass(frozen=True)
class Piece:
    """A file's rows: text or what Parquet says, with the headings as they are written.

    Names of columns may be empty or twice there. ``decimal`` is what a number's fraction may begin
    with in this file: a comma besides the point, where semicolons separate the values.
    """

    name: str
    table: pa.Table
    decimal: str = "."
    notes: tuple[Note, ...] = ()


def is_table(name: str) -> bool:
    """Return whether a file is one of rows, by the end of its name (in any case)."""
    return name.lower().endswith(ENDINGS)


def read(name: str, content: bytes, path: str | None = None, largest: int = LARGEST) -> Piece:
    """Return the rows of a file.

    A directory ``year=2013`` of its path (by default its name) is a column of text, after the
    file's own. An empty file, or one of headings alone, has no rows, and is no fault.

    Raises:
        TrainingFailure: it cannot be read; the text says where and what to do.
    """
    if name.lower().endswith(PARQUET):
        piece = Piece(name, _parquet(name, content))
    else:
        piece = _text(name, inflated(name, content, largest))
    return _with_partitions(piece, partitions(name if path is None else path))


def partitions(path: str) -> dict[str, str | None]:
    """Return the values that directories of a path say as ``name=value``, None for missing."""
    found: dict[str, str | None] = {}
    for directory in path.split("/")[:-1]:
        name, equals, value = directory.partition("=")
        if equals and name:
            found[unquote(name)] = None if value == NO_PARTITION else unquote(value)
    return found


def inflated(name: str, content: bytes, largest: int = LARGEST) -> bytes:
    """Return what gzip (of any number of members) holds; content that is none as it is.

    Raises:
        TrainingFailure: it is cut or broken, or would inflate beyond what is sensible.
    """
    # By its first bytes and not by its name: some stores inflate what they serve.
    if not content.startswith(b"\x1f\x8b"):
        return content
    limit = min(largest, max(FREE, RATIO * len(content)))
    parts: list[bytes] = []
    rest, size = content, 0
    while rest.rstrip(b"\0"):
        member = zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(rest, limit - size + 1)
        except zlib.error as error:
            raise _invalid(f"{name} is broken gzip ({error}): write it anew") from error
        size += len(part)
        if size > limit:
            raise _invalid(
                f"{name} inflates from {len(content):,} to more than {limit:,} bytes: split it "
                "into smaller files, or write Parquet"
            )
        if not member.eof:
            raise _invalid(f"{name} is cut in the midst of its gzip: write it anew")
        parts.append(part)
        rest = member.unused_data
    return b"".join(parts)


def _parquet(name: str, content: bytes) -> pa.Table:
    if not content:
        return pa.table({})
    try:
        table = pq.ParquetFile(pa.BufferReader(content)).read()
        table.validate(full=True)  # that text is UTF-8, for one
        return table
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0]
        raise _invalid(f"{name} cannot be read as Parquet: {why}") from error


def _text(name: str, content: bytes) -> Piece:
    form = dialect(name, content)
    body = content[form.start :]
    if not form.headings:
        return Piece(name, pa.table({}))
    decimal = "," if form.separator == ";" else "."
    positions = [str(i) for i in range(len(form.headings))]
    if form.only_headings:
        empty = [pa.array([], pa.string())] * len(positions)
        return Piece(name, pa.Table.from_arrays(empty, names=list(form.headings)), decimal)
    if not body.endswith((b"\n", b"\r")):
        body += b"\n"  # a file without any end of line is none to the parser
    try:
        table = _parsed(body, form, positions, _BLOCK)
    except pa.ArrowInvalid as error:
        if "straddling" not in str(error):
            raise _unreadable(name, content, body, form, positions, error) from error
        try:  # a row that is longer than a block
            table = _parsed(body, form, positions, len(body) + 1)
        except pa.ArrowInvalid as other:
            raise _unreadable(name, content, body, form, positions, other) from other
    _check_quotes(name, body, table)
    return Piece(name, table.rename_columns(list(form.headings)), decimal)


def _parsed(
    body: bytes, form: Dialect, positions: list[str], block: int, bad: Any = None
) -> pa.Table:
    csv = pyarrow.csv
    return csv.read_csv(
        pa.BufferReader(body),
        read_options=csv.ReadOptions(
            column_names=positions,  # headings may be there twice
            skip_rows_after_names=1,
            block_size=block,
            use_threads=bad is None,
        ),
        parse_options=csv.ParseOptions(
            delimiter=form.separator,
            newlines_in_values=b'"' in body,  # slower, for blocks cannot be found apart
            invalid_row_handler=bad,
        ),
        convert_options=csv.ConvertOptions(
            column_types={position: pa.string() for position in positions},
            null_values=[],
            strings_can_be_null=False,
        ),
    )


def _unreadable(
    name: str, content: bytes, body: bytes, form: Dialect, positions: list[str], error: Exception
) -> TrainingFailure:
    """Return the sentence for a file that could not be parsed, with the line where possible."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as wrong:
        line = content.count(b"\n", 0, wrong.start) + 1
        return _invalid(
            f"{name} is not UTF-8: byte {wrong.start + 1:,}, in line {line:,}, is "
            f"0x{content[wrong.start]:02x}; save it as UTF-8"
        )
    found: list[Any] = []

    def first_bad(row: Any) -> str:
        found.append(row)
        return "error" if row.number is not None else "skip"

    with contextlib.suppress(pa.ArrowException):
        _parsed(body, form, positions, len(body) + 1, first_bad)
    if not found:
        return _invalid(f"{name} cannot be read: {str(error).splitlines()[0]}")
    row = found[0]
    advice = f"mend it, or quote values that hold {form.spoken}"
    if row.text.count('"') % 2:
        advice = 'a quotation mark (") is opened in it and never closed: close or remove it'
    return _invalid(
        f"row {row.number:,} of {name} (the headings are row 1) has "
        f"{counted(row.actual_columns, 'value')} where {counted(row.expected_columns, 'column')} "
        f"are, parted by {form.spoken}: {advice}; it is {row.text[:80]!r}"
    )


def _check_quotes(name: str, body: bytes, table: pa.Table) -> None:
    """Refuse a file whose last quotation mark is never closed: it swallows the rows after it."""
    if body.count(b'"') % 2 == 0 or table.num_rows == 0:
        return
    last = [str(column[-1]) for column in table.columns]
    if any("\n" in value or "\r" in value for value in last):
        raise _invalid(
            f'{name} has a quotation mark (") that is opened and never closed, and so takes all '
            f"lines after it for one value, which begins with {last[-1][:40]!r}: close or remove it"
        )


def _with_partitions(piece: Piece, values: dict[str, str | None]) -> Piece:
    table, notes = piece.table, list(piece.notes)
    if not table.num_columns:
        return piece
    for name, value in values.items():
        if name in (column.strip() for column in table.column_names):
            if _differs(table, name, value):
                notes.append(
                    note(
                        "names",
                        f"{piece.name} has a column {name} besides the {name}={value} of its path; "
                        "the column is taken",
                    )
                )
            continue
        column = pa.repeat(pa.scalar(value, pa.string()), table.num_rows)
        table = table.append_column(name, column)
    return replace(piece, table=table, notes=tuple(notes))


def _differs(table: pa.Table, name: str, value: str | None) -> bool:
    """Return whether a column says anything else than the path."""
    stripped = [column.strip() for column in table.column_names]
    column = table.column(stripped.index(name))
    try:
        same = pc.equal(pc.cast(column, pa.string()), value)
    except (pa.ArrowException, TypeError):
        return True
    return bool(pc.any(pc.invert(same)).as_py())


def _invalid(message: str) -> TrainingFailure:
    return TrainingFailure("DatasetInvalid", message)
