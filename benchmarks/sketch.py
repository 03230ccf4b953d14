"""`make benchmark-sketch`: what counting a row for drift costs, beside numpy.histogram."""

from __future__ import annotations

import timeit
from collections.abc import Callable

import numpy as np

from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.sketch import Sketch

FEATURES, BINS, ROWS = 30, 10, (1, 16, 128, 512)
AIM = 15.0
NOW = 1_000_000.0


def main() -> None:
    """Print a table in Markdown: microseconds a row, by how many rows are counted in one go."""
    random = np.random.default_rng(0)
    edges = np.quantile(random.normal(size=10_000), np.arange(1, BINS) / BINS)
    column = {"kind": "Numeric", "edges": edges.tolist(), "counts": [1_000] * BINS}
    features = [FeatureProfile(name=str(n), **column) for n in range(FEATURES)]
    prediction = FeatureProfile(name="probability", **column)
    sketch = Sketch(Profile(10_000, features, [prediction]))
    whole = np.array([-np.inf, *edges, np.inf])
    print(
        f"{FEATURES} features and a prediction, {BINS} bins each; the aim is {AIM:.0f} µs a row.\n"
    )
    print("| rows in one go | µs a row | numpy.histogram by column, µs a row | ratio |")
    print("| ---: | ---: | ---: | ---: |")
    for rows in ROWS:
        values = random.normal(size=(rows, FEATURES + 1)).astype(np.float32)

        def ours(values: np.ndarray = values, rows: int = rows) -> None:
            sketch.observe(values, [], rows, NOW)

        def plain(values: np.ndarray = values) -> None:
            for n in range(FEATURES + 1):
                np.histogram(values[:, n], whole)

        one, other = _microseconds(ours) / rows, _microseconds(plain) / rows
        print(f"| {rows} | {one:.2f} | {other:.2f} | {one / other:.2f} |")


def _microseconds(work: Callable[[], None]) -> float:
    timer = timeit.Timer(work)
    number, _ = timer.autorange()
    return min(timer.repeat(5, number)) / number * 1e6


if __name__ == "__main__":
    main()
