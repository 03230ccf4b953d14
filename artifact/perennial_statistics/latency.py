"""Latency from buckets: what surely and what possibly took longer than a limit, and which bounds
the canary is compared with stable at."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from perennial_statistics.limits import AgainstLimit
from perennial_statistics.numbers import as_list, counted, from_list, in_percent
from perennial_statistics.proportions import Counted
from perennial_statistics.verdict import Verdict, chance, p_value

QUANTILES = (0.5, 0.9, 0.99)
MARGINS = (0.1, 0.05, 0.01)
"""By how much the share beyond stable's p50, p90 and p99 may be above stable's."""
FEWEST_REQUESTS = 100
"""Requests of stable that its quantiles are taken from."""
SAME = 1e-9


@dataclass(frozen=True)
class Slower:
    """Requests that took longer than a limit: surely, and possibly; between these bounds."""

    surely: float
    possibly: float
    lower: float
    upper: float
    """Both are the limit where a bucket ends there; infinite beyond the last bound."""


def slower(bounds: Sequence[float], counts: Sequence[float], limit: float) -> Slower:
    """Return how many requests took longer than a limit.

    Within a bucket nothing is known, so nothing is guessed: those that surely took longer are above
    its upper bound, those that may have are above its lower one.

    Args:
        bounds: upper bounds of the buckets in seconds, increasing.
        counts: requests by bucket, not cumulative, the last one beyond all bounds.
        limit: in seconds.

    Raises:
        ValueError: bounds and counts do not fit.
    """
    if len(counts) != len(bounds) + 1:
        raise ValueError(f"{len(bounds)} bounds have {len(bounds) + 1} counts, not {len(counts)}")
    i = bisect_left(bounds, limit * (1 - SAME))
    if i < len(bounds) and bounds[i] <= limit * (1 + SAME):
        beyond = float(sum(counts[i + 1 :]))
        return Slower(beyond, beyond, bounds[i], bounds[i])
    lower = bounds[i - 1] if i else 0.0
    upper = bounds[i] if i < len(bounds) else math.inf
    return Slower(float(sum(counts[i + 1 :])), float(sum(counts[i:])), lower, upper)


def latency_verdict(
    test: AgainstLimit,
    bounds: Sequence[float],
    limit: float,
    quantile: float,
    alpha: float,
    name: str = "",
) -> Verdict:
    """Return whether a quantile is kept within a limit: a share of 1 - q may take longer.

    Args:
        test: fed with ``slower`` of each look.
        bounds: the buckets' upper bounds in seconds.
        limit: in seconds.
        quantile: such as 0.99.
        alpha: this metric's part of the risk of a false rollback.
        name: of the metric, put before the sentence.
    """
    label = f"{name}: " if name else ""
    allowed = 1 - quantile
    if not test.requests:
        return Verdict("Undecided", f"{label}the canary had no request yet", 0.0)
    at = slower(bounds, [0.0] * (len(bounds) + 1), limit)
    found, suspected = test.outcome(alpha)
    surely, possibly = test.surely / test.requests, test.possibly / test.requests
    of = f"of {counted(test.requests, 'request')}"
    message = f"{label}p{100 * quantile:g} may be {in_time(limit)}; "
    if at.lower == at.upper:
        message += f"{in_percent(surely)} {of} took longer, {in_percent(allowed)} may"
    else:
        above = f"{in_percent(surely)} {of} took longer than {in_time(at.upper)}, "
        if math.isinf(at.upper):
            above = f"{of[3:]} were counted, "
        message += f"{above}{in_percent(possibly)} longer than {in_time(at.lower)}, "
        message += f"{in_percent(allowed)} may"
    if found == "Failed":
        message += f": the limit is broken ({chance(test.log_above())} to see this if not)"
    elif found == "Successful":
        message += f": the limit is kept ({chance(test.log_below())} to see this if not)"
    elif at.lower != at.upper and surely <= allowed < possibly:
        decidable = [in_time(b) for b in (at.lower, at.upper) if 0 < b < math.inf]
        message += (
            f": nothing is counted at {in_time(limit)} itself; a limit of "
            f"{' or '.join(decidable)} can be decided"
        )
    else:
        message += ": more requests are needed"
    p = p_value(test.log_below() if found == "Successful" else test.log_above())
    return Verdict(found, message, test.requests, surely, allowed, suspected, p)


def in_time(seconds: float) -> str:
    """Return a duration for people: 250 ms, 1.5 s."""
    return f"{seconds * 1000:.4g} ms" if seconds < 1 else f"{seconds:.4g} s"


@dataclass(frozen=True)
class ComparedBounds:
    """The bounds beyond which the canary's shares are compared with stable's, and the margins."""

    bounds: tuple[float, ...]
    margins: tuple[float, ...]

    @property
    def what(self) -> tuple[str, ...]:
        """What the questions are, for ``AgainstStable.verdict``."""
        return tuple(f"took longer than {in_time(b)}" for b in self.bounds)

    def to_list(self) -> list[float]:
        """Return two numbers a bound for JSON."""
        return as_list((*self.bounds, *self.margins))

    @classmethod
    def from_list(cls, values: Sequence[float]) -> "ComparedBounds":
        """Return what ``to_list`` wrote.

        Raises:
            ValueError: it is something else.
        """
        if len(values) % 2 or not 2 <= len(values) <= 2 * len(QUANTILES):
            raise ValueError(f"{len(values)} numbers are no bounds with their margins")
        numbers = from_list(values, len(values))
        half = len(numbers) // 2
        return cls(numbers[:half], numbers[half:])


def compared_bounds(bounds: Sequence[float], counts: Sequence[float]) -> ComparedBounds | None:
    """Return the bounds nearest stable's p50, p90 and p99, each once; None before 100 requests.

    Choose once, before the canary's first look, and carry them on.

    Args:
        bounds: upper bounds of the buckets in seconds, increasing.
        counts: stable's requests by bucket, not cumulative, the last one beyond all bounds.
    """
    total = sum(counts)
    if total < FEWEST_REQUESTS or not bounds:
        return None
    below = [n / total for n in accumulate(counts[: len(bounds)])]
    chosen: dict[float, float] = {}
    for quantile, margin in zip(QUANTILES, MARGINS, strict=True):
        i = min(range(len(bounds)), key=lambda i: abs(below[i] - quantile))
        chosen.setdefault(bounds[i], margin)
    return ComparedBounds(tuple(chosen), tuple(chosen.values()))


def beyond(bounds: Sequence[float], counts: Sequence[float], at: ComparedBounds) -> Counted:
    """Return how many of an arm's requests in a look took longer than each compared bound.

    Raises:
        ValueError: a compared bound is none of the buckets' any more; begin anew.
    """
    found = [slower(bounds, counts, bound) for bound in at.bounds]
    if any(s.surely != s.possibly for s in found):
        raise ValueError("the latency buckets are not those that were compared before")
    return Counted(float(sum(counts)), tuple(s.surely for s in found))
