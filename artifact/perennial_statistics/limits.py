"""Is the canary's share above a fixed limit, or below it?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from perennial_statistics.e_process import RESERVE, after, at_start, log_mean
from perennial_statistics.intervals import always_valid_interval
from perennial_statistics.numbers import as_list, counted, from_list, in_percent, kept
from perennial_statistics.proportions import ODDS_RATIOS, log_ratio, times_odds
from perennial_statistics.verdict import SUCCESS, Outcome, Verdict, chance, outcome, p_value

RATIOS = len(ODDS_RATIOS)
HIGHEST_FOR = math.log(1000)
CERTAIN = 1e6


def gains_above(events: float, requests: float, limit: float) -> list[float]:
    """Return log likelihood ratios of odds from 1.25 to 10 times the limit's.

    At a limit of 0 any event is certain evidence; above 1 nothing can be.
    """
    if limit <= 0:
        return [CERTAIN if events else 0.0] * RATIOS
    if limit >= 1:
        return [0.0] * RATIOS
    return [log_ratio(events, requests, times_odds(limit, r), limit) for r in ODDS_RATIOS]


def gains_below(events: float, requests: float, limit: float) -> list[float]:
    """Return log likelihood ratios of odds from 1.25 to 10 times below the limit's."""
    if limit <= 0 or limit >= 1:
        return [CERTAIN if limit >= 1 and requests else 0.0] * RATIOS
    return [log_ratio(events, requests, times_odds(limit, 1 / r), limit) for r in ODDS_RATIOS]


def log_e_above(events: float, requests: float, limit: float) -> float:
    """Return the log e-value of totals against "the share is at most the limit" (Robbins 1970)."""
    return log_mean(gains_above(events, requests, limit))


def log_e_below(events: float, requests: float, limit: float) -> float:
    """Return the log e-value of totals against "the share is at least the limit"."""
    return log_mean(gains_below(events, requests, limit))


@dataclass(frozen=True)
class AgainstLimit:
    """The evidence on one share against a fixed limit: 16 numbers.

    What surely happened and what may have happened differ where it was counted by bucket: only the
    first can fail a canary, only the second can clear it.
    """

    looks: float
    requests: float
    surely: float
    possibly: float
    above: tuple[float, ...]
    below: tuple[float, ...]

    @classmethod
    def begin(cls, reserve: float = RESERVE) -> "AgainstLimit":
        """Return the record before the first look."""
        start = at_start(RATIOS, reserve)
        return cls(0.0, 0.0, 0.0, 0.0, start, start)

    def after(
        self,
        requests: float,
        surely: float,
        possibly: float,
        limit: float,
        phi: float = 1.0,
        reserve: float = RESERVE,
    ) -> "AgainstLimit":
        """Return the record after one more look; one without requests is none.

        Args:
            requests: of the canary since the last look.
            surely: events among them.
            possibly: these, and what may have been one; the same where everything is known.
            limit: the highest share that is allowed.
            phi: of stable's bursts in looks before, ``StablePast.bursts``; 1 without a stable.
            reserve: see ``e_process.after``.

        Raises:
            ValueError: the counts are no counts.
        """
        if not 0 <= surely <= possibly <= requests:
            raise ValueError(f"{surely} to {possibly} of {requests} requests are no counts")
        if not requests:
            return self
        looks = self.looks + 1
        over = [g / phi for g in gains_above(surely, requests, limit)]
        under = [g / phi for g in gains_below(possibly, requests, limit)]
        above = after(self.above, over, looks, reserve)
        below = after(self.below, under, looks, reserve)
        # Evidence for a canary is not saved up: one that breaks must lose it at once.
        return AgainstLimit(
            looks,
            self.requests + requests,
            self.surely + surely,
            self.possibly + possibly,
            above,
            tuple(kept(min(x, HIGHEST_FOR)) for x in below),
        )

    def log_above(self) -> float:
        """Return the log e-value of the share being above the limit."""
        return log_mean(self.above)

    def log_below(self) -> float:
        """Return the log e-value of its being below."""
        return log_mean(self.below)

    def outcome(self, alpha: float) -> tuple[Outcome, bool]:
        """Return the outcome, and whether the canary is suspected."""
        return outcome(self.log_above(), self.log_below(), alpha)

    def verdict(
        self, what: str, limit: float, alpha: float, name: str = "", of: str = "request"
    ) -> Verdict:
        """Return what can be said by now.

        Args:
            what: what happened to a request: ``failed``.
            limit: the highest share that is allowed.
            alpha: this metric's part of the risk of a false rollback.
            name: of the metric, put before the sentence.
            of: what is counted.
        """
        prefix = f"{name}: " if name else ""
        if not self.requests:
            return Verdict("Undecided", f"{prefix}the canary had no {of} yet", 0.0, None, limit)
        found, suspected = self.outcome(alpha)
        value = self.surely / self.requests
        low, high = always_valid_interval(self.surely, self.requests, SUCCESS, limit)
        message = (
            f"{prefix}{in_percent(value)} of {counted(self.requests, of)} {what}, "
            f"{in_percent(limit)} may; "
        )
        if found == "Failed":
            message += f"the limit is broken ({chance(self.log_above())} to see this if not)"
        elif found == "Successful":
            message += f"the limit is kept ({chance(self.log_below())} to see this if not)"
        else:
            message += (
                f"the true share may be {in_percent(low)} to {in_percent(high)} (95% sure), so "
                f"more {of}s are needed"
            )
            if suspected:
                message += f"; it looks broken ({chance(self.log_above())} to see this if not)"
        p = p_value(self.log_below() if found == "Successful" else self.log_above())
        return Verdict(found, message, self.requests, value, limit, suspected, p, low, high)

    def to_list(self) -> list[float]:
        """Return 16 numbers for JSON."""
        own = (self.looks, self.requests, self.surely, self.possibly)
        return as_list((*own, *self.above, *self.below))

    @classmethod
    def from_list(cls, values: Sequence[float]) -> "AgainstLimit":
        """Return what ``to_list`` wrote.

        Raises:
            ValueError: it is something else; begin anew.
        """
        looks, requests, surely, possibly, *rest = from_list(values, 4 + 2 * RATIOS)
        return cls(looks, requests, surely, possibly, tuple(rest[:RATIOS]), tuple(rest[RATIOS:]))
