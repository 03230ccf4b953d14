"""``dataset.newest``: what is older is left out, in the dataset and in the log, and told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from logs import at, label, request, write
from workshop import Workshop, orders

from perennial_artifact.result import DatasetSpec, FeedbackSpec
from perennial_training.failure import TrainingFailure
from perennial_training.prepare.dataset import Rows, load

MORNING = datetime(2026, 1, 3, tzinfo=UTC)
"""Of 200 hours from the first of January on, 152 are not before it."""


def told(rows: Rows) -> list[str]:
    return [n.message for n in rows.notes if n.check == "rows"]


def test_older_rows_are_left_out_and_told(bench: Workshop) -> None:
    bench.put(orders())
    rows = bench.load(since=MORNING)
    assert rows.record.rows == 152 and rows.record.since == "2026-01-03 00:00:00+00:00"
    assert rows.record.start == "2026-01-03 00:00:00+00:00"
    assert rows.frame.index.equals(pd.RangeIndex(152)) and len(rows.train) + len(rows.test) == 152
    assert told(rows) == [
        "48 rows are from before 2026-01-03 00:00:00+00:00 and left out (dataset.newest)"
    ]
    everything = bench.load()
    assert everything.record.rows == 200 and everything.record.since is None
    assert not told(everything)


def test_rows_without_a_time_are_left_out_and_told_by_themselves(bench: Workshop) -> None:
    frame = orders()
    frame.loc[190:, "at"] = pd.NaT
    bench.put(frame)
    rows = bench.load(since=MORNING)
    assert rows.record.rows == 142
    assert sorted(told(rows)) == [
        "10 rows without at are left out",
        "48 rows are from before 2026-01-03 00:00:00+00:00 and left out (dataset.newest)",
    ]


def test_nothing_left_is_a_failure_that_says_what_to_do(bench: Workshop) -> None:
    bench.put(orders())
    with pytest.raises(TrainingFailure) as failed:
        bench.load(since=datetime(2026, 2, 1, tzinfo=UTC))
    assert failed.value.reason == "DatasetInvalid"
    assert str(failed.value).endswith(
        "/data/ has 0 rows with a bought since 2026-02-01 00:00:00+00:00, and 200 older ones; at "
        "least 50 are needed: add newer rows, or raise dataset.newest"
    )


def test_what_only_old_rows_hold_hinders_nobody(bench: Workshop) -> None:
    frame = orders()
    frame.loc[0, "amount"] = np.inf
    bench.put(frame)
    assert bench.load(since=MORNING).record.rows == 152
    with pytest.raises(TrainingFailure, match="1 value that is infinite"):
        bench.load()


def test_seconds_since_1970_are_times_and_other_numbers_are_not(bench: Workshop) -> None:
    frame = orders()
    hours = pd.Series(range(200))
    bench.put(frame.assign(at=1_767_225_600 + 3600 * hours))
    assert bench.load(since=MORNING).record.rows == 152
    bench.put(frame.assign(at=hours))
    with pytest.raises(TrainingFailure, match="which are no seconds since 1970"):
        bench.load(since=MORNING)
    declared = [{"name": "at", "kind": "Time"}]
    bench.put(frame.assign(at=1000 * (1_767_225_600 + 3600 * hours)))
    assert bench.load(since=MORNING, columns=declared).record.rows == 152


def with_log(tmp_path: Path, **more: Any) -> Rows:
    spec = DatasetSpec.from_plain(
        {
            "uri": f"file://{tmp_path}/rows.parquet",
            "target": "bought",
            "timeColumn": "at",
            "features": ["amount", "colour"],
            "feedback": FeedbackSpec(deployment="orders", uri=f"file://{tmp_path}/log"),
            **more,
        }
    )
    return load(spec, "Classification", None)


def test_logged_rows_are_left_out_by_the_time_of_their_request(tmp_path: Path) -> None:
    orders().to_parquet(tmp_path / "rows.parquet")  # until the ninth, seven in the morning
    log = tmp_path / "log"
    write(log, "requests", [request("a", 3600 * n, row=n, amount=1.0, colour="") for n in range(9)])
    last = 3600 * 240  # every label comes ten days later
    write(log, "feedback", [label("a", last, "1", row=n) for n in range(9)])
    whole = with_log(tmp_path)
    assert (whole.record.rows, whole.record.feedback_rows) == (209, 9)
    rows = with_log(tmp_path, since=at(3600 * 4))
    assert rows.record.feedback_rows == 5
    assert rows.record.rows == 200 - 12 - 4 + 5
    assert rows.feedback is not None and rows.feedback.rows == 9


def test_the_log_alone_is_enough_where_all_of_the_dataset_is_old(tmp_path: Path) -> None:
    orders().to_parquet(tmp_path / "rows.parquet")
    log, month = tmp_path / "log", 86_400 * 30
    lines = [request("a", month + n, row=n, amount=float(n), colour="red") for n in range(80)]
    write(log, "requests", lines)
    write(log, "feedback", [label("a", month + 100, str(n % 2), row=n) for n in range(80)])
    rows = with_log(tmp_path, since=at(month))
    assert (rows.record.rows, rows.record.feedback_rows) == (80, 80)
    assert rows.target.dtype == np.int64 and set(rows.target) == {0, 1}


def test_genuine_by_silence_and_later_reported_ends_as_fraud(tmp_path: Path) -> None:
    """Whatever comes first in the files: the label that was told last is the one that counts."""
    orders().to_parquet(tmp_path / "rows.parquet")
    log, day = tmp_path / "log", 86_400
    lines = [request(c, 0, amount=float(n), colour="red") for n, c in enumerate("abc")]
    write(log, "requests", lines)
    silence = [label(c, 30 * day, "0") for c in "abc"]
    write(log, "feedback", [label("a", 41 * day, "1"), label("b", 12 * day, "1")], "a")
    write(log, "feedback", silence, "b")
    rows = with_log(tmp_path, since=at(0) - timedelta(seconds=1))
    answers = dict(zip(rows.frame["amount"], rows.target, strict=True))
    assert [answers[n] for n in (0.0, 1.0, 2.0)] == [1, 0, 0]
