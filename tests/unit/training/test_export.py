"""The exported model answers as scikit-learn does, and is refused where it does not."""

from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import numpy_helper
from workshop import Workshop, orders

from perennial_artifact.result import CandidateSpec
from perennial_training.export import OnnxModel, check_parity, to_onnx
from perennial_training.failure import TrainingFailure
from perennial_training.fit import fit


def fitted(rows: Any, algorithm: str, task: str = "Classification", **parameters: Any) -> Any:
    made = {"name": "a", "algorithm": algorithm, "parameters": parameters}
    metric = "accuracy" if task == "Classification" else "r2"
    spec = CandidateSpec.from_plain(made)
    return fit(task, spec, metric, rows.train, rows.train_target)[0]


def outputs(model: OnnxModel) -> list[tuple[str, str]]:
    return [(t.name, t.datatype) for t in model.signature().outputs]


CLASSIFIERS = [
    ("LogisticRegression", {}),
    ("HistGradientBoostingClassifier", {"max_iter": 20}),
    ("RandomForestClassifier", {"n_estimators": 5}),
]


@pytest.mark.parametrize("labels", [["no", "yes"], ["no", "yes", "perhaps"]])
@pytest.mark.parametrize(("algorithm", "parameters"), CLASSIFIERS)
def test_classes_agree_row_by_row(
    bench: Workshop, algorithm: str, parameters: dict[str, Any], labels: list[str]
) -> None:
    frame = orders()
    frame["bought"] = [labels[i % len(labels)] for i in range(len(frame))]
    bench.put(frame)
    rows = bench.load()
    model = fitted(rows, algorithm, **parameters)
    served = OnnxModel(to_onnx(model, rows.train, "Classification"), list(model.classes_))
    assert list(served.predict(rows.test)) == list(model.predict(rows.test))
    np.testing.assert_allclose(
        served.predict_proba(rows.test), model.predict_proba(rows.test), atol=1e-5
    )
    assert outputs(served) == [("label", "BYTES"), ("probabilities", "FP32")]
    check_parity(model, served, rows.test, "Classification")


@pytest.mark.parametrize("algorithm", ["Ridge", "HistGradientBoostingRegressor"])
def test_numbers_agree_row_by_row(shop: Workshop, algorithm: str) -> None:
    rows = shop.load("Regression", target="age")
    model = fitted(rows, algorithm, "Regression")
    served = OnnxModel(to_onnx(model, rows.train, "Regression"), [])
    np.testing.assert_allclose(served.predict(rows.test), model.predict(rows.test), rtol=1e-4)
    assert outputs(served) == [("prediction", "FP32")]
    check_parity(model, served, rows.test, "Regression")


def test_raw_scores_are_not_served_as_probabilities(shop: Workshop) -> None:
    rows = shop.load()
    model = fitted(rows, "RidgeClassifier")
    served = OnnxModel(to_onnx(model, rows.train, "Classification"), list(model.classes_))
    assert outputs(served) == [("label", "INT64")] and not hasattr(served, "predict_proba")
    check_parity(model, served, rows.test, "Classification")


NAMES = ["wind speed", "größe", "0", "variable", "output_label", "column_1", "a/b.c", "merged"]


def test_a_column_may_have_any_name(bench: Workshop) -> None:
    frame = orders().drop(columns=["age", "colour"])
    for i, name in enumerate(NAMES):
        frame[name] = (
            frame["amount"] * (i + 1) if i % 2 else np.where(frame["amount"] > i / 5, "u", "d")
        )
    bench.put(frame)
    rows = bench.load()
    model = fitted(rows, "LogisticRegression")
    served = OnnxModel(to_onnx(model, rows.train, "Classification"), list(model.classes_))
    given = {t.name: t.datatype for t in served.signature().inputs}
    assert list(given) == ["amount", *NAMES]
    assert (given["wind speed"], given["größe"]) == ("BYTES", "FP32")
    check_parity(model, served, rows.test, "Classification")


@pytest.mark.parametrize("name", ["label", "probabilities"])
def test_a_column_named_as_an_output_is_refused(bench: Workshop, name: str) -> None:
    bench.put(orders().rename(columns={"age": name}))
    rows = bench.load()
    model = fitted(rows, "LogisticRegression")
    with pytest.raises(TrainingFailure, match=f"output is called {name}: rename") as refused:
        to_onnx(model, rows.train, "Classification")
    assert refused.value.reason == "DatasetInvalid"


def test_what_has_no_converter_says_so(shop: Workshop) -> None:
    rows = shop.load()
    model = fitted(rows, "LogisticRegression")
    model.steps[-1] = ("model", object())
    with pytest.raises(TrainingFailure, match="object cannot be exported to ONNX: ") as refused:
        to_onnx(model, rows.train, "Classification")
    assert refused.value.reason == "ExportFailed"


def changed(content: bytes, change: Any) -> bytes:
    """Change the model's numbers, largest array first."""
    model = onnx.load_from_string(content)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "coefficients":
                values = change(np.array(attribute.floats))
                del attribute.floats[:]
                attribute.floats.extend(values.tolist())
    for held in model.graph.initializer:
        values = numpy_helper.to_array(held)
        if values.dtype == np.float32 and values.size > 1:
            held.CopyFrom(numpy_helper.from_array(change(values).astype(np.float32), held.name))
    return bytes(model.SerializeToString())


def poisoned(values: Any) -> Any:
    return np.full_like(values, np.nan)


@pytest.mark.parametrize("change", [np.negative, poisoned, lambda v: v * 1.05])
@pytest.mark.parametrize("task", ["Classification", "Regression"])
def test_a_changed_model_fails_the_parity_check(shop: Workshop, task: str, change: Any) -> None:
    algorithm, target = ("LogisticRegression", "bought")
    if task == "Regression":
        algorithm, target = ("Ridge", "age")
    rows = shop.load(task, target=target)
    model = fitted(rows, algorithm, task)
    content = to_onnx(model, rows.train, task)
    classes = list(model.classes_) if task == "Classification" else []
    check_parity(model, OnnxModel(content, classes), rows.test, task)
    with pytest.raises(TrainingFailure, match=r"disagree on .*% of the held-out rows") as refused:
        check_parity(model, OnnxModel(changed(content, change), classes), rows.test, task)
    assert refused.value.reason == "ParityFailed"


def test_a_model_without_probabilities_is_held_to_its_labels(shop: Workshop) -> None:
    rows = shop.load()
    model = fitted(rows, "RidgeClassifier")
    served = OnnxModel(to_onnx(model, rows.train, "Classification"), list(model.classes_))
    flipped = pd.DataFrame(rows.test)
    flipped["amount"] = -flipped["amount"]
    served.predict = lambda inputs: OnnxModel.predict(served, flipped)  # type: ignore[method-assign]
    with pytest.raises(TrainingFailure, match="disagree"):
        check_parity(model, served, rows.test, "Classification")
