"""Every algorithm of the registry, as it stands, on small tables of mixed columns."""

from functools import cache
from typing import Any

import pandas as pd
import pytest
from mixed import classes, exported, fitted, mixed, prices

from perennial_artifact.manifest import Column
from perennial_training.export.parity import check_parity
from perennial_training.fit.algorithms import usable

TRAINED = 160

# Shorter fits; what they are made of is the same.
SHORT: dict[str, dict[str, Any]] = {
    "AdaBoostClassifier": {"n_estimators": 10},
    "AdaBoostRegressor": {"n_estimators": 10},
    "ExtraTreesClassifier": {"n_estimators": 10},
    "ExtraTreesRegressor": {"n_estimators": 10},
    "GradientBoostingClassifier": {"n_estimators": 20},
    "GradientBoostingRegressor": {"n_estimators": 20},
    "HistGradientBoostingClassifier": {"max_iter": 20},
    "HistGradientBoostingRegressor": {"max_iter": 20},
    "MLPClassifier": {"max_iter": 20},
    "MLPRegressor": {"max_iter": 20},
    "RandomForestClassifier": {"n_estimators": 10},
    "RandomForestRegressor": {"n_estimators": 10},
    "TheilSenRegressor": {"max_subpopulation": 100},
}

Table = tuple[pd.DataFrame, list[Column]]


@cache
def table(categories: int) -> Table:
    return mixed(categories)


def agrees(algorithm: str, task: str, inputs: pd.DataFrame, columns: Any, target: Any) -> None:
    rows, truth = inputs[:TRAINED], target[:TRAINED]
    model = fitted(algorithm, rows, columns, truth, task, **SHORT.get(algorithm, {}))
    served = exported(model)
    parity = check_parity(model, served, inputs)
    assert parity.disagreeing == 0
    assert served.has_probabilities == hasattr(model, "predict_proba")
    one = served.run(inputs[:1])
    assert one[0].shape == ((1, 1) if task == "Regression" else (1,))


@pytest.mark.parametrize("algorithm", usable("Classification"))
@pytest.mark.parametrize(("categories", "labels"), [(1, ["no", "yes"]), (2, [0, 1, 2])])
def test_classifiers(algorithm: str, categories: int, labels: list[Any]) -> None:
    inputs, columns = table(categories)
    agrees(algorithm, "Classification", inputs, columns, classes(inputs, labels))


@pytest.mark.parametrize("algorithm", usable("Regression"))
@pytest.mark.parametrize("categories", [1, 2])
def test_regressors(algorithm: str, categories: int) -> None:
    inputs, columns = table(categories)
    agrees(algorithm, "Regression", inputs, columns, prices(inputs))
