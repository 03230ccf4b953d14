"""Cells for the suite: few rows to learn from and to ask, and a table is read only once."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matrix.cells import Cell, Laid, run_cell
from matrix.tables import BY_NAME
from perennial_training import run as trainer


class Bench:
    """A directory with the tables that were laid out, and their rows as the trainer read them."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._rows: dict[str, Any] = {}

    def run(self, table: str, algorithm: str, parameters: dict[str, Any] | None = None) -> Cell:
        """Train, serve, ask, compare."""
        place = self._place / table
        laid = Laid(table, place) if place.exists() else Laid.out(BY_NAME[table], place)
        with self._reading_once(table):
            return run_cell(laid, algorithm, few=True, parameters=parameters)

    @contextlib.contextmanager
    def _reading_once(self, table: str) -> Iterator[None]:
        load = trainer.load

        def once(*arguments: Any) -> Any:
            if table not in self._rows:
                self._rows[table] = load(*arguments)
            return self._rows[table]

        trainer.load = once
        try:
            yield
        finally:
            trainer.load = load
