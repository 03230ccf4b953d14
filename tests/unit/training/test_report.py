"""What a report says of a log: numbers, from files as pods write them."""

import base64
import gzip
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report_scene import (
    DAY,
    METRICS,
    UNTIL,
    Scene,
    as_json,
    scene,
    story,
    transactions,
    write_feedback,
    write_requests,
)

from perennial_artifact.report import (
    PAGE_BEGINS,
    PAGE_ENDS,
    MetricSpec,
    ReportResult,
    ReportSpec,
)
from perennial_artifact.result import MESSAGE_LIMIT
from perennial_training.report.__main__ import main
from perennial_training.report.make import make
from perennial_training.report.publish import KEPT

NOW = UNTIL.timestamp()


@pytest.fixture(scope="module")
def fraud(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return scene(tmp_path_factory.mktemp("fraud"), transactions(20_000))


@pytest.fixture(scope="module")
def told(fraud: Scene) -> ReportResult:
    return make(fraud.spec(story=story()), fraud.place / "secrets")[0]


def small(place: Path, *rows: dict[str, Any], **spec: Any) -> tuple[Scene, ReportSpec]:
    """Return a log of some rows, a day and a window of ten days, labels in after two."""
    usual = {
        "amount": 1.0,
        "hour": 1.0,
        "category": "fuel",
        "customer": "known",
        "probability": 0.9,
        "label": "fraud",
    }
    filled = [{"id": f"r{n}", "known": np.inf, **usual, **row} for n, row in enumerate(rows)]
    made = scene(place, pd.DataFrame(filled))
    asked = {
        "windowSeconds": 10 * DAY,
        "cohortSeconds": int(DAY),
        "maturitySeconds": 2 * DAY,
        "metrics": [{"name": "caught", "kind": "recall", "minimum": 0.5}],
        "slices": [],
    }
    return made, made.spec(**{**asked, **spec})


def answer(made: Scene, spec: ReportSpec) -> ReportResult:
    return make(spec, made.place / "secrets")[0]


def sums(result: ReportResult, metric: int = 0) -> list[float]:
    numbers = [c.counts[3 * metric : 3 * metric + 3] for c in result.cohorts]
    return [sum(column) for column in zip(*numbers, strict=True)]


def test_the_window_is_of_those_whose_labels_are_in(fraud: Scene, told: ReportResult) -> None:
    """Counted by hand from the very rows."""
    last = NOW - 45 * DAY
    span = 1.25 * DAY
    rows = fraud.rows
    place = np.floor(rows["made"] / span)
    settled = ((place + 1) * span <= last) & (place * span >= last - span - 30 * DAY)
    known = rows[settled & (rows["known"] < NOW)]
    frauds = known[known["label"] == "fraud"]
    missed = (frauds["probability"] < 0.5).sum()
    assert sums(told, 0) == [len(frauds), missed, 0]
    alerts = known[known["probability"] >= 0.5]
    assert sums(told, 1) == [len(alerts), (alerts["label"] != "fraud").sum(), 0]
    newest = (place * span >= NOW - span - 30 * DAY) & ((place + 1) * span <= NOW)
    assert sums(told, 2)[0] == newest.sum()
    assert 0.2 < 1 - missed / len(frauds) < 0.3


def test_how_late_labels_come_is_told_by_class(told: ReportResult) -> None:
    by = {d.label: d for d in told.delays}
    assert by["genuine"].half == by["genuine"].most == 45 * DAY
    assert by["fraud"].half == pytest.approx(12 * DAY, rel=0.1)
    assert by["fraud"].most == pytest.approx(12 * DAY * np.exp(0.7 * 1.645), rel=0.15)


def test_it_is_learned_where_it_is_not_told(fraud: Scene) -> None:
    result = answer(fraud, fraud.spec(maturitySeconds=None, metrics=METRICS[:1]))
    assert result.maturity_seconds == pytest.approx(45 * DAY, rel=0.05)


def test_where_it_cannot_be_learned_nothing_is_said(tmp_path: Path) -> None:
    rows = [{"made": NOW - DAY - n * 600, "known": NOW - DAY / 2} for n in range(60)]
    result = answer(*small(tmp_path, *rows, maturitySeconds=None))
    assert result.maturity_seconds is None and sums(result) == []


def test_early_labels_are_counted_for_those_that_still_come(tmp_path: Path) -> None:
    """Genuine ones are told within two days, and are right; frauds within twenty, all missed."""
    rng = np.random.default_rng(3)
    made = NOW - np.sort(rng.random(6_000))[::-1] * 140 * DAY
    fraud = rng.random(6_000) < 0.4
    rows = [
        {
            "made": m,
            "known": m + (20 if f else 2) * DAY * rng.random(),
            "probability": 0.1,
            "label": "fraud" if f else "genuine",
        }
        for m, f in zip(made, fraud, strict=True)
    ]
    young = [r for r in rows if NOW - 20 * DAY <= r["made"] <= NOW - 4 * DAY]
    come = [r for r in young if r["known"] < NOW]
    naive = sum(r["label"] == "genuine" for r in come) / len(come)
    assert naive > 0.68
    asked = [{"name": "right", "kind": "accuracy", "minimum": 0.5}]
    place, spec = small(
        tmp_path, *rows, windowSeconds=30 * DAY, maturitySeconds=20 * DAY, metrics=asked
    )
    ((labels, due, about),) = re.findall(
        r"Of younger predictions ([\d,]+) labels have come, ([\d.]+)% of what is due.*?about "
        r"([\d.]+)%",
        make(spec, place.place)[1],
    )
    assert float(about) == pytest.approx(60, abs=4)
    assert float(labels.replace(",", "")) == pytest.approx(len(come), rel=0.05)
    assert float(due) == pytest.approx(100 * len(come) / len(young), abs=5)


def test_slices_are_found_and_by_chance_none(fraud: Scene, told: ReportResult) -> None:
    worst = told.slices[0]
    assert (worst.feature, worst.value, worst.metric) == ("customer", "first-time", "caught")
    assert worst.score < 0.12 < 0.2 < worst.overall < 0.3 and worst.p < 1e-4
    assert {s.feature for s in told.slices} == {"customer"}


def test_the_message_fits_and_is_read_again(told: ReportResult) -> None:
    message = told.to_message()
    assert len(message) <= MESSAGE_LIMIT and ReportResult.from_json(message) == told


def test_it_is_published_and_the_newest_are_kept(fraud: Scene) -> None:
    into = fraud.log / "reports" / "fraud"
    for number in (1, 2, KEPT + 2):
        result, page = make(fraud.spec(number=number, slices=[]), fraud.place / "none")
        assert result.uri == f"file://{into}/{number}/report.html"
        assert (into / f"{number}" / "report.html").read_text() == page
    assert sorted(p.name for p in into.iterdir() if any(p.iterdir())) == [str(KEPT + 2)]


def test_the_newest_label_counts_and_clocks_may_differ(tmp_path: Path) -> None:
    made, spec = small(tmp_path, *({"made": NOW - 4 * DAY, "probability": 0.1} for _ in range(40)))
    ids = [f"r{n}" for n in range(40)]
    write_feedback(made.log, ids, [NOW - 4 * DAY - 3] * 40, ["fraud"] * 40, stem="early")
    write_feedback(made.log, ids[:10], [NOW - DAY] * 10, ["genuine"] * 10, stem="late")
    assert sums(answer(made, spec)) == [30, 30, 0]


def test_an_id_that_is_used_again_has_a_label_of_its_own(tmp_path: Path) -> None:
    rows = [
        {"id": "same", "made": NOW - 5 * DAY, "probability": 0.1},
        {"id": "same", "made": NOW - 3 * DAY, "probability": 0.9},
    ]
    made, spec = small(tmp_path, *rows)
    write_feedback(made.log, ["same"] * 2, [NOW - 4 * DAY, NOW - DAY], ["fraud"] * 2, stem="two")
    assert sums(answer(made, spec)) == [2, 1, 0]


def test_labels_of_what_was_not_logged_and_words_that_are_no_class_harm_nothing(
    tmp_path: Path,
) -> None:
    made, spec = small(tmp_path, *({"made": NOW - 4 * DAY} for _ in range(30)))
    write_feedback(made.log, ["r0", "unheard-of"], [NOW - DAY] * 2, ["fraud"] * 2, stem="a")
    write_feedback(made.log, ["r1"], [NOW - DAY], ["fruad"], stem="b")
    result = answer(made, spec)
    assert sums(result) == [1, 0, 0] and sum(c.labels for c in result.cohorts) == 2


def test_what_is_told_after_the_end_is_another_reports(tmp_path: Path) -> None:
    made, spec = small(tmp_path, *({"made": NOW - 4 * DAY} for _ in range(30)))
    write_feedback(made.log, ["r0"], [NOW + 1], ["fraud"], stem="late")
    assert sums(answer(made, spec)) == [0, 0, 0]


def test_broken_and_foreign_files_are_told_and_left_out(tmp_path: Path) -> None:
    made, spec = small(tmp_path, *({"made": NOW - 4 * DAY} for _ in range(30)))
    write_feedback(made.log, ["r0"], [NOW - DAY], ["fraud"])
    day = next((made.log / "requests").iterdir())
    (day / "torn.parquet").write_bytes(b"PAR1 torn")
    pd.DataFrame({"id": ["x"]}).to_parquet(day / "foreign.parquet")
    result = answer(made, spec)
    assert sums(result) == [1, 0, 0]
    assert "2 files cannot be read and were left out" in result.notes[0].message


def test_files_may_differ_in_what_they_have(tmp_path: Path) -> None:
    """A feature was allowed later, was text once, and a row has no id."""
    made, spec = small(tmp_path, *({"made": NOW - 4 * DAY} for _ in range(30)))
    day = next((made.log / "requests").iterdir())
    frame = pd.read_parquet(day / "pod.parquet")
    frame["id"] = [None, *(f"more{n}" for n in range(29))]
    frame.assign(**{"input.hour": "noon", "input.new": 1.0}).to_parquet(day / "text.parquet")
    frame.drop(columns=["input.hour"]).to_parquet(day / "less.parquet")
    result = answer(made, spec)
    assert (result.predictions, result.failure) == (88, None)
    (note,) = result.notes
    assert note.message.startswith("hour is a number, and 33% of the newest values in the log are")


def test_files_that_vanish_while_it_reads_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perennial_training.prepare.files import Directory

    made, spec = small(tmp_path, *({"made": NOW - 4 * DAY} for _ in range(30)))
    names = Directory.names

    def with_one_more(self: Directory, until: Any = None) -> list[str]:
        return [*names(self, until), "requests/gone/x.parquet"]

    monkeypatch.setattr(Directory, "names", with_one_more)
    result = answer(made, spec)
    assert result.predictions == 30
    assert "1 files were removed while the log was read" in result.notes[0].message


def test_only_the_version_that_serves_is_judged(tmp_path: Path) -> None:
    made, spec = small(tmp_path, *({"made": NOW - 4 * DAY} for _ in range(30)))
    others = made.rows.assign(id=[f"o{n}" for n in range(30)], probability=0.1)
    write_requests(made.log, others, "fraud-0", stem="old")
    ids = [*made.rows["id"], *others["id"]]
    write_feedback(made.log, ids, [NOW - DAY] * 60, ["fraud"] * 60)
    result, page = make(spec, made.place)
    assert (result.predictions, sums(result)) == (30, [30, 0, 0])
    assert "predictions of fraud-0, not judged here" in page


def test_rewards_are_counted(tmp_path: Path) -> None:
    metric = {"name": "paid", "kind": "meanReward", "minimum": 0.1}
    made, spec = small(tmp_path, *({"made": NOW - 4 * DAY} for _ in range(40)), metrics=[metric])
    ids = [f"r{n}" for n in range(40)]
    rewards = [0.5, 1.5] * 20
    write_feedback(made.log, ids, [NOW - DAY] * 40, [None] * 40, rewards)
    result = answer(made, spec)
    assert sums(result) == [40, 40, 20 * 0.25 + 20 * 2.25]
    assert sum(c.rewards for c in result.cohorts) == 40


def test_windows_of_seconds_are_cut_like_any_other(tmp_path: Path) -> None:
    """A year in minutes: nothing is special about short times."""
    rows = [{"made": NOW - 30 + n * 0.05, "known": NOW - 29 + n * 0.05} for n in range(600)]
    short = {"windowSeconds": 15, "cohortSeconds": 1, "maturitySeconds": 6}
    made, spec = small(tmp_path, *rows, **short)
    result = answer(made, spec)
    assert [c.place for c in result.cohorts] == list(range(int(NOW) - 22, int(NOW) - 6))
    assert sums(result)[0] == 16 * 20


def test_an_empty_log_is_a_report_that_knows_nothing(tmp_path: Path) -> None:
    made, spec = small(tmp_path, {"made": NOW - 400 * DAY})
    result, page = make(spec, made.place)
    assert (result.failure, result.predictions, result.cohorts) == (None, 0, [])
    assert "has no prediction of fraud-1" in page


def test_a_slice_that_is_not_logged_is_told(fraud: Scene) -> None:
    result = answer(fraud, fraud.spec(slices=["age"]))
    assert "performance.slices names age, which the log has not" in result.notes[0].message


LACKS = [
    ({"kind": "rmse", "maximum": 1}, "the model answers with classes"),
    ({"kind": "recall", "positiveClass": "theft"}, "the model has no class theft"),
    ({"kind": "accuracy"}, ""),
    ({"kind": "logLoss"}, ""),
    ({"kind": "alertRate", "threshold": 0.3}, ""),
]


@pytest.mark.parametrize(("metric", "words"), LACKS, ids=lambda v: str(v)[:24])
def test_what_a_metric_lacks_is_told(fraud: Scene, metric: dict[str, Any], words: str) -> None:
    result = answer(fraud, fraud.spec(metrics=[{"name": "m", **metric}], slices=[]))
    assert result.lacks[0].startswith(words) and bool(result.lacks[0]) == bool(words)


def test_too_much_is_thinned_with_its_labels(
    fraud: Scene, told: ReportResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perennial_training.report.log.MOST_VALUES", 60_000)
    result = answer(fraud, fraud.spec(slices=[]))
    assert 0 < result.predictions < 0.7 * told.predictions
    labels = sum(c.labels for c in result.cohorts) / sum(c.given for c in result.cohorts)
    usual = sum(c.labels for c in told.cohorts) / sum(c.given for c in told.cohorts)
    assert labels == pytest.approx(usual, abs=0.03)
    assert "ids was read" in result.notes[0].message


def test_a_store_that_refuses_the_page_costs_only_the_page(
    fraud: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "in-the-way").write_text("")
    into = f"file://{tmp_path}/in-the-way/reports"
    monkeypatch.setenv("PERENNIAL_REPORT", as_json(fraud.spec(slices=["age"], into=into)))
    monkeypatch.setenv("PERENNIAL_SECRETS", str(tmp_path / "none"))
    monkeypatch.setenv("PERENNIAL_TERMINATION_LOG", str(tmp_path / "told"))
    assert main() == 0
    result = ReportResult.from_json((tmp_path / "told").read_bytes())
    assert (result.failure, result.uri) == (None, "") and len(result.cohorts) > 40
    assert [note.check for note in result.notes] == ["page", "log"]
    assert f"{into} cannot be written" in result.notes[0].message
    assert PAGE_ENDS in capsys.readouterr().out


def test_the_command_tells_and_prints_the_page(
    fraud: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.setenv("PERENNIAL_REPORT", as_json(fraud.spec(slices=[])))
    monkeypatch.setenv("PERENNIAL_SECRETS", str(tmp_path / "none"))
    monkeypatch.setenv("PERENNIAL_TERMINATION_LOG", str(tmp_path / "told"))
    assert main() == 0
    result = ReportResult.from_json((tmp_path / "told").read_bytes())
    text = capsys.readouterr().out
    packed = text.split(PAGE_BEGINS)[1].split(PAGE_ENDS)[0]
    page = gzip.decompress(base64.b64decode(packed)).decode()
    assert result.failure is None and page.startswith("<!doctype html>")
    assert max(map(len, text.splitlines())) <= 1000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"artifactUri": "file:///nowhere/"}, "ArtifactNotFound"),
        ({"artifactSha256": "b" * 64}, "DigestMismatch"),
        ({"logUri": "s3://log", "artifactUri": "ftp://x/"}, "StoreUnreachable"),
    ],
)
def test_a_fault_is_told_by_its_reason(
    fraud: Scene,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    changes: dict[str, Any],
    reason: str,
) -> None:
    monkeypatch.setenv("PERENNIAL_REPORT", as_json(fraud.spec(**changes)))
    monkeypatch.setenv("PERENNIAL_SECRETS", str(tmp_path / "none"))
    monkeypatch.setenv("PERENNIAL_TERMINATION_LOG", str(tmp_path / "told"))
    assert main() == (1 if reason == "StoreUnreachable" else 0)
    told = json.loads((tmp_path / "told").read_text())
    assert told["failure"]["reason"] == reason


def test_days_that_are_too_old_are_not_opened(tmp_path: Path) -> None:
    made, spec = small(tmp_path, *({"made": NOW - 4 * DAY} for _ in range(30)))
    old = (UNTIL - timedelta(days=60)).strftime("%Y-%m-%d")
    (made.log / "requests" / old).mkdir()
    (made.log / "requests" / old / "torn.parquet").write_bytes(b"torn")
    assert answer(made, spec).notes == []


def test_every_kind_of_metric_has_a_measure() -> None:
    from typing import get_args

    from perennial_artifact.report import MetricKind
    from perennial_training.report.measures import measure_of

    for kind in get_args(MetricKind):
        assert measure_of(MetricSpec(name="m", kind=kind)).noun


def test_rows_that_repeat_another_one_are_counted_beside_the_reference(tmp_path: Path) -> None:
    rows = transactions(6_000, decays=False)
    newest = rows.index[rows["made"] > NOW - 30 * DAY]
    inputs = ["amount", "hour", "category", "customer"]
    # A stuck client: of the newest window every third row is one and the same.
    rows.loc[newest[::3], inputs] = rows.loc[newest[0], inputs].to_numpy()
    made = scene(tmp_path / "stuck", rows)
    found = answer(made, made.spec()).equal_rows
    assert found is not None and found.p < 1e-9
    assert found.found == pytest.approx(1 / 3, abs=0.01) and found.usual < 0.001
    clean = scene(tmp_path / "clean", transactions(6_000, decays=False))
    found = answer(clean, clean.spec()).equal_rows
    assert found is not None and found.p > 0.01 and found.found < 0.001


def test_equal_rows_are_not_known_where_the_log_has_not_all_features(tmp_path: Path) -> None:
    made = scene(tmp_path, transactions(3_000))
    for file in made.log.rglob("requests/**/*.parquet"):
        pd.read_parquet(file).drop(columns="input.amount").to_parquet(file)
    assert answer(made, made.spec()).equal_rows is None
