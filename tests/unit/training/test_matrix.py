"""The short form of the matrix: real tables, trained, served, asked and compared.

``make matrix`` runs all of it. Tables come in few rows here, and forests have few trees.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from matrix.cells import Laid, run_cell
from matrix.tables import TABLES, Table

TREES = {"n_estimators": 10}
MODELS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "Classification": [
        ("RandomForestClassifier", TREES),
        ("HistGradientBoostingClassifier", {"max_iter": 10}),
        ("LogisticRegression", {}),
    ],
    "Regression": [
        ("RandomForestRegressor", TREES),
        ("HistGradientBoostingRegressor", {"max_iter": 10}),
        ("Ridge", {}),
    ],
}
CELLS = [(table, *model) for table in TABLES for model in MODELS[table.task]]
Lay = Callable[[Table], Laid]


@pytest.fixture(scope="module")
def lay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lay]:
    """Give what lays a table out, once for the cells that follow each other."""
    laid: dict[str, Laid] = {}

    def once(table: Table) -> Laid:
        if table.name not in laid:
            laid[table.name] = Laid.out(table, tmp_path_factory.mktemp(table.name))
        return laid[table.name]

    yield once


@pytest.mark.parametrize(
    ("table", "algorithm", "parameters"), CELLS, ids=[f"{t.name}-{a}" for t, a, _ in CELLS]
)
def test_a_table_is_learned_served_and_answered_as_by_scikit_learn(
    lay: Lay, table: Table, algorithm: str, parameters: dict[str, Any]
) -> None:
    cell = run_cell(lay(table), algorithm, few=True, parameters=parameters)
    assert cell.value is not None, f"{cell.reason}: {cell.message}"
