"""Is the canary worse than stable is at the same time? For shares: errors, refusals, slow answers.

Looks are never pooled. Where the weight goes from 5 to 50 % while the common share of errors rises,
pooled counts find a difference in every healthy canary; a product over looks finds none.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from perennial_statistics.bursts import Bursts
from perennial_statistics.e_process import RESERVE, after, at_start, log_mean
from perennial_statistics.equal_times import OWN, AtEqualTimes
from perennial_statistics.numbers import (
    as_list,
    counted,
    from_list,
    in_percent,
    in_points,
    kept,
)
from perennial_statistics.proportions import (
    ODDS_RATIOS,
    Counted,
    look_log_e,
    times_odds,
)
from perennial_statistics.verdict import SUCCESS, Verdict, chance, outcome, p_value

PRIOR_EVENTS, PRIOR_REQUESTS = 0.5, 50.0
RATIOS = len(ODDS_RATIOS)
HIGHEST_FOR = math.log(1000)
"""Evidence for a canary is not saved up beyond this: one that breaks must lose it at once."""


@dataclass(frozen=True)
class StablePast:
    """All that stable counted before a look, for B questions: 4 + 5 B numbers.

    Begin it before the canary does, with what stable counted until then, look by look: twenty of
    them make its share and its bursts known from the canary's first request.
    """

    requests: float
    events: tuple[float, ...]
    bursts: Bursts

    @classmethod
    def none(cls, questions: int = 1) -> "StablePast":
        """Return the record before the first look."""
        return cls(0.0, (0.0,) * questions, Bursts.none(questions))

    def after(self, stable: Counted) -> "StablePast":
        """Return the record after one more look."""
        return StablePast(
            self.requests + stable.requests,
            tuple(x + y for x, y in zip(self.events, stable.events, strict=True)),
            self.bursts.after(stable.requests, stable.events),
        )

    def shares(self) -> tuple[float, ...]:
        """Return what is expected of stable in the next look, strictly between 0 and 1."""
        total = self.requests + PRIOR_REQUESTS
        return tuple((x + PRIOR_EVENTS) / total for x in self.events)

    def to_list(self) -> list[float]:
        """Return 4 + 5 B numbers for JSON."""
        return [*as_list((self.requests, *self.events)), *self.bursts.to_list()]

    @classmethod
    def from_list(cls, values: Sequence[float], questions: int = 1) -> "StablePast":
        """Return what ``to_list`` wrote.

        Raises:
            ValueError: it is something else.
        """
        bursts = Bursts.from_list(values[1 + questions :], questions)
        requests, *events = from_list(values[: 1 + questions], 1 + questions)
        return cls(requests, tuple(events), bursts)


@dataclass(frozen=True)
class AgainstStable:
    """The evidence on one canary for B questions: 7 + 10 B numbers, beside stable's own.

    Make it once for each pair of stable and canary, and carry it through the whole rollout.
    """

    past: StablePast
    looks: float
    canary_requests: float
    stable_requests: float
    """While the canary had requests too."""
    canary_events: tuple[float, ...]
    stable_events: tuple[float, ...]
    worse: tuple[float, ...]
    """Log stakes by question and odds ratio."""
    no_worse: tuple[float, ...]
    """Log e-values by question."""
    times: AtEqualTimes
    """How large the differences are, to be shown."""

    @classmethod
    def begin(cls, past: StablePast, reserve: float = RESERVE) -> "AgainstStable":
        """Return the record before the first look, with what stable counted until then."""
        zeros = (0.0,) * len(past.events)
        start = at_start(RATIOS * len(zeros), reserve)
        times = AtEqualTimes.none(len(zeros))
        return cls(past, 0.0, 0.0, 0.0, zeros, zeros, start, zeros, times)

    def after(
        self,
        canary: Counted,
        stable: Counted,
        margins: Sequence[float],
        reserve: float = RESERVE,
    ) -> "AgainstStable":
        """Return the record after one more look.

        Each look's e-value bets on odds ratios from 1.25 to 10 over stable's own past (Turner, Ly &
        Grünwald, JSPI 230, 2024), and for the canary on equality against a margin (Turner &
        Grünwald 2023, arXiv 2203.09785). Exact for any weight that depends on the past, and for a
        common share that moves. A look in which an arm had no request tells nothing of the canary.

        Args:
            canary: what the canary counted since the last look.
            stable: what stable counted in the same time.
            margins: for each question, by how much the canary's share may be above stable's.
            reserve: see ``e_process.after``.

        Raises:
            ValueError: the arms answer another number of questions.
        """
        past = self.past.after(stable)
        if not canary.requests or not stable.requests:
            return replace(self, past=past)
        gains, no_worse = [], []
        phis = self.past.bursts.phi()
        for i, (share, phi) in enumerate(zip(self.past.shares(), phis, strict=True)):
            counts = canary.events[i], canary.requests, stable.events[i], stable.requests
            gains += [look_log_e(*counts, times_odds(share, r), share) / phi for r in ODDS_RATIOS]
            gain = 0.0
            if 0 < margins[i] < 1:
                gain = look_log_e(*counts, share, share, margins[i]) / phi
            no_worse.append(kept(min(HIGHEST_FOR, self.no_worse[i] + gain)))
        looks = self.looks + 1
        requests = self.canary_requests + canary.requests
        others = self.stable_requests + stable.requests
        return AgainstStable(
            past,
            looks,
            requests,
            others,
            tuple(x + y for x, y in zip(self.canary_events, canary.events, strict=True)),
            tuple(x + y for x, y in zip(self.stable_events, stable.events, strict=True)),
            after(self.worse, gains, looks, reserve),
            tuple(no_worse),
            self.times.after(canary, stable, requests, others),
        )

    def log_worse(self) -> float:
        """Return the log e-value of the canary being worse in any of the questions: their mean."""
        return log_mean(self.worse)

    def log_no_worse(self) -> float:
        """Return the log e-value of its being worse in none by more than the margin."""
        return min(self.no_worse)

    def verdict(
        self,
        what: Sequence[str],
        margins: Sequence[float],
        alpha: float,
        name: str = "",
        of: str = "request",
        when: str = "at the same time",
    ) -> Verdict:
        """Return what can be said by now; with B questions, of the one that differs most.

        Args:
            what: for each question what happened to a request: ``failed``, ``took longer than 0.5
                s``.
            margins: by how much the canary's share may be above stable's.
            alpha: this metric's part of the risk of a false rollback.
            name: of the metric, put before the sentence.
            of: what is counted.
            when: the two arms' are compared.
        """
        prefix = f"{name}: " if name else ""
        if not self.canary_requests:
            other = "stable had none" if not self.past.requests else "there were none at one time"
            had = f"the canary had no {of} yet" if not self.looks else ""
            return Verdict("Undecided", prefix + (had or other), 0.0)
        against, in_favour = self.log_worse(), self.log_no_worse()
        found, suspected = outcome(against, in_favour, alpha, tolerated=True)
        i = self._most_telling(found)
        value = self.canary_events[i] / self.canary_requests
        reference = self.stable_events[i] / self.stable_requests
        message = (
            f"{prefix}{in_percent(value)} of the canary's "
            f"{counted(self.canary_requests, of)} {what[i]}, {in_percent(reference)} of "
            f"stable's {counted(self.stable_requests, of)} {when}; "
        )
        allowed = in_points(margins[i])
        if found == "Failed":
            message += f"the canary is worse ({chance(against)} to see this if it were not)"
        elif found == "Successful":
            message += (
                f"it is not worse by more than {allowed} "
                f"({chance(in_favour)} to see this if it were)"
            )
        elif suspected:
            message += (
                f"it looks worse, but that is not certain enough yet ({chance(against)} to see "
                f"this if it were not, at most 1 in {1 / alpha:,.0f} is needed)"
            )
        else:
            message += (
                "that shows neither that it is worse nor that it is within "
                f"{allowed} of stable: more {of}s are needed"
            )
        p = p_value(in_favour if found == "Successful" else against)
        low, high = self._interval(i) or (None, None)
        if low is not None and high is not None:
            message += (
                f"; at equal times the difference is {100 * low:+.2g} to {100 * high:+.2g} points "
                "(95% sure)"
            )
        return Verdict(
            found, message, self.canary_requests, value, reference, suspected, p, low, high
        )

    def _interval(self, i: int) -> tuple[float, float] | None:
        """Return where the difference of a share truly is; no share is known to be 0 or 1."""
        value = (self.canary_events[i] + 0.5) / (self.canary_requests + 1)
        reference = (self.stable_events[i] + 0.5) / (self.stable_requests + 1)
        phi = self.past.bursts.phi()[i]
        return self.times.interval(i, value, reference, phi, SUCCESS)

    def _most_telling(self, found: str) -> int:
        questions = range(len(self.no_worse))
        if found == "Successful":
            return min(questions, key=lambda i: self.no_worse[i])
        return max(questions, key=lambda i: log_mean(self.worse[i * RATIOS : (i + 1) * RATIOS]))

    def to_json(self) -> dict[str, list[float]]:
        """Return the numbers to carry on, by arm: at most 32 each for up to three questions."""
        own = (
            self.looks,
            self.canary_requests,
            self.stable_requests,
            *self.canary_events,
            *self.stable_events,
            *self.worse,
            *self.no_worse,
            *self.times.to_numbers(),
        )
        return {"stable": self.past.to_list(), "canary": as_list(own)}

    @classmethod
    def from_json(
        cls, values: Mapping[str, Sequence[float]], questions: int = 1
    ) -> "AgainstStable":
        """Return what ``to_json`` gave.

        Raises:
            ValueError: it is something else; begin anew.
        """
        if set(values) != {"stable", "canary"}:
            raise ValueError("what was carried on has not the numbers of stable and canary")
        past = StablePast.from_list(values["stable"], questions)
        carried = list(values["canary"])
        if len(carried) == 3 + 9 * questions:  # of an operator that showed no interval
            carried += AtEqualTimes.none(questions).to_numbers()
        count = 3 + OWN + 10 * questions
        looks, canary, stable, *rest = from_list(carried, count)
        ends = [questions, 2 * questions, (2 + RATIOS) * questions, (3 + RATIOS) * questions]
        return cls(
            past,
            looks,
            canary,
            stable,
            tuple(rest[: ends[0]]),
            tuple(rest[ends[0] : ends[1]]),
            tuple(rest[ends[1] : ends[2]]),
            tuple(rest[ends[2] : ends[3]]),
            AtEqualTimes.from_numbers(rest[ends[3] :]),
        )
