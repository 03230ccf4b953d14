"""The matrix in short: every algorithm that the trainer takes as it stands, with a small table.

Each is trained, served, asked over the wire and compared with scikit-learn.
"""

import pytest

from matrix.algorithms import algorithms
from matrix.short import Bench

SMALL = {"Classification": "tumours", "Regression": "diabetes"}
CELLS = [(table, name) for task, table in SMALL.items() for name in algorithms(task)]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """The small ones."""
    return Bench(tmp_path_factory.mktemp("tables"))


@pytest.mark.parametrize(("table", "algorithm"), CELLS)
def test_it_answers_over_the_wire_as_scikit_learn(
    tables: Bench, table: str, algorithm: str
) -> None:
    cell = tables.run(table, algorithm)
    assert cell.value is not None, f"{cell.reason}: {cell.message}"
