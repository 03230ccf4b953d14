"""One look's evidence on two proportions: is the canary's share of errors, or of anything else that
a request is or is not, higher than stable's?"""

import math
from dataclasses import dataclass

ODDS_RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Alternatives that a test bets on together: the canary's odds are so many times the others'."""
HALVINGS = 60
SMALLEST = 1e-12
"""How near a share may come to 1."""


@dataclass(frozen=True)
class Counted:
    """What an arm counted between two looks: requests, and for each of one or more questions (did
    it fail, was it slower than a bound) how many of them did."""

    requests: float
    events: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check that counts are counts.

        Raises:
            ValueError: one is negative, or an event has more than all requests.
        """
        if any(not 0 <= x <= self.requests for x in self.events) or self.requests < 0:
            raise ValueError(f"{self.events} of {self.requests} requests are no counts")


def times_odds(share: float, ratio: float) -> float:
    """Return the share whose odds are ``ratio`` times those of a share."""
    return ratio * share / (1 - share + ratio * share)


def log_ratio(events: float, requests: float, share: float, null: float) -> float:
    """Return the log likelihood ratio of two shares; both strictly between 0 and 1."""
    found = events * math.log(share / null) if events else 0.0
    missed = requests - events
    return found + (missed * (math.log1p(-share) - math.log1p(-null)) if missed else 0.0)


def boundary(
    canary_requests: float,
    stable_requests: float,
    canary: float,
    stable: float,
    margin: float = 0.0,
) -> tuple[float, float]:
    """Return the (canary, stable) with canary = stable + margin nearest an alternative.

    Nearest in Kullback-Leibler divergence weighted by requests: with that null point the likelihood
    ratio is an e-value for all of "canary at most stable + margin", or at least, whichever the
    alternative is not (Turner & Grünwald 2023, arXiv 2203.09785; 2024, JSPI 230).

    Args:
        canary_requests: requests of the canary in this look, above 0.
        stable_requests: those of stable, above 0.
        canary: the alternative's share of the canary, strictly between 0 and 1.
        stable: that of stable.
        margin: by how much the canary may be above stable, below 1.
    """
    if not margin:
        total = canary_requests + stable_requests
        both = (canary_requests * canary + stable_requests * stable) / total
        return both, both
    # The derivative rises from minus to plus between where either arm alone would be satisfied.
    one, other = stable, canary - margin
    low, high = max(0.0, min(one, other)), min(1 - margin - SMALLEST, max(one, other))
    for _ in range(HALVINGS):
        u = (low + high) / 2
        if u in (low, high):
            break
        c = u + margin
        slope = stable_requests * (u - stable) / (u * (1 - u))
        slope += canary_requests * (c - canary) / (c * (1 - c))
        if slope < 0:
            low = u
        else:
            high = u
    u = (low + high) / 2
    return u + margin, u


def look_log_e(
    canary_events: float,
    canary_requests: float,
    stable_events: float,
    stable_requests: float,
    canary: float,
    stable: float,
    margin: float = 0.0,
) -> float:
    """Return the logarithm of one look's e-value; 0 where an arm had no request.

    Whatever both shares are within the null, its expectation is at most 1. Alternatives may come
    from the past, never from this look.

    Args:
        canary_events: the canary's events among
        canary_requests: its requests in this look.
        stable_events: stable's events among
        stable_requests: its requests in this look.
        canary: the alternative's share of the canary.
        stable: the alternative's share of stable.
        margin: by how much the canary may be above stable.
    """
    if not canary_requests or not stable_requests:
        return 0.0
    null_canary, null_stable = boundary(canary_requests, stable_requests, canary, stable, margin)
    return log_ratio(canary_events, canary_requests, canary, null_canary) + log_ratio(
        stable_events, stable_requests, stable, null_stable
    )
