"""How far a feature is usually off: what comes and goes with the day stops alarming."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from perennial_statistics.numbers import as_list, from_list, kept

DAY = 86_400.0
HALF_LIFE_DAYS = 7.0
NEED_AT_FIRST, NEWEST_AT_FIRST = 0.1, 0.2
"""While nothing is usual yet; of the newest quarter, which is off by more, twice as much."""
BLIND_AT_FIRST = 2.5
"""So many times that, where all hours are compared with and the window has some: less may be what
the time of day brings, which nothing tells of yet."""
LARGEST_NEED = 0.5
MARGIN = 1.5
LARGEST_MARGIN = 2 * MARGIN
WINDOWS_AT_FIRST = 24


@dataclass(frozen=True)
class UsualDrift:
    """How far a feature was off lately while it was quiet, over one span of the window.

    One number in a status where nothing else is known, at most three. Begin anew when the reference
    changes.
    """

    usual: float = 0.0
    """The largest score of the days before; it halves in a week."""
    recent: float = 0.0
    """The largest score of today so far, at any look: it becomes usual when the day is over. What
    grew usual at once would follow each slow drift, look by look, and never let it alarm."""
    peak: float = 0.0
    """The largest score of the alarm that goes on."""

    def to_list(self) -> list[float]:
        """Return one to three numbers for JSON."""
        numbers = [self.usual, self.recent, self.peak]
        while len(numbers) > 1 and not numbers[-1]:
            numbers.pop()
        return as_list(numbers)

    @classmethod
    def from_list(cls, values: Sequence[float]) -> "UsualDrift":
        """Return what ``to_list`` wrote.

        Raises:
            ValueError: it is something else.
        """
        return cls(*from_list(values, min(3, max(1, len(values)))))

    def after(self, score: float, drifted: bool) -> "UsualDrift":
        """Return what is known after one more look.

        An alarm only raises its peak; once it has ended by itself, that peak is one of the day's
        scores.

        Args:
            score: the window's excess.
            drifted: whether the feature alarms.
        """
        if drifted:
            return replace(self, peak=kept(max(self.peak, score)))
        return replace(self, recent=kept(max(self.recent, self.peak, score)), peak=0.0)

    def raises(self, minimum_effect: float) -> bool:
        """Tell whether it makes drift need more than the smallest score that matters, or may."""
        return max(self.usual, self.recent, self.peak) * LARGEST_MARGIN > minimum_effect

    def days_later(self, days: int) -> "UsualDrift":
        """Return what is known once so many days are over, 1 or more."""
        faded = self.usual * 0.5 ** (days / HALF_LIFE_DAYS)
        return replace(self, usual=kept(max(faded, self.recent)), recent=0.0)


def needed(
    usual: UsualDrift,
    minimum_effect: float,
    watched: float,
    window: float,
    at_first: float = NEED_AT_FIRST,
) -> float:
    """Return the score that drift needs.

    Args:
        usual: what the feature is usually off.
        minimum_effect: the smallest score that matters to anybody.
        watched: seconds since this reference is compared with.
        window: the window's length in seconds.
        at_first: the score that is needed while nothing is usual yet.
    """
    if watched < max(DAY, WINDOWS_AT_FIRST * window):
        return max(at_first, minimum_effect)
    # The fewer days it has been watched, the less is known of the worst of them.
    margin = min(LARGEST_MARGIN, MARGIN * (1 + DAY / watched))
    return min(max(LARGEST_NEED, minimum_effect), max(minimum_effect, margin * usual.usual))
