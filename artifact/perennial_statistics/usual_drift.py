"""How far a feature is usually off: what comes and goes with the day stops alarming."""

from collections.abc import Sequence
from dataclasses import dataclass

from perennial_statistics.numbers import as_list, from_list, kept

DAY = 86_400.0
HALF_LIFE = 7 * DAY
NEED_AT_FIRST = 0.1
LARGEST_NEED = 0.25
MARGIN = 1.5
WINDOWS_AT_FIRST = 24


@dataclass(frozen=True)
class UsualDrift:
    """The largest score that a feature lately had while quiet, and the peak of its alarm.

    One number in a status, two while it alarms. Begin anew when the reference changes.
    """

    usual: float = 0.0
    peak: float = 0.0

    def to_list(self) -> list[float]:
        """Return one or two numbers for JSON."""
        return as_list((self.usual, self.peak) if self.peak else (self.usual,))

    @classmethod
    def from_list(cls, values: Sequence[float]) -> "UsualDrift":
        """Return what ``to_list`` wrote.

        Raises:
            ValueError: it is something else.
        """
        return cls(*from_list(values, 2 if len(values) == 2 else 1))

    def after(self, score: float, drifted: bool, window: float) -> "UsualDrift":
        """Return what is usual after one more window; call it once a window's length.

        While quiet it halves in a week, and never falls below the score. An alarm only raises its
        peak; once it has ended by itself, that peak is usual.

        Args:
            score: the window's excess.
            drifted: whether the feature alarms.
            window: the window's length in seconds.
        """
        if drifted:
            return UsualDrift(self.usual, kept(max(self.peak, score)))
        faded = self.usual * 0.5 ** (window / HALF_LIFE)
        return UsualDrift(kept(max(faded, self.peak, score)), 0.0)


def needed(usual: UsualDrift, minimum_effect: float, watched: float, window: float) -> float:
    """Return the score that drift needs.

    Args:
        usual: what the feature is usually off.
        minimum_effect: the smallest score that matters to anybody.
        watched: seconds since this reference is compared with.
        window: the window's length in seconds.
    """
    if watched < max(DAY, WINDOWS_AT_FIRST * window):
        return max(NEED_AT_FIRST, minimum_effect)
    return min(max(LARGEST_NEED, minimum_effect), max(minimum_effect, MARGIN * usual.usual))
