"""By how much two shares differ at equal times: an interval to be shown, at all looks together.

Beside the evidence that decides, which is sharper and exact; here is how large the difference is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from perennial_statistics.means import BURN_IN, half_width, tau_squared
from perennial_statistics.numbers import kept
from perennial_statistics.proportions import Counted

PLANNED = 500.0
"""Requests of the canary at which the interval is narrowest."""
OWN = 4
"""Numbers beside one a share."""


@dataclass(frozen=True)
class AtEqualTimes:
    """Canary less stable, each look compared within itself: 4 + B numbers for B shares.

    Weights of looks are n_c n_s / (n_c + n_s), as of means (``MeanDifference``).
    """

    weight: float
    canary_weight: float
    """Sum of w^2 / n_c."""
    stable_weight: float
    """Sum of w^2 / n_s."""
    planned: float
    """Variance of a share of one half at the planned size; fixed after the burn-in."""
    weighted: tuple[float, ...]

    @classmethod
    def none(cls, shares: int) -> "AtEqualTimes":
        """Return the record before the first look."""
        return cls(0.0, 0.0, 0.0, 0.0, (0.0,) * shares)

    def after(self, canary: Counted, stable: Counted, rows: float, others: float) -> "AtEqualTimes":
        """Return the record after one more look, in which both arms had requests.

        Args:
            canary: its requests, and for each share how many of them are of it.
            stable: the same of stable's.
            rows: of the canary by now, this look's included.
            others: of stable.
        """
        n, m = canary.requests, stable.requests
        w = n * m / (n + m)
        weight = kept(self.weight + w)
        of_canary = kept(self.canary_weight + w * w / n)
        of_stable = kept(self.stable_weight + w * w / m)
        planned = self.planned
        if not planned and min(rows, others) >= BURN_IN:
            half = (of_canary + of_stable) / weight**2 / 4
            planned = kept(half * rows / max(PLANNED, rows))
        pairs = zip(self.weighted, canary.events, stable.events, strict=True)
        weighted = tuple(kept(d + w * (x / n - y / m)) for d, x, y in pairs)
        return AtEqualTimes(weight, of_canary, of_stable, planned, weighted)

    def interval(
        self, i: int, value: float, reference: float, phi: float, alpha: float
    ) -> tuple[float, float] | None:
        """Return where the difference of a share truly is, None before the burn-in is over.

        Args:
            i: the share.
            value: of the canary, strictly between 0 and 1.
            reference: of stable, the same.
            phi: of stable's bursts.
            alpha: chance that the truth is ever outside.
        """
        if not self.planned:
            return None
        total = value * (1 - value) * self.canary_weight
        total += reference * (1 - reference) * self.stable_weight
        width = half_width(phi * total / self.weight**2, tau_squared(self.planned, alpha), alpha)
        middle = self.weighted[i] / self.weight
        return max(-1.0, middle - width), min(1.0, middle + width)

    def to_numbers(self) -> tuple[float, ...]:
        """Return 4 + B numbers to carry on."""
        return self.weight, self.canary_weight, self.stable_weight, self.planned, *self.weighted

    @classmethod
    def from_numbers(cls, values: Sequence[float]) -> "AtEqualTimes":
        """Return what ``to_numbers`` gave."""
        weight, of_canary, of_stable, planned, *weighted = values
        return cls(weight, of_canary, of_stable, planned, tuple(weighted))
