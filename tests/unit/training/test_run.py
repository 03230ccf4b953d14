"""One candidate, from rows to a published artifact and a termination message."""

import hashlib
import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from workshop import FAST, Workshop, orders

from perennial_artifact.manifest import Manifest, Metric
from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.result import MESSAGE_LIMIT, CandidateResult, Comparison, Note
from perennial_artifact.store import StoreUnreachable, fetch, publish
from perennial_training import __main__ as trainer
from perennial_training import run as running
from perennial_training.export import OnnxModel
from perennial_training.failure import Stopped, TrainingFailure, failure_of
from perennial_training.prepare import checks
from perennial_training.prove.profile import profile


def value(metrics: list[Metric], name: str = "roc_auc") -> float:
    return next(m.value for m in metrics if m.name == name)


def test_a_candidate_is_published_and_what_it_says_is_so(
    shop: Workshop, all_resamples: None
) -> None:
    result = shop.train(metrics=["accuracy"])
    assert result.artifact is not None and result.dataset is not None
    manifest = Manifest.from_plain(shop.document(result, "manifest.json"))
    place = Path(result.artifact.uri.removeprefix("file://"))
    assert place.parent == shop.place / "store" / "sha256" and place.name == result.artifact.sha256
    for name, file in manifest.files.items():
        content = (place / name).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (file.sha256, file.size)
    assert result.artifact.size_bytes == sum(f.stat().st_size for f in place.iterdir())
    assert [m.name for m in result.metrics] == ["roc_auc", "accuracy"]
    assert all(m.low is not None and m.low < m.value <= m.high for m in manifest.metrics)  # type: ignore[operator]
    assert [c.kind for c in manifest.columns] == ["Number", "Number", "Category"]
    assert manifest.metrics == result.metrics and manifest.signature == result.signature
    assert manifest.classes == ["0", "1"] and result.dataset.rows == 200
    lineage = manifest.lineage
    assert lineage is not None and lineage.parent is None
    assert (lineage.training, lineage.run, lineage.candidate) == ("orders", 3, "linear")
    assert lineage.libraries == result.libraries and "scikit-learn" in lineage.libraries
    assert lineage.split is not None and set(lineage.split.thresholds) == {"0", "1"}
    assert result.dataset.held_out == 40 and result.notes[0].check == "columns"


def test_the_profile_is_of_all_rows_and_predictions_are_of_the_held_out_ones(
    shop: Workshop,
) -> None:
    result = shop.train(dataset={"split": {"method": "Time"}})
    profile = Profile.from_plain(shop.document(result, "profile.json"))
    rows = orders()
    age, colour = profile.features[1:]
    assert profile.rows == 200 and [f.name for f in profile.features] == ["amount", "age", "colour"]
    assert age.missing == rows["age"].isna().sum() and age.maximum == rows["age"].max()
    counted = rows["colour"].value_counts()
    assert dict(zip(colour.categories, colour.counts, strict=True)) == counted.to_dict()
    assert colour.missing == rows["colour"].isna().sum()
    (probability,) = profile.predictions
    assert probability.name == "probability" and sum(probability.counts) == 40
    assert 0 <= (probability.minimum or 0) < (probability.maximum or 0) <= 1
    # A row an hour, and 200 of them: some hours have nine, the others eight.
    by_hour = [sum(hour) for hour in age.hours]
    assert by_hour == [9 if hour < 200 % 24 else 8 for hour in range(24)]
    assert colour.at(range(24)) == colour and probability.at(range(24)) == probability
    held_out = [sum(hour) for hour in probability.hours]
    assert held_out == [sum(1 for n in range(160, 200) if n % 24 == hour) for hour in range(24)]


def test_rows_of_days_without_hours_are_not_counted_by_the_hour(shop: Workshop) -> None:
    shop.put(orders().assign(at=lambda f: f["at"].dt.normalize()))
    profile = Profile.from_plain(shop.document(shop.train(), "profile.json"))
    assert not any(p.hours for p in (*profile.features, *profile.predictions))


def table(loader: Any) -> pd.DataFrame:
    data = loader(as_frame=True)
    return data.frame.rename(columns={"target": "answer"})


@pytest.mark.parametrize(
    ("loader", "task", "algorithm", "metric", "at_least"),
    [
        (load_breast_cancer, "Classification", "LogisticRegression", "roc_auc", 0.98),
        (load_wine, "Classification", "HistGradientBoostingClassifier", "accuracy", 0.9),
        (load_diabetes, "Regression", "Ridge", "r2", 0.35),
    ],
)
def test_real_tables(
    bench: Workshop, loader: Any, task: str, algorithm: str, metric: str, at_least: float
) -> None:
    frame = table(loader)
    bench.put(frame, "table.csv")
    result = bench.train(
        {"name": "a", "algorithm": algorithm},
        task=task,
        objective={"metric": metric},
        dataset={"target": "answer", "timeColumn": None},
    )
    assert value(result.metrics, metric) > at_least
    assert len(result.to_message()) <= MESSAGE_LIMIT
    manifest = shop_manifest(bench, result)
    assert len(manifest.classes) == (frame["answer"].nunique() if task == "Classification" else 0)


def shop_manifest(shop: Workshop, result: CandidateResult) -> Manifest:
    return Manifest.from_plain(shop.document(result, "manifest.json"))


def champion(result: CandidateResult, **changes: Any) -> dict[str, Any]:
    assert result.artifact is not None
    made = {"version": "orders-2", "uri": result.artifact.uri, "sha256": result.artifact.sha256}
    return {**made, **changes}


LABELS: list[Any] = [
    lambda y: y,
    lambda y: y == 1,
    lambda y: y.astype(float),
    lambda y: y.map({0: "no", 1: "yes"}),
]


@pytest.mark.parametrize("labels", LABELS, ids=["int", "bool", "float", "text"])
def test_the_champion_is_measured_on_the_same_rows(bench: Workshop, labels: Any) -> None:
    frame = orders()
    bench.put(frame.assign(bought=labels(frame["bought"])))
    first = bench.train()
    again = bench.train(champion=champion(first))
    assert first.metrics == again.metrics and first.comparisons == []
    (compared,) = again.comparisons
    assert compared.champion == compared.value == value(first.metrics) > 0.9
    assert compared.low == compared.high == 0 and again.champion_failure == ""
    assert bench.document(again, "manifest.json")["lineage"]["parent"] == "orders-2"


def test_a_champion_of_other_columns_is_measured_on_its_own(shop: Workshop) -> None:
    first = shop.train()
    narrow = shop.train(champion=champion(first), dataset={"features": ["age", "colour"]})
    (compared,) = narrow.comparisons
    assert compared.champion > 0.9 > compared.value
    assert compared.high is not None and compared.high < 0


def test_a_champion_is_compared_on_rows_that_it_has_not_learned_from(bench: Workshop) -> None:
    """It learned 1,000 of 1,200 rows by heart: on those it would be nearly perfect."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"x": rng.normal(size=1_200), "bought": rng.integers(0, 2, 1_200)})
    forest = {"name": "a", "algorithm": "RandomForestClassifier"}
    forest["parameters"] = {"n_estimators": 20}  # type: ignore[assignment]
    plain = {"timeColumn": None}
    bench.put(frame[:1_000])
    first = bench.train(forest, dataset=plain)
    bench.put(frame)
    again = bench.train(
        forest, dataset={**plain, "split": {"testFraction": 0.5}}, champion=champion(first)
    )
    (compared,) = again.comparisons
    assert compared.champion == pytest.approx(0.5, abs=0.12)


def test_a_champion_that_cannot_be_compared_says_why_and_the_candidate_goes_on(
    shop: Workshop,
) -> None:
    first = shop.train()

    def why(**changes: Any) -> str:
        result = shop.train(**{"champion": champion(first), **changes})
        assert result.artifact is not None and result.comparisons == []
        return result.champion_failure

    gone = champion(first, uri=f"{shop.store}/sha256/gone/")
    assert why(champion=gone).startswith("orders-2 cannot be had: ")
    assert "does not exist" in why(champion=gone)
    assert "sha256" in why(champion=champion(first, sha256="0" * 64))
    ridge = {"name": "a", "algorithm": "Ridge"}
    numbers = {"task": "Regression", "objective": {"metric": "r2"}, "candidates": [ridge]}
    assert why(**numbers, dataset={"target": "age"}) == "orders-2 learned to predict something else"
    assert "predict something else" in why(
        dataset={"target": "colour"}, objective={"metric": "accuracy"}
    )
    shop.put(orders().drop(columns=["age"]))
    assert why() == "orders-2 needs age, which the dataset does not have"
    shop.put(orders())
    old = shop.document(first, "manifest.json")
    del old["lineage"]["split"]
    place = shop.place / "store" / "old"
    shutil.copytree(first.artifact.uri.removeprefix("file://"), place)  # type: ignore[union-attr]
    (place / "manifest.json").write_text(json.dumps(old))
    digest = hashlib.sha256((place / "manifest.json").read_bytes()).hexdigest()
    told = why(champion=champion(first, uri=f"file://{place}", sha256=digest))
    assert told == "orders-2 does not say which rows it has learned from"


def test_a_metric_that_the_champion_cannot_have_leaves_the_others_compared(shop: Workshop) -> None:
    ridge = {"name": "a", "algorithm": "RidgeClassifier"}
    first = shop.train(ridge, objective={"metric": "accuracy"})
    again = shop.train(champion=champion(first), metrics=["accuracy"])
    assert [c.name for c in again.comparisons] == ["accuracy"] and again.champion_failure == ""
    alone = shop.train(champion=champion(first))
    assert alone.champion_failure.endswith("no answers that roc_auc could be measured by")


def test_publishing_twice_is_harmless(shop: Workshop) -> None:
    one, other = shop.train(), shop.train()
    assert one.artifact == other.artifact
    assert len(list((shop.place / "store" / "sha256").iterdir())) == 1
    assert publish(shop.place / "artifact", shop.store)[1] == one.artifact.sha256  # type: ignore[union-attr]


def test_what_was_published_is_what_is_fetched_and_it_predicts(shop: Workshop) -> None:
    result = shop.train()
    assert result.artifact is not None
    manifest = fetch(result.artifact.uri, result.artifact.sha256, shop.place / "fetched")
    served = OnnxModel(shop.place / "fetched" / "model.onnx", [0, 1])
    rows = shop.load()
    truth = rows.test_target.to_numpy()
    right = np.mean(served.predict(rows.test) == truth)
    assert right > 0.8 and [t.name for t in manifest.signature.inputs] == list(rows.test)


def wide(shop: Workshop, columns: int) -> None:
    rng = np.random.default_rng(3)
    frame = orders(60)[["bought"]]
    names = [f"measurement_{i:03}" for i in range(columns)]
    shop.put(
        pd.concat([frame, pd.DataFrame(rng.normal(size=(60, columns)), columns=names)], axis=1)
    )


def test_the_termination_message_of_500_features_fits(bench: Workshop) -> None:
    wide(bench, 500)
    result = bench.train({"name": "wide", "algorithm": "GaussianNB"}, dataset={"timeColumn": None})
    message = result.to_message()
    assert len(result.to_json()) > MESSAGE_LIMIT >= len(message)
    told = CandidateResult.from_json(message)
    assert told.signature is None and told.metrics == result.metrics
    assert len(shop_manifest(bench, result).signature.inputs) == 500


def test_a_message_sheds_what_the_manifest_holds_until_it_fits(shop: Workshop) -> None:
    full = shop.train()
    many = [
        Metric(name=f"metric_number_{i}", value=1 / (i + 3), low=0.1, high=0.9) for i in range(32)
    ]
    result = full.replace(
        metrics=many,
        comparisons=[Comparison(m.name, m.value, m.value, -0.1, 0.1) for m in many[:8]],
        notes=[Note("leaking", "x" * 500)] * 20,
        parameters={"weights": [0.5] * 900},
        candidate="ü" * 63,
    )
    told = CandidateResult.from_json(result.to_message())
    assert len(result.to_message()) <= MESSAGE_LIMIT
    assert [m.value for m in told.metrics] == pytest.approx([m.value for m in many], rel=1e-5)
    assert told.artifact == full.artifact and told.dataset == full.dataset
    long = [m.replace(name=f"{m.name}_{'x' * 40}") for m in many]
    beyond = result.replace(metrics=long, comparisons=result.comparisons * 8)
    told = CandidateResult.from_json(beyond.to_message())
    assert told.failure is not None and told.failure.reason == "ResultTooLarge"


def fails(shop: Workshop, *candidates: dict[str, Any], **changes: Any) -> tuple[int, Any]:
    """Run ``main`` as the process does; return the exit code and the failure that it tells."""
    environment = shop.environment(shop.run(*candidates, **changes))
    with pytest.MonkeyPatch.context() as patch:
        for name, text in environment.items():
            patch.setenv(name, text)
        code = trainer.main()
    told = CandidateResult.from_json(shop.termination_log.read_text())
    assert told.artifact is None and told.failure is not None
    assert told.candidate == (candidates or (FAST,))[0]["name"]
    return code, told.failure


LINEAR = "LogisticRegression"
FAILURES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("DatasetNotFound", {}, {"dataset": {"uri": "file:///nowhere/x.csv"}}, "names no file that"),
    ("DatasetInvalid", {}, {"dataset": {"target": "nope"}}, "has no column nope; it has amount"),
    (
        "UnknownAlgorithm",
        {"algorithm": "Oracle"},
        {},
        "Oracle is no algorithm of scikit-learn",
    ),
    (
        "ParametersInvalid",
        {"parameters": {"speed": 9}},
        {},
        "has no parameter speed: it has C, cl",
    ),
    ("ParametersInvalid", {"parameters": {"C": -1}}, {}, f"{LINEAR}: The 'C' parameter of"),
    ("MetricInvalid", {}, {"objective": {"metric": "beauty"}}, "beauty is no scorer"),
    ("MetricInvalid", {}, {"metrics": ["beauty"]}, "beauty is no scorer"),
    ("MetricInvalid", {"algorithm": "RidgeClassifier"}, {}, "roc_auc needs probabilities, which"),
]


@pytest.mark.parametrize(("reason", "candidate", "changes", "told"), FAILURES)
def test_what_a_retry_cannot_help_ends_well_and_says_why(
    shop: Workshop, reason: str, candidate: dict[str, Any], changes: dict[str, Any], told: str
) -> None:
    code, failure = fails(shop, {**FAST, **candidate}, **changes)
    assert (code, failure.reason) == (0, reason) and told in failure.message


def test_a_fault_of_the_converter_ends_well_and_says_why(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise TrainingFailure("ParityFailed", "ONNX and scikit-learn disagree " + "ü" * 2000)

    monkeypatch.setattr(running, "check_parity", refuse)
    code, failure = fails(shop)
    assert (code, failure.reason) == (0, "ParityFailed") and len(failure.message) == 1024
    assert len(shop.termination_log.read_bytes()) <= MESSAGE_LIMIT


def test_a_store_that_cannot_be_written_is_worth_another_try(shop: Workshop) -> None:
    code, failure = fails(shop, storeUri="file:///proc/nowhere")
    assert (code, failure.reason) == (1, "StoreUnreachable")
    assert "cannot be written" in failure.message


def test_a_secret_stands_in_no_message(shop: Workshop) -> None:
    secret = shop.place / "secrets" / "store"
    secret.mkdir(parents=True)
    (secret / "AWS_SECRET_ACCESS_KEY").write_text("hunter2hunter2")
    (secret / "AWS_NONSENSE").write_text("hunter2hunter2")
    (secret / "password").write_text("hunter2hunter2")
    code, failure = fails(shop, storeUri="s3://models")
    assert (code, failure.reason) == (1, "StoreUnreachable")
    assert "hunter2" not in shop.termination_log.read_text()
    assert failure.message.endswith("Generic S3 error: Missing AccessKeyId")


def test_the_process_trains_the_candidate_of_its_index(shop: Workshop) -> None:
    run = shop.run({**FAST, "name": "other"}, FAST)
    done = shop.process(run, index=1)
    assert done.returncode == 0, done.stderr
    told = CandidateResult.from_json(shop.termination_log.read_text())
    assert told.candidate == "linear" and told.artifact is not None and value(told.metrics) > 0.9
    said = [json.loads(line)["message"] for line in done.stdout.splitlines()]
    columns = "2 numbers, 1 category (colour)"
    assert said == ["rows read", columns, "fitted", "evaluated", "published"]
    assert told.metrics[0].confidence == 0.975  # the best of two
    assert Path(told.artifact.uri.removeprefix("file://"), "model.onnx").exists()


def test_a_fault_of_the_trainer_itself_is_told_too(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_down(*_: Any) -> None:
        raise ZeroDivisionError("division by zero\nin two lines")

    monkeypatch.setattr(running, "load", break_down)
    code, failure = fails(shop)
    assert (code, failure.reason, failure.retry) == (0, "TrainerFault", False)
    assert failure.message.startswith("ZeroDivisionError: division by zero (a fault of the trainer")
    assert "Traceback" in capsys.readouterr().err


FAULTS: list[tuple[BaseException, str, bool]] = [
    (MemoryError(), "OutOfMemory", False),
    (OSError(28, "No space left on device"), "DiskFull", True),
    (StoreUnreachable("s3://x cannot be read"), "StoreUnreachable", True),
    (Stopped(), "Stopped", True),
    (KeyError("x"), "TrainerFault", False),
]


@pytest.mark.parametrize(("error", "reason", "retry"), FAULTS)
def test_every_fault_says_whether_another_try_can_help(
    error: BaseException, reason: str, retry: bool
) -> None:
    told = failure_of(error)
    assert (told.reason, told.retry) == (reason, retry) and len(told.message) > 10


def test_a_pod_that_is_asked_to_end_says_so(shop: Workshop) -> None:
    slow = {"name": "slow", "algorithm": "MLPClassifier"}
    slow["parameters"] = {"max_iter": 10**6, "tol": 0, "n_iter_no_change": 10**6}  # type: ignore[assignment]
    run = shop.run(slow)
    with shop.started(run) as process:
        for line in process.stdout:  # type: ignore[union-attr]
            if "2 numbers" in line:
                break
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 1
    told = CandidateResult.from_json(shop.termination_log.read_text())
    assert told.failure is not None and told.failure.reason == "Stopped" and told.failure.retry


def test_too_many_columns_are_refused_before_the_checks_and_the_fit(
    bench: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "check", None)  # whoever called it would fail otherwise
    wide = orders(60)
    more = {f"c{n}": wide["amount"] + n for n in range(511)}
    bench.put(pd.concat([wide, pd.DataFrame(more)], axis=1))
    slow = {"name": "a", "algorithm": "MLPClassifier", "parameters": {"max_iter": 10**9, "tol": 0}}
    code, failure = fails(bench, slow)
    assert (code, failure.reason, failure.retry) == (0, "DatasetInvalid", False)
    assert "at most 512 inputs, and the dataset has" in failure.message


def test_what_the_server_would_refuse_is_not_published(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another(*of: Any, **more: Any) -> Any:
        real = profile(*of, **more)
        strange = FeatureProfile(name="nowhere", kind="Numeric", counts=[1])
        return Profile(rows=real.rows, features=[*real.features, strange])

    monkeypatch.setattr(running, "profile", another)
    code, failure = fails(shop)
    assert (code, failure.reason) == (0, "ModelRefused")
    assert "'nowhere', which is no input" in failure.message
    assert not (shop.place / "store").exists()


def test_metrics_of_text_labels_are_about_the_class_that_is_told(bench: Workshop) -> None:
    labels = {0: "late", 1: "on time"}
    bench.put(orders(400).assign(bought=lambda f: f["bought"].map(labels)))
    first = bench.train(objective={"metric": "recall"})
    told = [n.message for n in first.notes if n.check == "positiveClass"]
    assert told == [
        "recall is about on time, the last class in order: name another one in "
        "dataset.positiveClass"
    ]
    other = bench.train(objective={"metric": "recall"}, dataset={"positiveClass": "late"})
    assert [n for n in other.notes if n.check == "positiveClass"] == []
    assert value(first.metrics, "recall") != value(other.metrics, "recall")
    code, failure = fails(bench, metrics=["f1"], dataset={"positiveClass": "soon"})
    assert (code, failure.reason) == (0, "MetricInvalid")
    assert "positiveClass soon is none of the classes of bought" in failure.message


def test_weights_find_classes_by_their_text(shop: Workshop) -> None:
    weighted = {**FAST, "parameters": {"class_weight": {"0": 1, "1": 50}}}
    result = shop.train(weighted, objective={"metric": "recall"})
    assert value(result.metrics, "recall") == 1.0


def test_a_metric_that_does_not_fit_is_refused_before_the_fit(shop: Workshop) -> None:
    slow = {"name": "a", "algorithm": "MLPClassifier", "parameters": {"max_iter": 10**9, "tol": 0}}
    code, failure = fails(shop, slow, dataset={"target": "colour"})
    assert (code, failure.reason) == (0, "MetricInvalid")
    assert "roc_auc is for two classes and colour has 3: write roc_auc_ovr" in failure.message
