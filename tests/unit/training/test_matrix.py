"""The short form of the matrix: real tables, trained, served, asked and compared.

``make matrix`` runs all of it. Here every table comes with a few of its rows and three algorithms
of few trees, and every algorithm with one small table.
"""

from collections.abc import Callable
from typing import Any

import pytest

from matrix.algorithms import algorithms
from matrix.cells import Cell, Laid, run_cell
from matrix.tables import BY_NAME, TABLES

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
SMALL = {"Classification": "tumours", "Regression": "diabetes"}
EVERY = [(table, name) for task, table in SMALL.items() for name in algorithms(task)]

Lay = Callable[[str], Laid]


@pytest.fixture(scope="module")
def lay(tmp_path_factory: pytest.TempPathFactory) -> Lay:
    """Give what lays a table out, once for all of its cells."""
    laid: dict[str, Laid] = {}

    def once(name: str) -> Laid:
        if name not in laid:
            laid[name] = Laid.out(BY_NAME[name], tmp_path_factory.mktemp(name))
        return laid[name]

    return once


@pytest.mark.parametrize(("table", "algorithm", "parameters"), CELLS)
def test_every_table_is_answered_over_the_wire_as_by_scikit_learn(
    lay: Lay, table: str, algorithm: str, parameters: dict[str, Any]
) -> None:
    agrees(run_cell(lay(table), algorithm, few=True, parameters=parameters))


@pytest.mark.parametrize(("table", "algorithm"), EVERY)
def test_every_algorithm_answers_over_the_wire_as_scikit_learn(
    lay: Lay, table: str, algorithm: str
) -> None:
    agrees(run_cell(lay(table), algorithm))


def agrees(cell: Cell) -> None:
    assert cell.value is not None, f"{cell.reason}: {cell.message}"
