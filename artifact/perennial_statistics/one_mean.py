"""Is a mean beyond a fixed limit, at any time?"""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace

from perennial_statistics.means import (
    BURN_IN,
    Moments,
    chance_of,
    freedom_needed,
    half_width,
    tau_squared,
)
from perennial_statistics.numbers import as_list, counted, from_list, kept
from perennial_statistics.verdict import SUCCESS, SUSPICION, Outcome, Verdict


@dataclass(frozen=True)
class OneMean:
    """Rows of the canary, their sum and that of their squares, and how these vary: 8 numbers."""

    rows: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    looks: float = 0.0
    within: float = 0.0
    """Over looks, the sums of squares around their means."""
    df: float = 0.0
    fourth: float = 0.0
    """See ``Moments.fourth``."""
    planned_variance: float = 0.0
    """Fixed once the burn-in is over; 0 before."""

    def after(self, canary: Moments, planned: float, burn_in: float = BURN_IN) -> "OneMean":
        """Return the record after one more look.

        Args:
            canary: the canary's rows since the last look.
            planned: rows that the interval is to be narrowest at.
            burn_in: rows before anything is said.
        """
        if not canary.rows:
            return self
        grown = OneMean(
            self.rows + canary.rows,
            kept(self.total + canary.total),
            kept(self.squares + canary.squares),
            self.looks + 1,
            kept(self.within + canary.within),
            self.df + canary.rows - 1,
            kept(self.fourth + canary.fourth),
            self.planned_variance,
        )
        needed = freedom_needed(grown.within, grown.df, grown.fourth, grown.looks)
        if self.planned_variance or grown.rows < burn_in or grown.df < needed:
            return grown
        expected = grown.variance * grown.rows / max(planned, grown.rows)
        return replace(grown, planned_variance=kept(expected))

    @property
    def mean(self) -> float:
        """The mean; 0 without rows."""
        return self.total / self.rows if self.rows else 0.0

    @property
    def variance(self) -> float:
        """The variance of the mean."""
        if self.rows < 2:
            return 0.0
        whole = Moments(self.rows, self.total, self.squares).within
        # Around one mean values vary no less than around each look's: what is less is rounding.
        return max(whole, self.within) / (self.rows - 1) / self.rows

    def half_width(self, alpha: float, sides: int = 2) -> float:
        """Return how far the truth may be from the mean, at all looks together."""
        if not self.planned_variance:
            return math.inf
        return half_width(self.variance, tau_squared(self.planned_variance, alpha), alpha, sides)

    def verdict(
        self,
        limit: float,
        alpha: float,
        higher_is_better: bool,
        name: str = "",
        what: str = "mean",
        of: str = "row",
    ) -> Verdict:
        """Return what can be said by now.

        Args:
            limit: the highest mean that is allowed, or the lowest.
            alpha: this metric's part of the risk of a false rollback.
            higher_is_better: as rewards are; losses are not.
            name: of the metric, put before the sentence.
            what: the mean is called.
            of: what a row is.
        """
        label = f"{name}: " if name else ""
        if not self.planned_variance:
            why = f"too few {of}s yet to know how they vary"
            if self.looks and not self.within:
                why = f"all {of}s are the same, so it is not known how they vary"
            message = f"{label}{why}: {self.rows:,.0f} of the canary"
            return Verdict("Undecided", message, 0.0, None, limit)
        worse = limit - self.mean if higher_is_better else self.mean - limit
        found: Outcome = "Undecided"
        if worse - self.half_width(alpha, 1) > 0:
            found = "Failed"
        elif worse + self.half_width(SUCCESS, 1) < 0:
            found = "Successful"
        suspected = (
            found != "Successful" and worse - self.half_width(min(0.5, SUSPICION * alpha), 1) > 0
        )
        both = self.half_width(SUCCESS)
        says = {
            "Failed": f"the limit is broken ({1 - alpha:.1%} sure)",
            "Successful": f"the limit is kept ({1 - SUCCESS:.0%} sure)",
            "Undecided": f"more {of}s are needed",
        }[found]
        bound = "least" if higher_is_better else "most"
        message = (
            f"{label}{what} {self.mean:.4g} over {counted(self.rows, of)} of the canary, at "
            f"{bound} {limit:.4g} is asked for; the true one is "
            f"{self.mean - both:.4g} to {self.mean + both:.4g} (95% sure); {says}"
        )
        tau = tau_squared(self.planned_variance, alpha)
        p = chance_of(worse if found != "Successful" else -worse, self.variance, tau)
        return Verdict(
            found,
            message,
            self.rows,
            self.mean,
            limit,
            suspected,
            p=p,
            low=self.mean - both,
            high=self.mean + both,
        )

    def to_list(self) -> list[float]:
        """Return 8 numbers for JSON."""
        return as_list(astuple(self))

    @classmethod
    def from_list(cls, values: Sequence[float]) -> "OneMean":
        """Return what ``to_list`` wrote.

        Raises:
            ValueError: it is something else; begin anew.
        """
        return cls(*from_list(values, len(fields(cls))))
