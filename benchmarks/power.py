"""How soon a worse canary is found, and how often a healthy one is taken back: our test beside a
fixed threshold, on the same streams.

The threshold is what a rule such as ``error rate <= 1%`` says each minute, on that minute alone,
where one failure is enough, and where three are forgiven.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from unit.statistics.many_canaries import Floats, log_worse

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "verdicts.md"
BEGIN, END = "<!-- begin: make benchmark-power -->", "<!-- end: make benchmark-power -->"
STABLE = 0.005
RATES = (0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05)
THRESHOLD = 0.01
ALPHA = 0.01 / 2
"""The default, of two metrics that vote."""
LOOK_SECONDS, MINUTE = 2, 30
"""Looks of a minute."""
LOOKS = 20 * MINUTE
HISTORY = 260
"""Looks of stable before the canary; with LOOKS a multiple of 20."""
A_SECOND = (10.0, 40.0)
"""Requests of the canary and of stable."""
RUNS = 1_000
FORGIVEN = 3


def streams(rate: float, seed: int) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Return errors and requests by run and look: the canary's, stable's, stable's before."""
    rng = np.random.default_rng(seed)
    nc, ns = (np.full((RUNS, LOOKS), n * LOOK_SECONDS) for n in A_SECOND)
    hn = np.full((RUNS, HISTORY), A_SECOND[1] * LOOK_SECONDS)

    def errors(n: Floats, p: float) -> Floats:
        return rng.binomial(n.astype(int), p).astype(float)

    return errors(nc, rate), nc, errors(ns, STABLE), ns, errors(hn, STABLE), hn


def first(found: Floats) -> Floats:
    """Return by run the look at which something is first so, infinity where it never is."""
    return np.where(found.any(axis=1), found.argmax(axis=1) + 1.0, np.inf)


def by_threshold(x: Floats, n: Floats, failures: int) -> Floats:
    """Return by run the look at which so many minutes in all were above the threshold."""
    minutes = x.reshape(len(x), -1, MINUTE).sum(axis=2) / n.reshape(len(n), -1, MINUTE).sum(axis=2)
    failed = np.cumsum(minutes > THRESHOLD, axis=1) >= failures
    return first(failed) * MINUTE


def row(rate: float, seed: int) -> str:
    """Return a row of the table: shares taken back within 20 minutes, median seconds to it."""
    found = streams(rate, seed)
    ways = [
        first(log_worse(*found) >= math.log(1 / ALPHA)),
        by_threshold(found[0], found[1], 1),
        by_threshold(found[0], found[1], FORGIVEN + 1),
    ]
    cells = [f"{100 * rate:g} %"]
    for at in ways:
        share, middle = np.isfinite(at).mean(), float(np.median(at))
        cells.append(f"{100 * share:.1f} %")
        cells.append("–" if math.isinf(middle) else f"{middle * LOOK_SECONDS:,.0f} s")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table, and put it into the page."""
    head = (
        "| canary's errors | ours: taken back | median | 1 % in any minute: taken back | median | "
        f"in {FORGIVEN + 1} minutes: taken back | median |"
    )
    lines = [head, "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    lines += [row(rate, seed) for seed, rate in enumerate(RATES)]
    table = "\n".join(lines)
    print(table)
    page = DOCUMENT.read_text()
    made = re.sub(f"{BEGIN}.*?{END}", f"{BEGIN}\n{table}\n{END}", page, flags=re.DOTALL)
    DOCUMENT.write_text(made)


if __name__ == "__main__":
    main()
