"""A dataset with the labelled requests of a log added: real files, read by the trainer."""

import json
import os
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from logs import BEGAN, at, label, request, write

from perennial_artifact.result import DatasetSpec, FeedbackSpec
from perennial_training.__main__ import main
from perennial_training.failure import TrainingFailure
from perennial_training.prepare.dataset import Rows, load
from perennial_training.prepare.feedback import Found

COLUMNS = {"x": [float(n) for n in range(60)], "colour": ["red", "blue"] * 30}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def dataset(tmp_path: Path, **columns: Any) -> Path:
    path = tmp_path / "data" / "rows.parquet"
    path.parent.mkdir(exist_ok=True)
    pd.DataFrame({**COLUMNS, "y": [0, 1] * 30, **columns}).to_parquet(path)
    return path


def read(tmp_path: Path, task: str = "Classification", **more: Any) -> Rows:
    if not (tmp_path / "data").exists():
        dataset(tmp_path)
    feedback = FeedbackSpec(
        deployment="flights", uri=f"file://{tmp_path}/log", until=more.pop("until", None)
    )
    spec = {"uri": f"file://{tmp_path}/data/rows.parquet", "target": "y", "feedback": feedback}
    return load(DatasetSpec.from_plain({**spec, **more}), task, None)


def added(rows: Rows) -> dict[float, Any]:
    """Return the target of every row that came from the log, by its feature x of 1000 and more."""
    x = pd.concat([rows.train["x"], rows.test["x"]])
    y = pd.concat([rows.train_target, rows.test_target])
    return {float(x[i]): y[i] for i in x.index[x >= 1000]}


def told(rows: Rows, check: str) -> list[str]:
    return [note.message for note in rows.notes if note.check == check]


def test_labelled_requests_become_rows(tmp_path: Path, log: Path) -> None:
    lines = [request("a", n, row=n, x=1000.0 + n, colour="green") for n in range(3)]
    write(log, "requests", lines)
    write(log, "requests", [request("b", 90_000, x=2000.0, colour="red")], "next-day")
    told = [label("a", 10, "1", row=2), label("b", 90_001, "0"), label("a", 11, "0")]
    write(log, "feedback", told)
    rows = read(tmp_path)
    assert added(rows) == {1002.0: 1, 2000.0: 0, 1000.0: 0}
    assert (rows.record.rows, rows.record.feedback_rows) == (63, 3)
    assert rows.feedback == Found(files=3, labels=3, rows=3)
    assert rows.train["x"].dtype == "float64" and rows.train_target.dtype == "int64"
    assert set(rows.train["colour"]) | set(rows.test["colour"]) == {"red", "blue", "green"}


def test_the_newest_label_wins_and_a_reward_is_no_label(tmp_path: Path, log: Path) -> None:
    write(log, "requests", [request("a", 0, x=1000.0, colour="red")])
    write(log, "feedback", [label("a", 30, "1"), label("a", 40, None)], "z")
    write(log, "feedback", [label("a", 20, "0"), label("a", 10, "0")], "b")
    assert added(read(tmp_path)) == {1000.0: 1}


def test_what_was_not_sampled_joins_nothing(tmp_path: Path, log: Path) -> None:
    write(log, "requests", [request("a", 0, x=1000.0, colour="red")])
    write(log, "feedback", [label("b", 1, "1"), label("a", 1, "1", row=1)])
    rows = read(tmp_path)
    assert added(rows) == {} and rows.feedback == Found(files=2, labels=2)
    assert (rows.record.rows, rows.record.feedback_rows) == (60, 0)


def test_an_id_that_a_client_uses_again_gives_each_request_its_own_label(
    tmp_path: Path, log: Path
) -> None:
    lines = [request("a", s, x=1000.0 + s, colour="red") for s in (0, 100, 200)]
    write(log, "requests", lines)
    write(log, "feedback", [label("a", 99, "0"), label("a", 150, "1")])
    assert added(read(tmp_path)) == {1000.0: 0, 1100.0: 1}


@pytest.mark.parametrize(("early", "rows"), [(0.5, {1010.0: 1}), (5, {1010.0: 1}), (5.1, {})])
def test_clocks_of_two_pods_may_differ_by_seconds(
    tmp_path: Path, log: Path, early: float, rows: dict[float, int]
) -> None:
    write(log, "requests", [request("a", 10, x=1010.0, colour="red")])
    write(log, "feedback", [label("a", 10 - early, "1")])
    assert added(read(tmp_path)) == rows


def test_before_anything_is_logged_the_dataset_is_all(tmp_path: Path) -> None:
    rows, alone = read(tmp_path), read(tmp_path, feedback=None)
    assert rows.feedback is None and rows.record.feedback_rows == 0
    (tmp_path / "log").mkdir()  # as a bucket's empty directory
    assert read(tmp_path).record == rows.record
    nowhere = read(tmp_path, feedback=FeedbackSpec(deployment="flights"))
    assert nowhere.feedback is None and nowhere.record == rows.record
    assert alone.record.feedback_rows is None
    pd.testing.assert_frame_equal(rows.train, alone.train)
    assert rows.record.sha256 == alone.record.sha256


def test_the_digest_covers_the_log(tmp_path: Path, log: Path) -> None:
    alone = read(tmp_path).record.sha256
    write(log, "requests", [request("a", 0, x=1000.0, colour="red")])
    write(log, "feedback", [label("a", 1, "1")])
    once, again = read(tmp_path).record.sha256, read(tmp_path).record.sha256
    write(log, "feedback", [label("a", 1, "0")])
    assert once == again and len({alone, once, read(tmp_path).record.sha256}) == 3


def test_all_pods_of_a_run_read_the_same_files(tmp_path: Path, log: Path) -> None:
    write(log, "requests", [request("a", 0, x=1000.0, colour="red")])
    paths = [
        write(log, "feedback", [label("a", 1, "1")], "before"),
        write(log, "feedback", [label("a", 2, "0")], "after"),
    ]
    for path, moment in zip(paths, (at(60), at(61)), strict=True):
        os.utime(path, (moment.timestamp(), moment.timestamp()))
    os.utime(log / "requests" / "2026-01-01" / "a.parquet", (0, 0))
    assert added(read(tmp_path, until=at(60))) == {1000.0: 1}
    assert added(read(tmp_path, until=at(61))) == {1000.0: 0}


def test_a_feature_that_was_never_allowed_is_named_with_the_remedy(
    tmp_path: Path, log: Path
) -> None:
    write(log, "requests", [request("a", 0, x=1000.0)])
    with pytest.raises(TrainingFailure) as failed:
        read(tmp_path)
    told = str(failed.value)
    assert failed.value.reason == "FeedbackInvalid"
    assert "the request log of flights lacks colour:" in told
    assert "spec.serving.requestLog.features" in told
    assert added(read(tmp_path, features=["x"])) == {}


def test_files_from_before_a_feature_was_allowed_are_left_out(tmp_path: Path, log: Path) -> None:
    write(log, "requests", [request("a", 0, x=1000.0)], "old")
    write(log, "requests", [request("b", 1, x=1001.0, colour="red", more=1)], "new")
    write(log, "feedback", [label("a", 1, "1"), label("b", 2, "1")])
    rows = read(tmp_path)
    assert added(rows) == {1001.0: 1}
    assert rows.feedback == Found(files=3, labels=2, rows=1, files_without_features=1)
    assert told(rows, "feedback") == [
        "1 file is left out of flights's request log, since not every feature was logged then"
    ]


def test_missing_and_foreign_values_are_missing(tmp_path: Path, log: Path) -> None:
    dataset(tmp_path, flag=[True, False] * 30)
    inputs: list[dict[str, Any]] = [
        {"x": "1000", "colour": None, "flag": 1.0},
        {"x": "many", "colour": "red", "flag": None},
    ]
    lines = [request("a", n, row=n, **values) for n, values in enumerate(inputs)]
    write(log, "requests", lines)
    write(log, "feedback", [label("a", 5, "1"), label("a", 5, "1", row=1)])
    rows = read(tmp_path, split={"method": "Random", "testFraction": 0.01})
    everything = pd.concat([rows.train, rows.test]).sort_index().tail(2)
    assert everything["colour"].to_list() == ["", "red"]
    assert everything["x"].isna().to_list() == [False, True]
    assert everything["flag"].isna().to_list() == [False, True]
    assert {str(t) for t in everything[["x", "flag"]].dtypes} == {"float64"}


def test_a_label_that_is_no_class_makes_none(tmp_path: Path, log: Path) -> None:
    write(log, "requests", [request("a", 0, row=n, x=1000.0 + n, colour="red") for n in range(4)])
    texts = ["1", "7", "late", "true"]
    write(log, "feedback", [label("a", 5, t, row=n) for n, t in enumerate(texts)])
    rows = read(tmp_path)
    assert added(rows) == {1000.0: 1, 1003.0: 1}
    assert rows.feedback is not None and rows.feedback.unusable_labels == 2
    assert told(rows, "feedback") == [
        "2 labels are left out, of 4 of flights's requests: not one of the dataset's classes, or "
        "no number"
    ]


def test_logged_requests_that_name_no_group_are_one_and_that_is_told(
    tmp_path: Path, log: Path
) -> None:
    """An input that is not learned from is not logged: so all of the log was on one side."""
    dataset(tmp_path, shop=[f"s{n % 10}" for n in range(60)])
    lines = [request(f"r{n}", n, x=1000.0 + n, colour="red") for n in range(20)]
    write(log, "requests", lines)
    write(log, "feedback", [label(f"r{n}", n + 1, str(n % 2)) for n in range(20)])
    split = {"method": "Grouped", "column": "shop"}
    rows = read(tmp_path, split=split)
    held = rows.held_out["x"] >= 1000
    assert held.sum() in (0, 20)
    (message,) = told(rows, "split")
    assert message.startswith("20 rows have no shop (split.column), so all count as one group, and")
    assert ("are held out" if held.sum() else "are learned from") in message
    assert told(read(tmp_path, split=split, feedback=None), "split") == []


def test_labels_of_which_none_fits_stop_the_run(tmp_path: Path, log: Path) -> None:
    write(log, "requests", [request("a", 0, x=1000.0, colour="red")])
    write(log, "feedback", [label("a", 5, "late")])
    with pytest.raises(TrainingFailure, match="such as 'late': send values of y, such as '0'"):
        read(tmp_path)


def test_a_regression_takes_numbers(tmp_path: Path, log: Path) -> None:
    write(log, "requests", [request("a", 0, row=n, x=1000.0 + n, colour="red") for n in range(3)])
    texts = ["-1.5", "1e400", "12"]
    write(log, "feedback", [label("a", 5, t, row=n) for n, t in enumerate(texts)])
    rows = read(tmp_path, "Regression")
    assert added(rows) == {1000.0: -1.5, 1002.0: 12.0}


def test_the_time_of_a_request_is_the_time_of_its_row(tmp_path: Path, log: Path) -> None:
    naive = pd.Series(pd.date_range("2025-01-01", periods=60, freq="h"))
    dataset(tmp_path, when=naive)
    write(log, "requests", [request("a", 0, x=1000.0, colour="red")])
    write(log, "feedback", [label("a", 5, "1")])
    split = {"method": "Time", "testFraction": 0.1}
    rows = read(tmp_path, timeColumn="when", split=split)
    assert rows.test["x"].iloc[-1] == 1000.0
    assert (rows.record.start, rows.record.end) == (
        "2025-01-01 00:00:00+00:00",
        "2026-01-01 12:00:00+00:00",
    )


def test_a_champion_may_have_learned_from_columns_that_are_not_logged(
    tmp_path: Path, log: Path
) -> None:
    dataset(tmp_path, flag=[True, False] * 30, note=["a", "b"] * 30, when="2025-01-01")
    write(log, "requests", [request("a", 0, x=1000.0)])
    write(log, "feedback", [label("a", 5, "1")])
    split = {"method": "Time", "testFraction": 0.1}
    rows = read(tmp_path, features=["x"], timeColumn="when", split=split)
    given = rows.held_out.set_index("x")
    assert given.loc[1000.0, "note"] == "" and pd.isna(given.loc[1000.0, "flag"])
    assert given["flag"].dtype == "float64"


@pytest.mark.parametrize(
    ("content", "told"), [(b"PAR1 no", "cannot be read, remove it"), (None, "no column label")]
)
def test_a_broken_file_is_named(
    tmp_path: Path, log: Path, content: bytes | None, told: str
) -> None:
    path = write(log, "feedback", [label("a", 1, "1")])
    if content is None:
        pd.DataFrame({"id": ["a"], "row": [0], "time": [BEGAN.astimezone(UTC)]}).to_parquet(path)
    else:
        path.write_bytes(content)
    with pytest.raises(TrainingFailure, match=told) as failed:
        read(tmp_path)
    assert "/log/feedback/2026-01-01/a.parquet" in str(failed.value)


def test_the_trainer_learns_from_feedback_and_says_so(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset(tmp_path)
    lines = [request("a", n, row=n, x=1000.0 + n, colour="red") for n in range(20)]
    write(log, "requests", lines)
    write(log, "feedback", [label("a", 60, str(n % 2), row=n) for n in range(20)])
    run = {
        "training": "flights",
        "namespace": "team",
        "run": 1,
        "task": "Classification",
        "dataset": {
            "uri": f"file://{tmp_path}/data/rows.parquet",
            "target": "y",
            "feedback": {"deployment": "flights", "uri": f"file://{log}"},
        },
        "objective": {"metric": "accuracy"},
        "candidates": [{"name": "linear", "algorithm": "LogisticRegression"}],
        "storeUri": f"file://{tmp_path}/models",
    }

    def train() -> dict[str, Any]:
        (tmp_path / "run.json").write_text(json.dumps(run))
        assert main() == 0
        result: dict[str, Any] = json.loads((tmp_path / "message").read_text())
        return result

    for name, path in (("RUN", "run.json"), ("TERMINATION_LOG", "message"), ("SECRETS", "none")):
        monkeypatch.setenv(f"PERENNIAL_{name}", str(tmp_path / path))
    result = train()
    assert (result["dataset"]["rows"], result["dataset"]["feedbackRows"]) == (80, 20)
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert next(s for s in said if s["message"] == "feedback joined")["rows"] == 20
    manifest = json.loads(next((tmp_path / "models").rglob("manifest.json")).read_text())
    assert manifest["lineage"]["dataset"]["feedbackRows"] == 20
    (log / "feedback").rename(tmp_path / "elsewhere")
    (log / "requests").rename(tmp_path / "elsewhere-too")
    assert train()["dataset"]["feedbackRows"] == 0
    assert "nothing is logged yet: the dataset alone is learned from" in capsys.readouterr().out


def test_what_is_learned_from_moves_no_logged_row_to_the_other_side(
    tmp_path: Path, log: Path
) -> None:
    """A logged row had lost what was not learned from, and so looked like another one."""
    lines = [request(f"r{n}", n, x=1000.0 + n, colour="green") for n in range(400)]
    write(log, "requests", lines)
    write(log, "feedback", [label(f"r{n}", n + 1, str(n % 2)) for n in range(400)])
    wide = read(tmp_path)
    narrow = read(tmp_path, features=["x"])
    assert [c.name for c in narrow.columns] == ["x"]
    assert len(narrow.test) == len(wide.test)
    assert (narrow.split.held_out == wide.split.held_out).all()
    assert narrow.new_to(wide.split.record).all()


def test_a_file_without_what_is_not_learned_from_is_read_all_the_same(
    tmp_path: Path, log: Path
) -> None:
    write(log, "requests", [request("a", 0, x=1000.0, colour="green")])
    write(log, "requests", [request("b", 0, x=1001.0)], "without")
    write(log, "feedback", [label("a", 1, "1"), label("b", 1, "0")])
    rows = read(tmp_path, features=["x"])
    assert added(rows) == {1000.0: 1, 1001.0: 0}
    colours = dict(zip(rows.frame["x"], rows.frame["colour"], strict=True))
    assert (colours[1000.0], colours[1001.0]) == ("green", "")


def test_a_request_that_is_in_a_file_too_is_told_though_the_log_is_in_single_precision(
    tmp_path: Path, log: Path
) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=60)
    dataset(tmp_path, x=x)
    single = [float(value) for value in x.astype(np.float32)]
    assert not set(single) & set(x)
    lines = [request(f"r{n}", n, x=single[n], colour=COLUMNS["colour"][n]) for n in range(60)]
    write(log, "requests", lines)
    write(log, "feedback", [label(f"r{n}", n + 1, str(n % 2)) for n in range(60)])
    rows = read(tmp_path)
    assert told(rows, "duplicateRows")[0].startswith("60 of 120 rows repeat another one")
    assert "held-out rows are equal to one that is learned from" in told(rows, "shared")[0]
