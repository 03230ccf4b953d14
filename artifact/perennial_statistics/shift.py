"""How far are two distributions apart, at any time? By shares: above a bound, or of a class.

It is no distance of all that could be told apart, but of a few shares that were chosen before: the
largest difference of any. So it is said in points, and both directions can be proven.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from perennial_statistics.bursts import Bursts
from perennial_statistics.means import BURN_IN, chance_of, half_width, tau_squared
from perennial_statistics.numbers import (
    as_list,
    counted,
    from_list,
    in_percent,
    in_points,
    kept,
)
from perennial_statistics.proportions import Counted
from perennial_statistics.verdict import SUCCESS, SUSPICION, Outcome, Verdict

OWN = 7
"""Numbers beside those of each share."""


@dataclass(frozen=True)
class Shift:
    """Canary less stable for B shares, each look compared within itself: 7 + 3 B numbers.

    Weights of looks are n_c n_s / (n_c + n_s), as of means. Rows that come in batches say less, as
    stable's shares tell that vary more from look to look than those of independent rows.
    """

    looks: float
    canary_rows: float
    stable_rows: float
    weight: float
    canary_weight: float
    """Sum of w^2 / n_c."""
    stable_weight: float
    """Sum of w^2 / n_s."""
    planned: float
    """Variance of a share of one half at the planned size; fixed once the burn-in is over."""
    weighted: tuple[float, ...]
    canary_events: tuple[float, ...]
    stable_events: tuple[float, ...]
    bursts: Bursts

    @classmethod
    def begin(cls, shares: int) -> "Shift":
        """Return the record before the first look."""
        zeros = (0.0,) * shares
        return cls(0, 0, 0, 0, 0, 0, 0, zeros, zeros, zeros, Bursts.none(shares))

    def after(self, canary: Counted, stable: Counted, planned: float) -> "Shift":
        """Return the record after one more look.

        Args:
            canary: its rows, and for each share how many of them are of it.
            stable: the same of stable's.
            planned: rows of the canary that the interval is to be narrowest at.
        """
        bursts = self.bursts.after(stable.requests, stable.events)
        n, m = canary.requests, stable.requests
        if not n or not m:
            return replace(self, bursts=bursts)
        w = n * m / (n + m)
        rows, others = self.canary_rows + n, self.stable_rows + m
        weight = kept(self.weight + w)
        of_canary = kept(self.canary_weight + w * w / n)
        of_stable = kept(self.stable_weight + w * w / m)
        fixed = self.planned
        if not fixed and _worth(rows, others, bursts) >= BURN_IN:
            variance = (of_canary + of_stable) / weight**2 / 4
            fixed = kept(variance * rows / max(planned, rows))
        pairs = list(zip(canary.events, stable.events, strict=True))
        weighted = [
            kept(d + w * (x / n - y / m)) for d, (x, y) in zip(self.weighted, pairs, strict=True)
        ]
        ours = [a + x for a, x in zip(self.canary_events, canary.events, strict=True)]
        theirs = [a + y for a, y in zip(self.stable_events, stable.events, strict=True)]
        return Shift(
            self.looks + 1,
            rows,
            others,
            weight,
            of_canary,
            of_stable,
            fixed,
            tuple(weighted),
            tuple(ours),
            tuple(theirs),
            bursts,
        )

    def verdict(self, what: Sequence[str], maximum: float, alpha: float, name: str = "") -> Verdict:
        """Return what can be said by now, of the share that differs most.

        Args:
            what: for each share, what it is of: ``are above 0.62``.
            maximum: by how much a share may differ.
            alpha: this metric's part of the risk of a false rollback.
            name: of the metric, put before the sentence.
        """
        prefix = f"{name}: " if name else ""
        if not self.planned or self._worth() < BURN_IN:
            few = (
                f"{prefix}too few predictions of one arm yet: {self.canary_rows:,.0f} of the "
                f"canary, {self.stable_rows:,.0f} of stable, worth {self._worth():,.0f} that are "
                f"not alike; {BURN_IN} are needed"
            )
            return Verdict("Undecided", few, 0.0, None, maximum)
        shares = range(len(self.weighted))
        differences = [abs(d) / self.weight for d in self.weighted]
        variances = [self._variance(i, phi) for i, phi in enumerate(self.bursts.phi())]

        def width(i: int, chance: float) -> float:
            each = chance / len(self.weighted)
            return half_width(variances[i], tau_squared(self.planned, each), each)

        beyond = [i for i in shares if differences[i] - width(i, alpha) > maximum]
        within = all(differences[i] + width(i, SUCCESS) < maximum for i in shares)
        found: Outcome = "Failed" if beyond else "Successful" if within else "Undecided"
        suspected = not within and any(
            differences[i] - width(i, min(0.5, SUSPICION * alpha)) > maximum for i in shares
        )
        i = max(beyond or shares, key=lambda i: differences[i])
        low, high = (max(0.0, differences[i] + side * width(i, SUCCESS)) for side in (-1, 1))
        says = {
            "Failed": "they are further apart than that",
            "Successful": "none is further apart than that",
            "Undecided": "more predictions are needed to tell whether any is further apart",
        }[found]
        message = (
            f"{prefix}{in_percent(self.canary_events[i] / self.canary_rows)} of the canary's "
            f"{counted(self.canary_rows, 'prediction')} {what[i]}, "
            f"{in_percent(self.stable_events[i] / self.stable_rows)} of stable's "
            f"{counted(self.stable_rows, 'prediction')} at the same time; at equal times these are "
            f"{in_points(low)} to {in_points(high)} apart (95% sure), {in_points(maximum)} may be; "
            f"{says}"
        )
        seems = maximum - differences[i] if found == "Successful" else differences[i] - maximum
        tau = tau_squared(self.planned, alpha / len(self.weighted))
        p = min(1.0, len(self.weighted) * chance_of(seems, variances[i], tau))
        return Verdict(
            found, message, self.canary_rows, differences[i], maximum, suspected, p, low, high
        )

    def _worth(self) -> float:
        return _worth(self.canary_rows, self.stable_rows, self.bursts)

    def _variance(self, i: int, phi: float) -> float:
        """Return the variance of a difference; no share is known to be 0 or 1."""
        p = (self.canary_events[i] + 0.5) / (self.canary_rows + 1)
        q = (self.stable_events[i] + 0.5) / (self.stable_rows + 1)
        total = p * (1 - p) * self.canary_weight + q * (1 - q) * self.stable_weight
        return phi * total / self.weight**2

    def to_json(self) -> dict[str, list[float]]:
        """Return the numbers to carry on, by arm."""
        own = (
            self.looks,
            self.canary_rows,
            self.stable_rows,
            self.weight,
            self.canary_weight,
            self.stable_weight,
            self.planned,
            *self.weighted,
            *self.canary_events,
            *self.stable_events,
        )
        return {"canary": as_list(own), "stable": self.bursts.to_list()}

    @classmethod
    def from_json(cls, canary: Sequence[float], stable: Sequence[float], shares: int) -> "Shift":
        """Return what ``to_json`` gave.

        Raises:
            ValueError: it is something else; begin anew.
        """
        numbers = from_list(canary, OWN + 3 * shares)
        looks, rows, others, weight, of_canary, of_stable, planned = numbers[:OWN]
        rest = numbers[OWN:]
        weighted, ours, theirs = (rest[i * shares : (i + 1) * shares] for i in range(3))
        return cls(
            looks,
            rows,
            others,
            weight,
            of_canary,
            of_stable,
            planned,
            weighted,
            ours,
            theirs,
            Bursts.from_list(stable, shares),
        )


def _worth(canary: float, stable: float, bursts: Bursts) -> float:
    """Return how many independent rows the smaller arm's say as much as."""
    return min(canary, stable) / max(bursts.phi(), default=1.0)
