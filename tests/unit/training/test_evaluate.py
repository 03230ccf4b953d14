"""Metrics and profiles, against values known from elsewhere."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper

from perennial_artifact.manifest import Metric
from perennial_training.evaluate import categorical_profile, measure, numeric_profile, profile
from perennial_training.export import OnnxModel
from perennial_training.failure import TrainingFailure


def echo(classes: list[Any] | None = None) -> OnnxModel:
    """Return a model that answers its inputs: a number, or the classes' shares and the largest."""
    count = len(classes) if classes else 1
    inputs = [f"in_{i}" for i in range(count)]
    numbers = (TensorProto.FLOAT, [None, count])
    if classes:
        kind = TensorProto.STRING if isinstance(classes[0], str) else TensorProto.INT64
        known = numpy_helper.from_array(np.array(classes), "classes")
        nodes = [
            helper.make_node("Concat", inputs, ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["probabilities"], ["largest"], axis=1, keepdims=0),
            helper.make_node("Gather", ["classes", "largest"], ["label"]),
        ]
        outputs = [("label", kind, [None]), ("probabilities", *numbers)]
    else:
        known = None
        nodes = [helper.make_node("Identity", inputs, ["prediction"])]
        outputs = [("prediction", *numbers)]
    taken = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, 1]) for n in inputs]
    given = [helper.make_tensor_value_info(*output) for output in outputs]
    graph = helper.make_graph(nodes, "echo", taken, given, [known] if known else [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return OnnxModel(model.SerializeToString(), classes or [])


def shares(given: Any) -> pd.DataFrame:
    """Return rows for an echo: a share for each class."""
    columns = np.asarray(given, dtype=np.float32)
    return pd.DataFrame({f"in_{i}": columns[:, i] for i in range(columns.shape[1])})


def values(found: list[Metric]) -> dict[str, float]:
    return {m.name: round(m.value, 6) for m in found}


def test_regression_has_the_values_of_the_user_guide() -> None:
    # https://scikit-learn.org/stable/modules/model_evaluation.html#regression-metrics
    inputs = pd.DataFrame({"in_0": [2.5, 0.0, 2.0, 8.0]})
    names = ["r2", "neg_mean_absolute_error", "neg_mean_squared_error"]
    found = measure(echo(), names, inputs, pd.Series([3.0, -0.5, 2.0, 7.0]))
    assert values(found) == {
        "r2": 0.948608,
        "neg_mean_absolute_error": -0.5,
        "neg_mean_squared_error": -0.375,
    }


@pytest.mark.parametrize("classes", [[0, 1], ["no", "yes"], [-1, 1]])
def test_two_classes_have_the_values_of_the_user_guide(classes: list[Any]) -> None:
    # https://scikit-learn.org/stable/modules/generated/sklearn.metrics.roc_auc_score.html
    high = np.array([0.1, 0.4, 0.35, 0.8])
    inputs = shares(np.stack([1 - high, high], axis=1))
    truth = pd.Series([classes[0], classes[0], classes[1], classes[1]])
    found = measure(echo(classes), ["roc_auc", "accuracy", "roc_auc"], inputs, truth)
    assert values(found) == {"roc_auc": 0.75, "accuracy": 0.75} and len(found) == 2


def test_many_classes() -> None:
    classes = ["a", "b", "c"]
    given = [[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]] * 10
    truth = pd.Series(["a", "b", "b", "c"] * 10)
    names = ["accuracy", "balanced_accuracy", "f1_macro", "neg_log_loss"]
    found = values(measure(echo(classes), names, shares(given), truth))
    assert found["accuracy"] == 0.75 and found["balanced_accuracy"] == 0.833333
    assert found["f1_macro"] == round((2 / 3 + 2 / 3 + 1) / 3, 6)
    logs = -np.log([0.7, 0.4, 0.8, 0.4]).mean()
    assert found["neg_log_loss"] == pytest.approx(-logs, abs=1e-6)


@pytest.mark.usefixtures("all_resamples")
@pytest.mark.parametrize("rows", [400, 20_000])
def test_the_interval_of_a_share_is_the_binomial_one(rows: int) -> None:
    rng = np.random.default_rng(5)
    right = rng.random(rows) < 0.75
    given = np.where(right, 0.9, 0.1)
    inputs = shares(np.stack([1 - given, given], axis=1))
    truth = pd.Series(np.where(np.arange(rows) == 0, 0, 1))
    (found,) = measure(echo([0, 1]), ["accuracy"], inputs, truth)
    assert found.low is not None and found.high is not None
    half = 1.96 * np.sqrt(0.75 * 0.25 / rows)
    assert found.low < found.value < found.high
    assert found.high - found.low == pytest.approx(2 * half, rel=0.3)


@pytest.mark.usefixtures("all_resamples")
def test_classes_too_rare_for_resamples_leave_the_interval_out() -> None:
    classes = ["a", "b", "c", "d"]
    given = [[0.6, 0.2, 0.1, 0.1], [0.2, 0.6, 0.1, 0.1]] * 20
    given += [[0.1, 0.1, 0.7, 0.1], [0.1, 0.1, 0.1, 0.7]]
    truth = pd.Series(["a", "b"] * 20 + ["c", "d"])
    auc, accuracy = measure(echo(classes), ["roc_auc_ovr", "accuracy"], shares(given), truth)
    # Both single rows are in a resample with probability 0.4: too few of them can be scored.
    assert (auc.value, auc.low, auc.high) == (1.0, None, None)
    assert (accuracy.value, accuracy.low) == (1.0, 1.0)


def refused(model: OnnxModel, name: str, inputs: pd.DataFrame, truth: list[Any]) -> str:
    with pytest.raises(TrainingFailure) as failure:
        measure(model, [name], inputs, pd.Series(truth))
    assert failure.value.reason == "MetricInvalid"
    return str(failure.value)


def test_a_metric_without_a_value_is_refused_with_a_sentence() -> None:
    inputs = shares([[0.6, 0.4]] * 3)
    told = refused(echo([0, 1]), "roc_auc", inputs, [1, 1, 1])
    assert told == (
        "roc_auc cannot be computed: it has no value on these 3 held-out rows (different "
        "targets: 1)"
    )
    assert "no scorer" in refused(echo([0, 1]), "beauty", inputs, [0, 1, 1])
    text = shares([[0.6, 0.4]] * 3)
    assert "pos_label=1 is not a valid" in refused(echo(["n", "y"]), "f1", text, ["n", "y", "y"])


def test_a_number_is_counted_between_deciles() -> None:
    found = numeric_profile("x", np.arange(100, dtype=np.float32))
    assert found.edges == pytest.approx(np.arange(1, 10) * 9.9)
    assert found.counts == [10] * 10 and (found.minimum, found.maximum) == (0, 99)


def test_equal_deciles_of_a_lumpy_number_are_merged() -> None:
    found = numeric_profile("x", np.array([0.0] * 55 + [1.0] * 30 + [5.0] * 15))
    assert (found.edges, found.counts) == ([1.0, 5.0], [55, 30, 15])
    assert numeric_profile("x", np.zeros(8)).counts == [8]


def test_gaps_and_infinity() -> None:
    found = numeric_profile("x", np.array([np.nan, 1.0, 2.0, np.inf, -np.inf, np.nan]))
    assert found.missing == 2 and sum(found.counts) == 4
    assert found.counts[0] == 2 and found.counts[-1] == 2  # -inf with 1, inf with 2
    assert (found.minimum, found.maximum) == (1, 2) and np.isfinite(found.edges).all()
    nothing = numeric_profile("x", np.array([np.nan, np.inf]))
    assert (nothing.counts, nothing.missing, nothing.minimum) == ([1], 1, None)


def test_categories_beyond_the_most_frequent_ones_are_others() -> None:
    words = [f"c{i}" for i in range(70) for _ in range(100 - i)] + [""] * 3
    found = categorical_profile("colour", np.array(words))
    assert found.categories[:2] == ["c0", "c1"] and len(found.categories) == 64
    assert found.counts[:2] == [100, 99] and found.missing == 3
    assert found.other == sum(100 - i for i in range(64, 70))


@pytest.mark.parametrize(
    ("model", "inputs", "name", "kind"),
    [
        (echo(), pd.DataFrame({"in_0": np.float32([1, 2, 3])}), "prediction", "Numeric"),
        (echo([0, 1]), shares([[0.6, 0.4]] * 3), "probability", "Numeric"),
        (
            echo(["a", "b", "c"]),
            shares([[0.6, 0.3, 0.1]] * 3),
            "label",
            "Categorical",
        ),
    ],
)
def test_predictions_are_profiled_by_what_they_are(
    model: OnnxModel, inputs: pd.DataFrame, name: str, kind: str
) -> None:
    (found,) = profile(model, inputs).predictions
    assert (found.name, found.kind, sum(found.counts)) == (name, kind, 3)
