"""How far a feature is from its reference, by the effect that a user chose. No p-value comes from
these: chance is ruled out by the feature's own test, whatever is chosen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from perennial_statistics.distances import jensen_shannon, kolmogorov_smirnov, wasserstein

Effect = Literal[
    "PopulationStabilityIndex", "KolmogorovSmirnov", "JensenShannon", "Wasserstein", "ChiSquare"
]
EFFECTS: tuple[Effect, ...] = get_args(Effect)
OF_NUMBERS: tuple[Effect, ...] = ("KolmogorovSmirnov", "Wasserstein")
"""What needs values in an order."""


@dataclass(frozen=True)
class Scale:
    """Where the bins of a number lie, and how wide its values are spread."""

    edges: tuple[float, ...]
    lowest: float
    highest: float
    deviation: float


def pearson(reference: Sequence[float], window: Sequence[float]) -> float:
    """Return Pearson's chi-square of two samples over the same K cells, uncorrected.

    Cells that are empty in both are left out. It grows with the rows, as it is no distance.
    """
    n, m = float(sum(reference)), float(sum(window))
    if not n or not m:
        return 0.0
    pairs = zip(reference, window, strict=True)
    return sum((m * r - n * c) ** 2 / (r + c) for r, c in pairs if r + c) / (n * m)


Counted = Sequence[float]
_DISTANCES: Mapping[str, Callable[[Counted, Counted, Scale | None], float]] = {
    "KolmogorovSmirnov": lambda r, c, scale: kolmogorov_smirnov(r, c).value,
    "JensenShannon": lambda r, c, scale: jensen_shannon(r, c),
    "Wasserstein": lambda r, c, scale: _wasserstein(r, c, scale),
    "ChiSquare": lambda r, c, scale: pearson(r, c),
}


def distance(
    effect: Effect, reference: Counted, window: Counted, scale: Scale | None = None
) -> float:
    """Return a distance of values that are not missing, as their bins show it.

    Kolmogorov's and Smirnov's is that at the bins' edges, at most one bin's share below that of the
    values; Jensen's and Shannon's is to the base of 2; Wasserstein's is over the reference's
    standard deviation; chi-square is Pearson's.

    Args:
        effect: any but the population stability index, which is the test's own.
        reference: K counts; of numbers in the order of their bins.
        window: K counts of the same cells.
        scale: what Wasserstein's needs.

    Raises:
        ValueError: it is wanted without a scale.
    """
    return _DISTANCES[effect](reference, window, scale)


def _wasserstein(reference: Counted, window: Counted, scale: Scale | None) -> float:
    if scale is None:
        raise ValueError("Wasserstein's distance needs to know where the bins lie")
    return wasserstein(
        reference, window, scale.edges, scale.lowest, scale.highest, scale.deviation
    ).value
