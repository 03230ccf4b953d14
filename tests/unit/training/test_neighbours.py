"""Nearest neighbours: scikit-learn's where they are unique, the first of equals where not."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from mixed import fitted, parity
from sklearn import neighbors

from perennial_artifact.manifest import Column
from perennial_training.fit import neighbours

WAYS: list[dict[str, Any]] = [{}, {"weights": "distance"}, {"n_neighbors": 17}]


@pytest.mark.parametrize("parameters", WAYS)
def test_unique_neighbours_are_scikit_learns(parameters: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    rows, asked = rng.normal(size=(500, 6)), rng.normal(size=(300, 6))
    labels = rng.integers(0, 3, 500)
    theirs = neighbors.KNeighborsClassifier(**parameters).fit(rows, labels)
    ours = neighbours.KNeighborsClassifier(**parameters).fit(rows, labels)
    np.testing.assert_allclose(ours.predict_proba(asked), theirs.predict_proba(asked), atol=1e-12)
    assert (ours.predict(asked) == theirs.predict(asked)).all()
    number = neighbors.KNeighborsRegressor(**parameters).fit(rows, labels * 1.5)
    mine = neighbours.KNeighborsRegressor(**parameters).fit(rows, labels * 1.5)
    np.testing.assert_allclose(mine.predict(asked), number.predict(asked), atol=1e-12)


def test_of_equals_the_first_rows_count() -> None:
    known = np.array([[1.0], [-1.0], [1.0], [0.5], [-1.0]])
    found = neighbours.nearest(np.array([[0.0], [1.0]]), known, 4)
    assert found.tolist() == [[3, 0, 1, 2], [0, 2, 3, 1]]


@pytest.mark.parametrize("parameters", WAYS)
@pytest.mark.parametrize("columns", [3, 18])  # scikit-learn searches in a tree, or everywhere
def test_a_table_of_equal_rows_agrees(columns: int, parameters: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    inputs = pd.DataFrame(rng.integers(0, 3, (800, columns)).astype(float))
    inputs.columns = pd.Index([f"c{i}" for i in range(columns)])
    kinds = [Column(name=n, kind="Number") for n in inputs.columns]
    labels = pd.Series(rng.integers(0, 3, 800))
    for algorithm, task in (("Classifier", "Classification"), ("Regressor", "Regression")):
        name = "KNeighbors" + algorithm
        model = fitted(name, inputs[:600], kinds, labels[:600], task, **parameters)
        assert parity(model, inputs).disagreeing == 0


def test_too_few_rows_are_told() -> None:
    few = neighbours.KNeighborsRegressor(n_neighbors=9).fit(np.zeros((5, 1)), np.zeros(5))
    with pytest.raises(ValueError, match="n_neighbors is 9, and there are 5 rows"):
        few.predict(np.zeros((1, 1)))
