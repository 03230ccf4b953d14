"""What is asked of a year, whatever its seed, and of the monitor that watches it."""

from collections.abc import Sequence

from fraud.data import Shift
from fraud.news import News

FROZEN_BELOW, RETRAINED_ABOVE = 0.2, {9: 0.3, 10: 0.55, 11: 0.55}
"""Average precision: never retrained from month 8 on, and by the calendar in these."""
CALM_WITHIN = 0.03
"""How far apart the two may be while nothing changes."""
NO_HARM_WITHIN = 0.05
"""How far below one that is never retrained it may be in a month while customers change."""
RECOVERED = 10
"""The month from which on one that is kept by a monitor is twice as good as one that is not."""

Months = dict[int, float]


def complaints(shift: Shift, frozen: Months, retrained: Months) -> list[str]:
    """Return what is not as the case has it, of the months that both have.

    Args:
        shift: what changes in the year.
        frozen: average precision by month of what is never retrained.
        retrained: of what is, by the calendar.
    """
    both = sorted(frozen.keys() & retrained.keys())
    if shift == "fraud":
        late = [m for m in sorted(frozen) if m >= 8 and frozen[m] >= FROZEN_BELOW]
        found = [f"month {m}: never retrained {frozen[m]:.2f} is no decay" for m in late]
        low = [m for m in both if retrained[m] <= RETRAINED_ABOVE.get(m, 0.0)]
        return found + [f"month {m}: retrained {retrained[m]:.2f} is too little" for m in low]
    if shift == "none":
        apart = [m for m in both if abs(frozen[m] - retrained[m]) >= CALM_WITHIN]
        return [f"month {m}: {frozen[m]:.2f} and {retrained[m]:.2f} differ" for m in apart]
    return []


def of_monitor(
    shift: Shift,
    ours: Months,
    others: Months,
    happened: Sequence[News],
    recovered: int = RECOVERED,
) -> list[str]:
    """Return what the monitor did that it was not to do, or did not that it was.

    Args:
        shift: what changes in the year.
        ours: average precision by month, by Perennial.
        others: of what is never retrained.
        happened: what the monitor found, and asked for.
        recovered: the month from which on frauds are found again.
    """
    alarms = [n for n in happened if n.kind == "alarm"]
    if shift == "none":
        return [f"day {n.day:.0f}: a needless {n.kind}: {n.text}" for n in happened]
    if shift == "fraud":
        found = [] if alarms else ["no alarm came"]
        found += [f"day {n.day:.0f}: inputs: {n.text}" for n in happened if n.kind == "drift"]
        lost = [m for m in ours if m >= recovered and ours[m] < 2 * others[m]]
        return found + [f"month {m}: {ours[m]:.2f} after all" for m in lost]
    worse = [m for m in ours if ours[m] < others[m] - NO_HARM_WITHIN]
    found = [] if any(n.kind == "drift" for n in happened) else ["nobody told of new customers"]
    return found + [f"month {m}: {ours[m]:.2f} is a harm, {others[m]:.2f} without" for m in worse]
