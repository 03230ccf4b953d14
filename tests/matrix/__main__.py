"""``make matrix``: fill what is missing of the matrix, write docs/matrix.md.

Results are kept in the cache under a digest of the sources, so a run that was interrupted goes on
and one after a change begins anew. ``PERENNIAL_MATRIX="iris titanic Ridge"`` runs only the tables
and algorithms that it names, and prints what came of them; the word ``few`` in it takes 2,000 rows,
and alone it writes the page of these.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from localcluster.binaries import cache
from matrix import report
from matrix.algorithms import algorithms
from matrix.cells import Cell, Laid
from matrix.running import running
from matrix.tables import BY_NAME, TABLES, Table

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("training", "serving", "artifact", "tests/matrix")
WIDE = 2
"""Cells at once."""


def main() -> int:
    """Run what is missing; return 1 where a cell crashed, was not served or differs."""
    words = os.environ.get("PERENNIAL_MATRIX", "").split()
    tables = [t for t in TABLES if t.name in words] or list(TABLES)
    few = "few" in words
    chosen = [word for word in words if word not in BY_NAME and word != "few"]
    cells = list(fill(tables, chosen, few))
    if set(words) <= {"few"}:
        (ROOT / "docs" / "matrix.md").write_text(report.page(cells, few))
    print(report.summary(cells))
    return int(any(cell.reason in report.FAULTS for cell in cells))


def fill(tables: Sequence[Table], chosen: Sequence[str], few: bool) -> Iterator[Cell]:
    """Run the cells that were not run before; give all."""
    place = results() / ("few" if few else "all")
    place.mkdir(parents=True, exist_ok=True)
    for table in tables:
        names = [a for a in algorithms(table.task) if not chosen or a in chosen]
        paths = {name: place / f"{table.name}-{name}.json" for name in names}
        missing = [name for name, path in paths.items() if not path.exists()]
        if missing:
            with tempfile.TemporaryDirectory() as files, ThreadPoolExecutor(WIDE) as pool:
                laid = Laid.out(table, Path(files))
                run = running(laid, paths, few)
                for cell in pool.map(run, missing):
                    print(report.line(cell), flush=True)
        yield from (Cell.from_json(path.read_bytes()) for path in paths.values())


def results() -> Path:
    """Return where the cells of these sources are kept."""
    digest = hashlib.sha256((ROOT / "constraints.txt").read_bytes())
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.py")):
            digest.update(path.read_bytes())
    return cache() / "matrix" / digest.hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main())
