"""Metrics against values known from elsewhere, scikit-learn's scorers, and advice before a fit."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from answered import labels, numbers, several, two
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import get_scorer, get_scorer_names

from perennial_artifact.manifest import Metric
from perennial_training.failure import TrainingFailure
from perennial_training.prove import names
from perennial_training.prove.answers import Answers, answers
from perennial_training.prove.metrics import check, measure, score, scorer
from perennial_training.prove.scoring import score_of_rows
from perennial_training.prove.statistics import statistic


def values(found: list[Metric]) -> dict[str, float]:
    return {m.name: round(m.value, 6) for m in found}


def test_regression_has_the_values_of_the_user_guide() -> None:
    # https://scikit-learn.org/stable/modules/model_evaluation.html#regression-metrics
    named = ["r2", "neg_mean_absolute_error", "neg_mean_squared_error"]
    found = measure(numbers([2.5, 0.0, 2.0, 8.0]), named, pd.Series([3.0, -0.5, 2.0, 7.0]))
    assert values(found) == {
        "r2": 0.948608,
        "neg_mean_absolute_error": -0.5,
        "neg_mean_squared_error": -0.375,
    }


@pytest.mark.parametrize("classes", [(0, 1), ("no", "yes"), (-1, 1)])
def test_two_classes_have_the_values_of_the_user_guide(classes: tuple[Any, Any]) -> None:
    # https://scikit-learn.org/stable/modules/generated/sklearn.metrics.roc_auc_score.html
    truth = pd.Series([classes[0], classes[0], classes[1], classes[1]])
    named = ["roc_auc", "accuracy", "average_precision", "f1", "recall", "precision", "roc_auc"]
    found = measure(two([0.1, 0.4, 0.35, 0.8], classes), named, truth)
    assert len(found) == 6
    assert values(found) == {
        "roc_auc": 0.75,
        "accuracy": 0.75,
        "average_precision": 0.833333,
        "f1": 0.666667,
        "recall": 0.5,
        "precision": 1.0,
    }


def test_many_classes() -> None:
    given = [[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]] * 10
    truth = pd.Series(["a", "b", "b", "c"] * 10)
    named = ["accuracy", "balanced_accuracy", "f1_macro", "neg_log_loss"]
    found = values(measure(several(given, ("a", "b", "c")), named, truth))
    assert found["accuracy"] == 0.75 and found["balanced_accuracy"] == 0.833333
    assert found["f1_macro"] == round((2 / 3 + 2 / 3 + 1) / 3, 6)
    logs = -np.log([0.7, 0.4, 0.8, 0.4]).mean()
    assert found["neg_log_loss"] == pytest.approx(-logs, abs=1e-6)


TWO = [n for n in get_scorer_names() if n not in names.REGRESSION and "samples" not in n]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("name", TWO)
@pytest.mark.parametrize("positive", ["yes", "no"])
def test_a_metric_of_text_labels_is_scikit_learn_s_of_the_positive_class(
    name: str, positive: str
) -> None:
    rng = np.random.default_rng(5)
    inputs = pd.DataFrame({"x": rng.normal(size=150)})
    said = np.where(inputs["x"] + rng.normal(size=150) > 0.5, "yes", "no")
    as_text = LogisticRegression().fit(inputs, said)
    as_number = LogisticRegression().fit(inputs, said == positive)
    found = score(answers(as_text, inputs, ["yes", "no"], positive), name, pd.Series(said))
    expected = get_scorer(name)(as_number, inputs, said == positive)
    assert found == pytest.approx(expected, abs=1e-5)


def resampled(answered: Answers, truth: NDArray[Any], name: str) -> tuple[Any, Any]:
    """Return the metric of twenty resamples at once, and by the scorer one by one."""
    judged = answered.beside(truth)

    def of(rows: NDArray[Any]) -> float:
        return score_of_rows(judged, name, rows)

    rows = np.random.default_rng(8).integers(0, len(truth), (20, len(truth)))
    one_by_one = []
    for drawn in rows:
        try:
            one_by_one.append(of(drawn))
        except ValueError:
            one_by_one.append(np.nan)
    return statistic(judged, name, of)(rows), np.array(one_by_one)


@pytest.mark.parametrize("name", TWO)
@pytest.mark.parametrize("ties", [False, True])
def test_two_classes_resampled_at_once_are_as_one_by_one(name: str, ties: bool) -> None:
    rng = np.random.default_rng(6)
    truth = (rng.random(90) < 0.3).astype(int)
    high = 1 / (1 + np.exp(-rng.normal(size=90) - truth))
    at_once, one_by_one = resampled(two(high.round(1) if ties else high), truth, name)
    assert at_once == pytest.approx(one_by_one, abs=1e-5, nan_ok=True)


MANY = [n for n in TWO if n not in names.FOR_MANY]


@pytest.mark.parametrize("name", MANY)
def test_many_classes_resampled_at_once_are_as_one_by_one(name: str) -> None:
    rng = np.random.default_rng(7)
    truth = np.concatenate([rng.choice(3, 88, p=[0.5, 0.3, 0.2]), [3, 3]])
    shares = np.round(rng.dirichlet(np.ones(4), 90) + 0.3 * np.eye(4)[truth], 1) + 0.01
    answered = several(shares / shares.sum(axis=1, keepdims=True), (0, 1, 2, 3))
    at_once, one_by_one = resampled(answered, truth, name)
    assert at_once == pytest.approx(one_by_one, abs=1e-5, nan_ok=True)
    assert np.isnan(at_once).any() == (name in names.EVERY_CLASS - {"matthews_corrcoef"})


@pytest.mark.parametrize("name", names.REGRESSION)
def test_numbers_resampled_at_once_are_as_one_by_one(name: str) -> None:
    rng = np.random.default_rng(8)
    truth = rng.gamma(2, size=90) + 1_000
    predicted = numbers(truth * rng.lognormal(sigma=0.3, size=90))
    at_once, one_by_one = resampled(predicted, truth, name)
    assert at_once == pytest.approx(one_by_one, rel=1e-6)


def test_a_class_that_the_model_does_not_know_has_no_chance() -> None:
    answered = several([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], ("a", "b"))
    truth = np.array(["a", "b", "c"])
    assert score(answered, "accuracy", truth) == pytest.approx(2 / 3)
    assert score(answered, "roc_auc_ovr", truth) == pytest.approx((1 + 1 + 0.5) / 3)
    smallest = float(np.finfo(np.float32).eps)
    logs = np.log([0.9, 0.8, smallest]).mean()
    assert score(answered, "neg_log_loss", truth) == pytest.approx(logs, rel=1e-5)


def test_a_class_that_only_the_model_knows_is_a_wrong_answer() -> None:
    known = several([[0.1, 0.1, 0.8], [0.3, 0.6, 0.1], [0.0, 0.0, 1.0], [0.2, 0.8, 0.0]], (1, 2, 3))
    answered = Answers(known.predicted, known.probabilities, known.known, ("1", "2"))
    truth = np.array([1, 2, 2, 2])
    assert score(answered, "accuracy", truth) == 0.5
    assert score(answered, "recall", truth) == pytest.approx(2 / 3)
    assert score(answered, "precision", truth) == 1
    judged = answered.beside(truth)
    assert judged.probabilities is not None
    assert judged.probabilities[:3] == pytest.approx(
        np.array([[0.5, 0.5], [1 / 3, 2 / 3], [0.5, 0.5]]), abs=1e-6
    )


def test_a_class_that_no_held_out_row_has_keeps_its_place() -> None:
    answered = several([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1]], ("a", "b", "c"))
    found = measure(answered, ["neg_log_loss", "neg_brier_score"], np.array(["a", "b"]))
    assert values(found) == {"neg_log_loss": round(np.log(0.7), 6), "neg_brier_score": -0.14}


def test_a_model_is_asked_once() -> None:
    rng = np.random.default_rng(9)
    inputs = pd.DataFrame({"x": rng.normal(size=60)})
    asked = []

    class Counted(LinearRegression):
        def predict(self, rows: Any) -> Any:
            asked.append(len(rows))
            return super().predict(rows)

    answered = answers(Counted().fit(inputs, inputs["x"]), inputs)
    measure(answered, ["r2", "neg_mean_absolute_error"], inputs["x"])
    assert asked == [60] and answered.classes == ()


def refused(named: str, task: str, truth: Sequence[Any], **more: Any) -> str:
    target = pd.Series(truth, name="bought")
    classes = more.pop("classes", sorted(set(truth)) if task == "Classification" else [])
    with pytest.raises(TrainingFailure) as failure:
        check([named], task, classes, more.pop("positive", None), target, **more)
    assert failure.value.reason == "MetricInvalid"
    return str(failure.value)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("roc_auc", "roc_auc_ovr"),
        ("f1", "f1_macro or f1_weighted"),
        ("precision", "precision_macro"),
        ("recall", "recall_macro"),
        ("jaccard", "jaccard_macro"),
        ("positive_likelihood_ratio", "precision_macro or balanced_accuracy"),
    ],
)
def test_a_metric_of_two_classes_is_refused_for_three(name: str, advice: str) -> None:
    told = refused(name, "Classification", ["a", "b", "c"] * 9)
    assert told.startswith(f"{name} is for two classes and bought has 3: write {advice}")


@pytest.mark.parametrize("truth", [["n", "y"] * 9, [-1, 1] * 9, ["a", "b", "c"] * 9, [1, 2, 3] * 9])
def test_every_other_metric_of_classes_is_taken(truth: list[Any]) -> None:
    many = len(set(truth)) > 2
    named = [n for n in TWO if n not in (names.FOR_MANY if many else {"top_k_accuracy"})]
    check(named, "Classification", sorted(set(truth)), None, pd.Series(truth), True)
    check(named, "Classification", sorted(set(truth)), None, pd.Series(truth))


def test_every_metric_of_numbers_is_taken_where_they_are_above_zero() -> None:
    check(names.REGRESSION, "Regression", [], None, pd.Series([0.5, 1.5, 2.5]))


def test_a_metric_of_another_task_is_refused_with_those_that_fit() -> None:
    assert "for a Classification write roc_auc" in refused("r2", "Classification", [0, 1] * 9)
    assert "for a Regression write r2" in refused("roc_auc", "Regression", [0.5, 1.5])
    assert "write f1_macro" in refused("f1_samples", "Classification", [0, 1] * 9)
    assert "write accuracy" in refused("top_k_accuracy", "Classification", [0, 1] * 9)


def test_a_name_that_is_no_scorer_is_refused_with_one_like_it() -> None:
    assert refused("beauty", "Classification", [0, 1]) == (
        "beauty is no scorer of scikit-learn; write one such as roc_auc, accuracy, r2 or "
        "neg_mean_absolute_error"
    )
    for wrong, right in (("f1-macro", "f1_macro"), ("ROC_AUC", "roc_auc"), ("acuracy", "accuracy")):
        assert refused(wrong, "Classification", [0, 1]).endswith(f"write {right}")
    with pytest.raises(TrainingFailure, match="no scorer"):
        scorer("beauty")


def test_held_out_rows_of_one_class_are_told() -> None:
    told = refused("roc_auc", "Classification", [1, 1, 1], classes=[0, 1])
    assert told.startswith("roc_auc cannot be measured: none of the 3 held-out rows has bought 0;")
    told = refused("recall", "Classification", ["n", "n"], classes=["n", "y"])
    assert "has bought y" in told and "dataset.split" in told
    told = refused("roc_auc_ovr", "Classification", ["a", "b"], classes=["a", "b", "c"])
    assert "has bought c" in told
    check(["accuracy", "neg_log_loss"], "Classification", [0, 1], None, pd.Series([1, 1]))


def test_a_positive_class_that_is_none_is_refused_with_the_classes() -> None:
    told = refused("f1", "Classification", ["no", "yes"], positive="Yes")
    assert told == "positiveClass Yes is none of the classes of bought: write one of no, yes"
    check(["f1"], "Classification", [0, 1], "0", pd.Series([0, 1]))
    assert "Classification" in refused("r2", "Regression", [1.0, 2.0], positive="yes")


def test_probabilities_that_an_algorithm_does_not_give_are_told_before_and_after() -> None:
    told = refused("roc_auc", "Classification", [0, 1] * 9, has_probabilities=False)
    assert told.startswith("roc_auc needs probabilities, which this algorithm does not give")
    check(["f1", "accuracy"], "Classification", [0, 1], None, pd.Series([0, 1]), False)
    with pytest.raises(TrainingFailure, match="needs probabilities"):
        measure(labels([0, 1], (0, 1)), ["roc_auc"], np.array([0, 1]))


@pytest.mark.parametrize(
    ("name", "smallest", "words"),
    [
        ("neg_mean_squared_log_error", -1.0, "above -1"),
        ("neg_root_mean_squared_log_error", -2.5, "above -1"),
        ("neg_mean_gamma_deviance", 0.0, "above 0"),
        ("neg_mean_poisson_deviance", -0.5, "of 0 or more"),
    ],
)
def test_numbers_that_a_metric_does_not_take_are_told(
    name: str, smallest: float, words: str
) -> None:
    told = refused(name, "Regression", [1.0, smallest, 3.0])
    assert f"needs numbers {words}, and bought is {smallest:g} in a held-out row" in told
    check([name], "Regression", [], None, pd.Series([1.0, max(smallest, -1) + 0.51, 3.0]))


def test_what_has_no_value_after_a_fit_is_a_sentence() -> None:
    with pytest.raises(TrainingFailure, match="neg_mean_gamma_deviance cannot be computed"):
        measure(numbers([-1.0, 2.0]), ["neg_mean_gamma_deviance"], np.array([1.0, 2.0]))
    with pytest.raises(TrainingFailure, match="it has no value on these 3 rows"):
        measure(two([0.1, 0.2, 0.3]), ["roc_auc"], np.array([1, 1, 1]))
    with pytest.raises(ValueError, match="2 targets beside 3 answers"):
        two([0.1, 0.2, 0.3]).beside(np.array([1, 0]))
