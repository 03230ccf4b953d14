"""Is the canary worse than stable on what became known of predictions of the same age?

What is known early is not like what is known late: fraud is reported after weeks, a click within a
minute. So labels are compared within classes of age only, each look and class by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from perennial_statistics.against_stable import AgainstStable, StablePast
from perennial_statistics.bursts import Bursts
from perennial_statistics.numbers import as_list, from_list, kept
from perennial_statistics.proportions import Counted
from perennial_statistics.verdict import Verdict

NOTHING = Counted(0.0, (0.0,))
NONE_YET = (
    "nothing is known of the canary and of stable at the same age yet: what becomes known within a "
    "minute, 10 minutes, 1, 6 or 24 hours is compared once the canary has answered for so long"
)
WORTH = 1000.0
"""As many labels all that stable had before the first look is worth at most."""


@dataclass(frozen=True)
class AtEqualAge:
    """The evidence on one share of labels, and what stable's share is by class of age."""

    test: AgainstStable
    shares: tuple[Counted, ...]

    @classmethod
    def begin(cls, stable: Sequence[Counted]) -> "AtEqualAge":
        """Return the record before the first look, with stable's labels until then, by age."""
        total = sum(c.requests for c in stable)
        worth = min(1.0, WORTH / max(1.0, total))
        shares = [_scaled(c, worth) for c in stable]
        return cls(AgainstStable.begin(StablePast.none()), tuple(shares))

    def after(
        self, canary: Sequence[Counted], stable: Sequence[Counted], margin: float
    ) -> "AtEqualAge":
        """Return the record after one more look.

        Each class of age is a look of its own: likelihood ratios multiply. Whether errors come in
        bursts is seen in all classes together, since which of them a label falls into is chance.

        Args:
            canary: labels that became known since the last look, by age; none of an age that the
                canary is not old enough for.
            stable: the same of stable's.
            margin: by how much the canary's share may be above stable's.

        Raises:
            ValueError: there are other classes of age than before.
        """
        test, bursts, shares = self.test, self.test.past.bursts, []
        for ours, theirs, known in zip(canary, stable, self.shares, strict=True):
            if ours.requests and theirs.requests:
                past = StablePast(known.requests, known.events, bursts)
                test = replace(test, past=past).after(ours, theirs, [margin])
            shares.append(_sum(known, theirs))
        total = NOTHING
        for theirs in stable:
            total = _sum(total, theirs)
        bursts = bursts.after(total.requests, total.events)
        return AtEqualAge(replace(test, past=StablePast(0.0, (0.0,), bursts)), tuple(shares))

    def verdict(
        self, what: str, margin: float, alpha: float, name: str = "", of: str = "label"
    ) -> Verdict:
        """Return what can be said by now; see ``AgainstStable.verdict``."""
        if not self.test.canary_requests:
            prefix = f"{name}: " if name else ""
            return Verdict("Undecided", f"{prefix}{NONE_YET}", 0.0)
        return self.test.verdict([what], [margin], alpha, name, of, "of the same age")

    def to_json(self) -> dict[str, list[float]]:
        """Return the numbers to carry on, by arm."""
        flat = [x for c in self.shares for x in (c.requests, c.events[0])]
        own = self.test.to_json()["canary"]
        return {"stable": [*as_list(flat), *self.test.past.bursts.to_list()], "canary": own}

    @classmethod
    def from_json(cls, canary: Sequence[float], stable: Sequence[float], ages: int) -> "AtEqualAge":
        """Return what ``to_json`` gave.

        Raises:
            ValueError: it is something else; begin anew.
        """
        flat = from_list(stable[: 2 * ages], 2 * ages)
        bursts = Bursts.from_list(stable[2 * ages :], 1)
        shares = tuple(Counted(flat[i], (flat[i + 1],)) for i in range(0, 2 * ages, 2))
        past = StablePast(0.0, (0.0,), bursts).to_list()
        return cls(AgainstStable.from_json({"stable": past, "canary": canary}), shares)


def _sum(a: Counted, b: Counted) -> Counted:
    return Counted(a.requests + b.requests, (a.events[0] + b.events[0],))


def _scaled(c: Counted, worth: float) -> Counted:
    return Counted(kept(c.requests * worth), (kept(c.events[0] * worth),))
