"""Windows of real tables, as ever and after shifts of several sizes, judged by ours and others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.drift.counting import ours
from benchmarks.drift.others import TITLES, Case, Found
from benchmarks.drift.tables import AS_EVER, SHIFTS, Real

REFERENCE = 20_000
SIZES = (500, 2_000, 5_000)
"""Rows."""
QUIET, MOVED = 100, 20
"""Windows of a size."""


def cases(tables: Sequence[Real]) -> list[Case]:
    """Return a case for each table and size: windows as ever, then those of each shift.

    A window's rows are drawn without any twice from those that the reference does not have: the two
    are as any two parts of a shuffled table.
    """
    found = []
    for seed, table in enumerate(tables):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(table.rows))
        reference = table.rows.iloc[order[:REFERENCE]]
        rest = order[REFERENCE:]
        for size in SIZES:
            windows = []
            for shift, change in SHIFTS.items():
                for _ in range(_count(shift)):
                    window = table.rows.iloc[rng.choice(rest, size, replace=False)].reset_index(
                        drop=True
                    )
                    change(table, window, rng)
                    windows.append(window)
            found.append(Case(table.kinds, reference, windows))
    return found


def _count(shift: str) -> int:
    return QUIET if shift == AS_EVER else MOVED


def rows(
    tables: Sequence[Real], asked: Sequence[Case], by_peers: Sequence[Sequence[Found]]
) -> list[str]:
    """Return the table: how many windows alarm, or break a limit, by size and by whom."""
    judged = [[ours(c), *(found[n] for found in by_peers)] for n, c in enumerate(asked)]
    heads = " | ".join(f"{size:,} rows: ours | {TITLES}" for size in SIZES)
    lines = [f"| table | windows | {heads} |", "| --- | --- |" + " ---: |" * 3 * len(SIZES)]
    for n, table in enumerate(tables):
        of_table, begin = judged[n * len(SIZES) : (n + 1) * len(SIZES)], 0
        for shift in SHIFTS:
            count, quiet = _count(shift), shift == AS_EVER
            found = [by.any(begin, begin + count) for size in of_table for by in size]
            cells = [f"{k} of {count}" if quiet else f"{k / count:.0%}" for k in found]
            named = f"{table.name}, {len(table.kinds)} columns" if quiet else ""
            lines.append(f"| {named} | {shift} | {' | '.join(cells)} |")
            begin += count
    return lines
