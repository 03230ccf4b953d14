"""The matrix in short: every real table with a forest, a boosting and a linear model.

Each is trained, served, asked over the wire and compared with scikit-learn. ``make matrix`` runs
all tables with all of their rows and every algorithm.
"""

from typing import Any

import pytest

from matrix.short import Bench
from matrix.tables import TABLES

MODELS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "Classification": [
        ("RandomForestClassifier", {"n_estimators": 10}),
        ("HistGradientBoostingClassifier", {"max_iter": 10}),
        ("LogisticRegression", {}),
    ],
    "Regression": [
        ("RandomForestRegressor", {"n_estimators": 10}),
        ("HistGradientBoostingRegressor", {"max_iter": 10}),
        ("Ridge", {}),
    ],
}
CELLS = [(table.name, *model) for table in TABLES for model in MODELS[table.task]]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """All of them."""
    return Bench(tmp_path_factory.mktemp("tables"))


@pytest.mark.parametrize(
    ("table", "algorithm", "parameters"), CELLS, ids=[f"{t}-{a}" for t, a, _ in CELLS]
)
def test_it_answers_over_the_wire_as_scikit_learn(
    tables: Bench, table: str, algorithm: str, parameters: dict[str, Any]
) -> None:
    cell = tables.run(table, algorithm, parameters)
    assert cell.value is not None, f"{cell.reason}: {cell.message}"
