"""The exported model answers as scikit-learn does, and is refused where it does not."""

from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from mixed import classes, exported, fitted, mixed, parity, prices
from onnx import numpy_helper

from perennial_artifact.manifest import Column
from perennial_training.export import OnnxModel, check_parity, to_onnx
from perennial_training.export import model as served_model
from perennial_training.failure import TrainingFailure
from perennial_training.fit.fitted import Fitted

INPUTS, COLUMNS = mixed()
ANSWER = classes(INPUTS, [0, 1])


def trained(algorithm: str = "LogisticRegression", **parameters: Any) -> Fitted:
    return fitted(algorithm, INPUTS, COLUMNS, ANSWER, **parameters)


def priced(algorithm: str = "Ridge", **parameters: Any) -> Fitted:
    return fitted(algorithm, INPUTS, COLUMNS, prices(INPUTS), "Regression", **parameters)


def tensors(model: OnnxModel, side: str) -> list[tuple[str, str, list[int]]]:
    found = getattr(model.signature(), side)
    return [(t.name, t.datatype, t.shape) for t in found]


def test_each_column_is_an_input_of_its_kind() -> None:
    assert tensors(exported(trained()), "inputs") == [
        ("amount", "FP32", [-1, 1]),
        ("one decimal", "FP32", [-1, 1]),
        ("member", "FP32", [-1, 1]),
        ("at", "FP64", [-1, 1]),
        ("word 0", "BYTES", [-1, 1]),
    ]


@pytest.mark.parametrize(
    ("labels", "datatype"), [([0, 1], "INT64"), (["no", "yes"], "BYTES"), ([-5, 7, 9], "INT64")]
)
def test_labels_are_the_targets_own(labels: list[Any], datatype: str) -> None:
    model = fitted("ExtraTreeClassifier", INPUTS, COLUMNS, classes(INPUTS, labels))
    served = exported(model)
    assert tensors(served, "outputs") == [
        ("label", datatype, [-1]),
        ("probabilities", "FP32", [-1, len(labels)]),
    ]
    assert served.predict(INPUTS).tolist() == model.predict(INPUTS).tolist()
    assert set(served.predict(INPUTS)) == set(labels)


def test_numbers_agree_row_by_row() -> None:
    model = priced()
    served = exported(model)
    assert tensors(served, "outputs") == [("prediction", "FP32", [-1, 1])]
    np.testing.assert_allclose(served.predict(INPUTS), model.predict(INPUTS), rtol=1e-6)


def test_raw_scores_are_not_served_as_probabilities() -> None:
    model = trained("RidgeClassifier")
    served = exported(model)
    assert tensors(served, "outputs") == [("label", "INT64", [-1])]
    assert not hasattr(served, "predict_proba") and not hasattr(model, "predict_proba")
    check_parity(model, served, INPUTS)


NAMES = ["wind speed", "größe", "0", "variable", "cast", "imputer", "column_1", "a/b.c", "constant"]


@pytest.mark.parametrize("algorithm", ["LogisticRegression", "GaussianNB"])
def test_a_column_may_have_any_name(algorithm: str) -> None:
    amount = INPUTS["amount"].fillna(0.0)
    frame = pd.DataFrame({n: amount * (i + 1) for i, n in enumerate(NAMES[::2])})
    for i, name in enumerate(NAMES[1::2]):
        frame[name] = np.where(amount > 40_000 + i * 10_000, "u", "d").astype(object)
    kinds: dict[str, Any] = {name: "Category" for name in NAMES[1::2]}
    columns = [Column(name=str(n), kind=kinds.get(str(n), "Number")) for n in frame]
    model = fitted(algorithm, frame, columns, ANSWER)
    served = exported(model)
    assert [t.name for t in served.signature().inputs] == list(frame)
    check_parity(model, served, frame)


def test_equal_models_are_equal_bytes() -> None:
    short: list[tuple[str, dict[str, Any]]] = [
        ("RandomForestClassifier", {"n_estimators": 5}),
        ("MLPClassifier", {"max_iter": 5}),
    ]
    for algorithm, parameters in short:
        first, second = (to_onnx(trained(algorithm, **parameters)) for _ in "ab")
        assert first == second


def test_what_has_no_converter_says_so() -> None:
    model = trained()
    broken = Fitted(model.algorithm, model.preprocessing, object())
    with pytest.raises(TrainingFailure, match="cannot be exported to ONNX") as refused:
        to_onnx(broken)
    assert refused.value.reason == "ExportFailed"


def test_rows_are_run_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    served = exported(trained())
    whole = served.run(INPUTS)
    monkeypatch.setattr(served_model, "CHUNK", 7)
    for at_once, in_pieces in zip(whole, served.run(INPUTS), strict=True):
        np.testing.assert_array_equal(at_once, in_pieces)
    assert [part.shape for part in served.run(INPUTS[:0])] == [(0,), (0, 2)]


def changed(content: bytes, change: Any) -> bytes:
    """Change the weights of a linear model."""
    model = onnx.load_from_string(content)
    (weights,) = (node.input[1] for node in model.graph.node if node.op_type == "Gemm")
    for held in model.graph.initializer:
        if held.name == weights:
            held.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(held)), held.name))
    return bytes(model.SerializeToString())


def poisoned(values: Any) -> Any:
    return np.full_like(values, np.nan)


@pytest.mark.parametrize("change", [np.negative, poisoned, lambda v: v * 1.05])
@pytest.mark.parametrize("make", [trained, priced])
def test_a_changed_model_fails_the_parity_check(make: Any, change: Any) -> None:
    model = make()
    content, known = to_onnx(model), list(model.classes_)
    check_parity(model, OnnxModel(content, known), INPUTS)
    with pytest.raises(TrainingFailure, match=r"disagree on \d+ of 240 rows") as refused:
        check_parity(model, OnnxModel(changed(content, change), known), INPUTS)
    assert refused.value.reason == "ParityFailed"


class Swapped(OnnxModel):
    """A model whose labels do not go with its probabilities."""

    def run(self, inputs: pd.DataFrame) -> list[Any]:
        labels, *others = super().run(inputs)
        return [1 - labels, *others]


@pytest.mark.parametrize("algorithm", ["LogisticRegression", "RidgeClassifier"])
def test_labels_are_held_to_scikit_learns(algorithm: str) -> None:
    model = trained(algorithm)
    served = Swapped(to_onnx(model), [0, 1])
    with pytest.raises(TrainingFailure, match="240 would get another label"):
        check_parity(model, served, INPUTS)


class Shifted(OnnxModel):
    """A model of numbers that is off by so much."""

    by = 0.0

    def predict(self, inputs: pd.DataFrame) -> Any:
        return super().predict(inputs).astype(float) + self.by


def test_the_yardstick_of_numbers_is_their_spread() -> None:
    # B5: 0.00024 on thousands was refused, because a price near 0 was its own yardstick.
    model = priced()
    served = Shifted(to_onnx(model), [])
    spread = model.predict(INPUTS).std()
    served.by = 0.5e-4 * spread
    assert served.by > 0.1  # above 1e-4 of the small prices
    check_parity(model, served, INPUTS)
    served.by = 2e-4 * spread
    with pytest.raises(TrainingFailure) as refused:
        check_parity(model, served, INPUTS)
    assert "disagree on 240 of 240 rows, by up to" in str(refused.value)
    assert "which is 0.02 % of the answers' spread" in str(refused.value)
    # The same fault far from 0: its share of the numbers is small, of what they tell it is not.
    target = prices(INPUTS) / prices(INPUTS).std() + 3_000
    far = fitted("Ridge", INPUTS, COLUMNS, target, "Regression")
    off = Shifted(to_onnx(far), [])
    off.by = 0.05
    with pytest.raises(TrainingFailure, match="spread"):
        check_parity(far, off, INPUTS)


def test_answers_that_are_all_alike_agree() -> None:
    model = priced("DummyRegressor")
    assert parity(model, INPUTS).disagreeing == 0
    model = priced("Lasso", alpha=1e9)
    assert parity(model, INPUTS).disagreeing == 0
