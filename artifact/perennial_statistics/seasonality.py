"""How many requests an hour are usual at this time of the week."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

FEWEST_WEEKS = 3
LEVEL_HOURS = 24
SPREAD_HOURS = 336
SPREADS = 4.0
NORMAL = 1.4826


@dataclass(frozen=True)
class Band:
    """Between which numbers of requests an hour is usual."""

    centre: float
    spread: float
    low: float
    high: float

    def holds(self, requests: float) -> bool:
        """Tell whether a number of requests is usual."""
        return self.low <= requests <= self.high


def residual(requests: float, same_hour: Sequence[float]) -> float:
    """Return how far an hour was off the same hour of the weeks before, in logarithms."""
    return math.log1p(requests) - median(math.log1p(n) for n in same_hour)


def volume_band(
    same_hour: Sequence[float], residuals: Sequence[float], spreads: float = SPREADS
) -> Band | None:
    """Return the usual band of the next hour; None before three weeks are known.

    Centre: the median of log(1 + N) at the same hour of the last weeks, and the level of the last
    day. Spread: the median absolute deviation (Hampel 1974) of two weeks, and chance itself, whose
    variance is e^-centre for counts.

    Args:
        same_hour: requests at this hour of the week, of the last four weeks.
        residuals: ``residual`` of the hours before, the newest last.
        spreads: how many of them the band is wide, on either side.
    """
    if len(same_hour) < FEWEST_WEEKS:
        return None
    level = median(residuals[-LEVEL_HOURS:]) if residuals else 0.0
    centre = median(math.log1p(n) for n in same_hour) + level
    recent = residuals[-SPREAD_HOURS:]
    middle = median(recent) if recent else 0.0
    deviation = NORMAL * median(abs(r - middle) for r in recent) if recent else 0.0
    spread = math.sqrt(deviation**2 + math.exp(-centre))
    low, high = (math.expm1(centre + sign * spreads * spread) for sign in (-1, 1))
    return Band(centre, spread, max(0.0, low), high)
