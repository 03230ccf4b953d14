"""Slices of a window as far as pods told them: the same pods in each, so that they can be compared.

Pods that got other requests than the others would look like bursts in the slices that they lack.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from perennial_artifact.windows import Window
from perennial_statistics.drift import NEWEST_SLICES, SLICES

LEAST = 0.5
"""Of the slices that were asked for, so many are needed to tell bursts from chance."""


@dataclass(frozen=True)
class Sliced:
    """What some pods counted in some slices, all of those pods in each of these slices."""

    windows: tuple[list[Window], ...]
    """Of each slice, the oldest first."""
    newest: int
    """How many of them are in the newest quarter of the window."""

    @property
    def rows(self) -> int:
        """Rows in all of them together."""
        return sum(w.rows for windows in self.windows for w in windows)


def sliced(told: Sequence[Mapping[str, Window]], pods: Collection[str]) -> Sliced | None:
    """Return the pods and slices that have the most rows; None where too few slices were told.

    Pods that told more slices come first: with each that joins, the slices are left out that it
    lacks.

    Args:
        told: what each pod counted in each slice that was asked for, the oldest first.
        pods: those that told the whole window.
    """
    places = {pod: {n for n, of_slice in enumerate(told) if pod in of_slice} for pod in pods}
    ours: list[str] = []
    common, best = set(range(len(told))), None
    for pod in sorted(places, key=lambda pod: -len(places[pod])):
        ours, common = [*ours, pod], common & places[pod]
        if not common or len(common) < LEAST * len(told):
            break
        windows = tuple([told[n][p] for p in ours] for n in sorted(common))
        first_new = len(told) - len(told) * NEWEST_SLICES // SLICES
        found = Sliced(windows, sum(n >= first_new for n in common))
        if best is None or found.rows > best.rows:
            best = found
    return best
