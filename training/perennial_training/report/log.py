"""What is read of a request log: predictions of a time, and what was told of them since.

A log is written by many pods and pruned by others while it is read: what has vanished is left out,
what is broken is told, and what is too much is thinned by the requests' ids, so that a request
stays with its labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from perennial_training.prepare.feedback import KEY, join
from perennial_training.prepare.files import Directory

MOST_VALUES = 40_000_000
"""Values that are held at most, some 400 MB of numbers; beyond them every second id is let go, and
again."""
DAY = timedelta(days=1)
MOMENT = pa.timestamp("us", tz="UTC")
Wanted = Callable[[str], bool]
"""Tells whether a column of a file is read, by its name."""


@dataclass(frozen=True)
class Logged:
    """Predictions with what became known of them, the oldest first."""

    rows: pd.DataFrame
    """id, row, time, version, ``input.*``, ``output.*``; label and told (when it was), reward."""
    notes: list[str] = field(default_factory=list)
    files: int = 0
    repeated: int = 0
    """Rows whose id and row another request had, too."""


def read(
    uri: str, secret_dir: Path | None, since: datetime, until: datetime, wanted: Wanted
) -> Logged:
    """Return the predictions of a time, with all that was told of them up to its end.

    Raises:
        ArtifactNotFound: nothing was logged yet, and a directory on a disk is not there.
        StoreUnreachable: the store does not answer.
    """
    log = _Log(Directory(uri, secret_dir), since, until)
    rows = log.requests(wanted)
    told = log.feedback()
    labels = told[told["label"].notna()][[*KEY, "label"]]
    rewards = told[told["reward"].notna()][[*KEY, "reward"]].rename(columns={"reward": "label"})
    keys = rows[KEY].assign(at=np.arange(len(rows)))
    found = join(keys, labels)
    rows = _with_nothing_told(rows)
    if len(found):
        rows.loc[found["at"], "label"] = found["label"].astype(object).to_numpy()
        rows.loc[found["at"], "told"] = found["told"].array
    if len(rewards):
        paid = join(keys, rewards)
        rows.loc[paid["at"], "reward"] = paid["label"].astype(float).to_numpy()
    return Logged(
        rows,
        notes=log.notes(),
        files=log.files,
        repeated=int(rows.duplicated(["id", "row"]).sum()),
    )


def nothing() -> Logged:
    """Return that nothing was logged yet."""
    return Logged(_with_nothing_told(_frame([], [*KEY, "version"])))


class _Log:
    """The files of a log, as far as they are of a time."""

    def __init__(self, directory: Directory, since: datetime, until: datetime) -> None:
        self._directory, self._since, self._until = directory, since, until
        self._names = [n for n in directory.names() if n.endswith(".parquet")]
        self._broken: list[str] = []
        self._vanished = 0
        self.files = 0
        self.thinned = 0
        """How often every second id was let go."""

    def notes(self) -> list[str]:
        """Return what is to be known of the files."""
        found = []
        if self._broken:
            found.append(
                f"{len(self._broken)} files cannot be read and were left out, such as "
                f"{self._broken[0]}"
            )
        if self._vanished:
            found.append(f"{self._vanished} files were removed while the log was read")
        if self.thinned:
            found.append(
                f"there are more predictions than fit into memory: one of {2**self.thinned} ids "
                "was read"
            )
        return found

    def requests(self, wanted: Wanted) -> pd.DataFrame:
        """Return the predictions of the time, the oldest first."""
        fixed = [*KEY, "version"]
        parts: list[Any] = []
        held = 0
        for table in self._tables("requests", fixed, wanted):
            part = self._thin(table)
            parts.append(part)
            held += part.num_rows * part.num_columns
            while held > MOST_VALUES:
                self.thinned += 1
                parts = [self._thin(p) for p in parts]
                held = sum(p.num_rows * p.num_columns for p in parts)
        return _frame(parts, fixed).sort_values("time", kind="stable", ignore_index=True)

    def feedback(self) -> pd.DataFrame:
        """Return what was told up to the end, of the ids that are read."""
        fixed = [*KEY, "label", "reward"]
        parts = [self._thin(t) for t in self._tables("feedback", fixed, lambda name: False)]
        return _frame(parts, fixed)

    def _thin(self, table: Any) -> Any:
        if not self.thinned or not table.num_rows:
            return table
        hashes = pd.util.hash_array(table["id"].to_pandas().to_numpy(dtype=object))
        return table.filter(pa.array(hashes % np.uint64(2**self.thinned) == 0))

    def _tables(self, part: str, fixed: Sequence[str], wanted: Wanted) -> Iterator[Any]:
        """Yield what each file has of the time, as Arrow: pandas would cost much for each file."""
        names = [n for n in self._names if n.startswith(f"{part}/") and self._may_be(n)]
        since, until = (pa.scalar(t, MOMENT) for t in (self._since, self._until))
        for name, content in self._directory.read_present(names):
            if content is None:
                self._vanished += 1
                continue
            try:
                table = _table(content, fixed, wanted)
                time = table["time"]
                within = pc.and_(pc.greater_equal(time, since), pc.less(time, until))
                for key in ("id", "row"):
                    within = pc.and_(within, pc.is_valid(table[key]))
            except (pa.ArrowException, OSError, ValueError):
                self._broken.append(name)
                continue
            self.files += 1
            yield table.filter(within)

    def _may_be(self, name: str) -> bool:
        """Tell whether a file may be of the time: those of a day have what came until they ended.

        What is told later than a prediction is in the later day's file, and never before it.
        """
        try:
            day = date.fromisoformat(name.split("/")[1])
        except (ValueError, IndexError):
            return True
        return (self._since - DAY).date() <= day <= (self._until + DAY).date()


def _table(content: bytes, fixed: Sequence[str], wanted: Wanted) -> Any:
    """Return a file's rows.

    Raises:
        ValueError: it lacks a column.
    """
    file = pq.ParquetFile(pa.BufferReader(content))
    names = file.schema_arrow.names
    if any(name not in names for name in fixed):
        raise ValueError("a column is lacking")
    table = file.read(columns=[n for n in names if n in fixed or wanted(n)])
    for name, kind in (("time", MOMENT), ("id", pa.string()), ("row", pa.int64())):
        place = table.column_names.index(name)
        table = table.set_column(place, name, table[name].cast(kind, safe=False))
    return table


def _frame(parts: Sequence[Any], fixed: Sequence[str]) -> pd.DataFrame:
    """Return tables below each other; what a file lacks is missing there."""
    filled = [p for p in parts if p.num_rows]
    if not filled:
        empty = pd.DataFrame({name: pd.Series([], dtype=object) for name in fixed})
        return empty.astype({"id": "str", "row": "int64", "time": "datetime64[us, UTC]"})
    try:
        frame = pa.concat_tables(filled, promote_options="permissive").to_pandas()
    except pa.ArrowException:  # a column is text in one file, and a number in another
        frame = pd.concat([p.to_pandas() for p in filled], ignore_index=True)
    typed: pd.DataFrame = frame.astype({"id": "str", "row": "int64", "time": "datetime64[us, UTC]"})
    return typed


def _with_nothing_told(rows: pd.DataFrame) -> pd.DataFrame:
    never = pd.Series(pd.NaT, rows.index, dtype="datetime64[us, UTC]")
    return rows.assign(label=None, told=never, reward=np.nan)


def seconds_of(times: pd.Series[Any]) -> Any:
    """Return times in seconds since 1970, NaN where there is none."""
    found = times.dt.tz_convert(UTC).dt.tz_localize(None).astype("datetime64[us]")
    numbers = found.to_numpy().astype("int64") / 1e6
    return np.where(found.isna().to_numpy(), np.nan, numbers)
