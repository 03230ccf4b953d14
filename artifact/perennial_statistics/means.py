"""The difference of two means at any time: rewards and losses."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from perennial_statistics.numbers import as_list, counted, from_list, kept
from perennial_statistics.verdict import SUCCESS, SUSPICION, Outcome, Verdict

BURN_IN = 100
BURN_IN_HEAVY = 500
"""Where single values may be huge, such as losses; cap them at stable's 99.9 % besides."""
KNOWN = 16.0
"""How surely the spread must be known: to within a quarter. Of rewards that are nearly always 0
the first hundred tell next to nothing of it: a third of healthy canaries failed by them."""

RARER = 10.0
"""Values of an arm that are all the same may be those of one that earns so many times as seldom as
the other, and as much more each time."""
ROUNDING = 1e-13
"""What is left of a sum of squares, as a part of it, where values that are the same are taken from
their mean."""


@dataclass(frozen=True)
class Moments:
    """Rows of an arm in one look, the sum of their values, and that of their squares."""

    rows: float
    total: float
    squares: float

    @property
    def within(self) -> float:
        """The sum of squares around the look's own mean; 0 where all values are the same."""
        if not self.rows:
            return 0.0
        # Products, since a power raises where a pod tells what no number can hold.
        found = self.squares - self.total * self.total / self.rows
        return found if found > ROUNDING * self.squares else 0.0

    @property
    def fourth(self) -> float:
        """The square of that over its degrees of freedom: how it varies tells how surely it is
        known."""
        return self.within * self.within / (self.rows - 1) if self.rows > 1 else 0.0


def tau_squared(planned_variance: float, alpha: float) -> float:
    """Return the mixture's variance that makes the interval narrowest at a planned variance.

    Waudby-Smith et al., Ann. Stat. 2024 (arXiv 2103.06476), appendix on choosing rho.
    """
    log = -2 * math.log(alpha)
    return planned_variance * (log + math.log1p(log))


def half_width(variance: float, tau: float, alpha: float, sides: int = 2) -> float:
    """Return half of the normal mixture's confidence sequence (Robbins 1970; Johari et al. 2022).

    Args:
        variance: of the estimate.
        tau: the mixture's variance, from ``tau_squared``.
        alpha: chance that the truth is ever outside; on one side with ``sides`` 1.
        sides: 1 or 2.
    """
    if variance <= 0:
        return 0.0
    root = math.sqrt(1 + tau / variance)
    log = math.log(root / alpha) if sides == 2 else math.log1p(root / (2 * alpha))
    return math.sqrt(variance * (1 + variance / tau) * 2 * log)


def freedom_needed(within: float, df: float, fourth: float, looks: float) -> float:
    """Return by how many degrees of freedom a variance is known to within a quarter.

    It is pooled over looks, whose sums of squares vary by (their degrees of freedom) x
    Var((x - mean)^2), whatever the values are. Infinite where they do not vary yet.

    Args:
        within: the sum over looks of the sums of squares around their means.
        df: the sum of their degrees of freedom.
        fourth: the sum of ``Moments.fourth``.
        looks: how many looks there were.
    """
    if looks < 2 or df <= 0 or within <= 0:
        return math.inf
    spread = max(0.0, fourth - within**2 / df) / (looks - 1)
    return KNOWN * spread / (within / df) ** 2


def chance_of(worse: float, variance: float, tau: float) -> float:
    """Return the chance that a mean that is no worse ever seems so much worse, of one side.

    The smallest alpha whose one-sided ``half_width`` is below it, at most 1.

    Args:
        worse: by how much it seems worse.
        variance: of the estimate.
        tau: the mixture's variance.
    """
    if worse <= 0:
        return 1.0
    if variance <= 0:
        return 0.0
    exponent = worse**2 / (2 * variance * (1 + variance / tau))
    return min(1.0, math.sqrt(1 + tau / variance) / (2 * math.expm1(min(exponent, 500.0))))


@dataclass(frozen=True)
class MeanDifference:
    """Canary less stable, each look compared within itself: 16 numbers.

    Weights of looks are n_c n_s / (n_c + n_s), as Mantel and Haenszel's; so a common level that
    moves while the traffic's weight moves makes no difference.
    """

    looks: float = 0.0
    canary_rows: float = 0.0
    canary_total: float = 0.0
    canary_within: float = 0.0
    canary_df: float = 0.0
    stable_rows: float = 0.0
    stable_total: float = 0.0
    stable_within: float = 0.0
    stable_df: float = 0.0
    weight: float = 0.0
    weighted: float = 0.0
    canary_weight: float = 0.0
    """Sum of w^2 / n_c."""
    stable_weight: float = 0.0
    """Sum of w^2 / n_s."""
    canary_fourth: float = 0.0
    """Sum of the squares of the sums of squares around looks' means, over degrees of freedom."""
    stable_fourth: float = 0.0
    planned_variance: float = 0.0
    """Fixed once the burn-in is over; 0 before."""

    def after(
        self, canary: Moments, stable: Moments, planned: float, burn_in: float = BURN_IN
    ) -> "MeanDifference":
        """Return the record after one more look; it counts where both arms had rows.

        Args:
            canary: the canary's rows since the last look.
            stable: those of stable in the same time.
            planned: rows of the canary that the interval is to be narrowest at.
            burn_in: rows of each arm before anything is said.
        """
        if not canary.rows or not stable.rows:
            return self
        w = canary.rows * stable.rows / (canary.rows + stable.rows)
        difference = canary.total / canary.rows - stable.total / stable.rows
        grown = MeanDifference(
            self.looks + 1,
            self.canary_rows + canary.rows,
            kept(self.canary_total + canary.total),
            kept(self.canary_within + canary.within),
            self.canary_df + canary.rows - 1,
            self.stable_rows + stable.rows,
            kept(self.stable_total + stable.total),
            kept(self.stable_within + stable.within),
            self.stable_df + stable.rows - 1,
            kept(self.weight + w),
            kept(self.weighted + w * difference),
            kept(self.canary_weight + w * w / canary.rows),
            kept(self.stable_weight + w * w / stable.rows),
            kept(self.canary_fourth + canary.fourth),
            kept(self.stable_fourth + stable.fourth),
            self.planned_variance,
        )
        if self.planned_variance or min(grown.canary_rows, grown.stable_rows) < burn_in:
            return grown
        if not grown.is_spread_known:
            return grown
        # Fixed at the end of the burn-in: one that followed the data would void the guarantee.
        expected = grown.variance * grown.canary_rows / max(planned, grown.canary_rows)
        values = {f.name: getattr(grown, f.name) for f in fields(grown)}
        return MeanDifference(**{**values, "planned_variance": kept(expected)})

    @property
    def is_spread_known(self) -> bool:
        """Tell whether the variances of both arms are known well enough.

        An arm whose values are all the same is taken to vary as the other one, once it has so many
        that it is not just earning more seldom: else a canary that never earns would never fail.
        """
        canary = freedom_needed(self.canary_within, self.canary_df, self.canary_fourth, self.looks)
        stable = freedom_needed(self.stable_within, self.stable_df, self.stable_fourth, self.looks)
        canary_needs = canary if self.canary_within else RARER * max(BURN_IN, stable)
        stable_needs = stable if self.stable_within else RARER * max(BURN_IN, canary)
        return self.canary_df >= canary_needs and self.stable_df >= stable_needs

    @property
    def difference(self) -> float:
        """Canary less stable."""
        return self.weighted / self.weight if self.weight else 0.0

    @property
    def variance(self) -> float:
        """The variance of the difference; those of the arms are pooled within looks."""
        if not self.weight or not self.canary_df or not self.stable_df:
            return 0.0
        canary = self.canary_within / self.canary_df
        stable = self.stable_within / self.stable_df
        canary, stable = canary or stable, stable or canary  # see is_spread_known
        total = canary * self.canary_weight + stable * self.stable_weight
        return total / self.weight**2

    def half_width(self, alpha: float, sides: int = 2) -> float:
        """Return how far the truth may be from the difference, at all looks together.

        Infinite before the burn-in is over. The guarantee is asymptotic (Waudby-Smith et al. 2024;
        Bibaut, Kallus & Lindon 2022), hence the burn-in.
        """
        if not self.planned_variance:
            return math.inf
        return half_width(self.variance, tau_squared(self.planned_variance, alpha), alpha, sides)

    def verdict(
        self,
        margin: float,
        alpha: float,
        higher_is_better: bool,
        name: str = "",
        what: str = "mean",
        of: str = "row",
    ) -> Verdict:
        """Return what can be said by now.

        Args:
            margin: by how much the canary's mean may be worse than stable's.
            alpha: this metric's part of the risk of a false rollback.
            higher_is_better: as rewards are; losses are not.
            name: of the metric, put before the sentence.
            what: the mean is called.
            of: what a row is.
        """
        label = f"{name}: " if name else ""
        if not self.planned_variance:
            why = f"too few {of}s yet to know how they vary"
            if self.looks and not self.canary_within and not self.stable_within:
                why = f"all {of}s are the same, so it is not known how they vary"
            rows = f"{self.canary_rows:,.0f} of the canary, {self.stable_rows:,.0f} of stable"
            return Verdict("Undecided", f"{label}{why}: {rows}", 0.0)
        worse = -self.difference if higher_is_better else self.difference
        good = worse + self.half_width(SUCCESS, 1) < margin
        found: Outcome = "Undecided"
        if good:  # a difference that is certain but within the margin is allowed
            found = "Successful"
        elif worse - self.half_width(alpha, 1) > 0:
            found = "Failed"
        suspected = not good and worse - self.half_width(min(0.5, SUSPICION * alpha), 1) > 0
        both = self.half_width(SUCCESS)
        value = self.canary_total / self.canary_rows
        reference = self.stable_total / self.stable_rows
        says = {
            "Failed": f"the canary is worse ({1 - alpha:.1%} sure)",
            "Successful": f"it is not worse by more than {margin:.4g} ({1 - SUCCESS:.0%} sure)",
            "Undecided": f"that shows neither that it is worse nor that it is not worse by more "
            f"than {margin:.4g}: more {of}s are needed",
        }[found]
        message = (
            f"{label}{what} {value:.4g} over {counted(self.canary_rows, of)} of the canary, "
            f"{reference:.4g} over {counted(self.stable_rows, of)} of stable; at equal times "
            f"{self.difference - both:+.4g} to {self.difference + both:+.4g} (95% sure); {says}"
        )
        tau = tau_squared(self.planned_variance, alpha)
        seems = margin - worse if found == "Successful" else worse
        return Verdict(
            found,
            message,
            self.canary_rows,
            value,
            reference,
            suspected,
            p=chance_of(seems, self.variance, tau),
            low=self.difference - both,
            high=self.difference + both,
        )

    def to_list(self) -> list[float]:
        """Return 16 numbers for JSON."""
        return as_list([getattr(self, f.name) for f in fields(self)])

    @classmethod
    def from_list(cls, values: Sequence[float]) -> "MeanDifference":
        """Return what ``to_list`` wrote.

        Raises:
            ValueError: it is something else; begin anew.
        """
        return cls(*from_list(values, len(fields(cls))))
