"""Estimators by their own names, their parameters, and the search."""

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from workshop import Workshop

from perennial_artifact.result import CandidateSpec, SearchSpaceSpec
from perennial_training.dataset import SEED
from perennial_training.failure import TrainingFailure
from perennial_training.fit import draw, estimator, fit


def candidate(algorithm: str = "LogisticRegression", **more: Any) -> CandidateSpec:
    return CandidateSpec.from_plain({"name": "a", "algorithm": algorithm, **more})


def fitted(shop: Workshop, made: CandidateSpec, metric: str = "roc_auc") -> Any:
    rows = shop.load()
    return fit("Classification", made, metric, rows.train, rows.train_target)


BAD = [
    (candidate("Telepathy"), "roc_auc", "UnknownAlgorithm", "Telepathy is no scikit-learn class"),
    (candidate("Ridge"), "roc_auc", "UnknownAlgorithm", "try HistGradientBoostingClassifier"),
    (candidate("LabelSpreading"), "roc_auc", "UnknownAlgorithm", "that exports to ONNX"),
    (candidate(parameters={"speed": 1}), "roc_auc", "ParametersInvalid", "argument 'speed'"),
    (candidate("StackingClassifier"), "roc_auc", "ParametersInvalid", "'estimators'"),
    (candidate(parameters={"max_iter": "x"}), "roc_auc", "FitFailed", "'max_iter' parameter of"),
    (candidate(), "beauty", "MetricInvalid", "beauty is no scorer of scikit-learn; write one"),
]


@pytest.mark.parametrize(("made", "metric", "reason", "told"), BAD)
def test_what_cannot_be_fitted_says_why(
    shop: Workshop, made: CandidateSpec, metric: str, reason: str, told: str
) -> None:
    with pytest.raises(TrainingFailure) as refused:
        fitted(shop, made, metric)
    assert refused.value.reason == reason and told in str(refused.value)


def test_estimators_are_seeded_unless_they_are_told_otherwise() -> None:
    made = estimator("Classification", "RandomForestClassifier", {})
    assert made.random_state == SEED
    assert (
        estimator("Classification", "RandomForestClassifier", {"random_state": 3}).random_state == 3
    )
    assert not hasattr(estimator("Classification", "GaussianNB", {}), "random_state")


def test_a_search_keeps_the_given_parameters_and_finds_the_better_one(shop: Workshop) -> None:
    search = {"trials": 6, "parameters": {"C": {"choice": [1e-9, 1.0]}}}
    made = candidate(parameters={"max_iter": 321}, search=search)
    model, parameters = fitted(shop, made, "accuracy")
    assert parameters == {"max_iter": 321, "C": 1.0}
    assert model.steps[-1][1].get_params()["max_iter"] == 321
    assert fitted(shop, made, "accuracy")[1] == parameters


def test_a_search_does_not_take_a_score_that_is_not_a_number_for_the_best(
    monkeypatch: pytest.MonkeyPatch, shop: Workshop
) -> None:
    scores = iter([float("nan"), 0.3, 0.2])
    monkeypatch.setattr("perennial_training.fit.scorer", lambda _: lambda *_: next(scores))
    search = {"trials": 3, "parameters": {"C": {"float": [0.1, 10], "log": True}}}
    drawn = random.Random(SEED)
    wanted = [draw(SearchSpaceSpec.from_plain(search["parameters"]["C"]), drawn) for _ in "abc"]  # type: ignore[index]
    assert fitted(shop, candidate(search=search))[1] == {"C": wanted[1]}


def test_draws_stay_within_their_bounds() -> None:
    rng = random.Random(1)

    def drawn(space: dict[str, Any]) -> list[Any]:
        parsed = SearchSpaceSpec.from_plain(space)
        return [draw(parsed, rng) for _ in range(400)]

    assert set(drawn({"int": [2, 4]})) == {2, 3, 4}
    assert set(drawn({"choice": ["l1", 7]})) == {"l1", 7}
    even, log = drawn({"float": [1e-4, 1]}), drawn({"float": [1e-4, 1], "log": True})
    assert min(even + log) >= 1e-4 and max(even + log) <= 1
    # Half of the draws are below the middle of the scale: 0.5, or 0.01 on the logarithmic one.
    assert np.mean(np.array(even) < 0.5) == pytest.approx(0.5, abs=0.08)
    assert np.mean(np.array(log) < 0.01) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("algorithm", ["LogisticRegression", "HistGradientBoostingClassifier"])
def test_gaps_and_unseen_categories_are_predicted(shop: Workshop, algorithm: str) -> None:
    made = candidate(algorithm, parameters={"max_iter": 20})
    model, _ = fitted(shop, made)
    strange = pd.DataFrame({"amount": [np.nan], "age": [np.nan], "colour": ["mauve"]})
    shares = model.predict_proba(strange.astype({"amount": "float32", "age": "float32"}))
    assert shares.sum() == pytest.approx(1.0)
