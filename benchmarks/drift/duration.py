"""How long it takes to judge a thousand features, by what is judged."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from benchmarks.drift.counting import SETTINGS
from perennial_statistics.drift import SLICES, Counts, Feature, judge_drift


def rows() -> list[str]:
    """Return the table: processor time, the least of seven."""
    rng = np.random.default_rng(0)
    shares = np.full(10, 0.1)

    def some(rows: int) -> Counts:
        return Counts(tuple(rng.multinomial(rows, shares).tolist()))

    whole = [Feature(f"f{n}", True, some(20_000), some(2_000)) for n in range(1_000)]
    both = [replace(f, newest=some(500)) for f in whole]
    sliced = [replace(f, slices=tuple(some(83) for _ in range(SLICES))) for f in both]
    settings = replace(SETTINGS, interval=300)
    lines = ["| 1,000 features, 10 bins | |", "| --- | ---: |"]
    for name, features in {
        "the whole window": whole,
        "and its newest quarter": both,
        "with slices of ten that alarm": [*sliced[:10], *both[10:]],
        "with slices of all, were they asked": sliced,
    }.items():
        spent = []
        for _ in range(7):
            began = time.process_time()
            judge_drift(features, settings, {})
            spent.append(1_000 * (time.process_time() - began))
        lines.append(f"| {name} | {min(spent):.0f} ms |")
    return lines
