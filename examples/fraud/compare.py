"""The year without a cluster, seed by seed: four ways to keep a model, and what is asked of them.

``python -m fraud.compare --seeds 1 2 3`` plays the operator's own monitor over the year in which
fraud changes its ways, the one in which nothing changes, and the one in which only the customers
do. It ends with 1 where something that is asked of every seed is not so.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fraud.data import Shift, Year, payments
from fraud.measured import by_month
from fraud.monitored import by_perennial
from fraud.news import News
from fraud.picture import picture
from fraud.policies import by_calendar, live_rows, never, oracle, with_days
from fraud.table import comparison

FROZEN_BELOW, RETRAINED_ABOVE = 0.2, {9: 0.3, 10: 0.55, 11: 0.55}
"""Average precision: never retrained from month 8 on, and by the calendar in these."""
CALM_WITHIN = 0.03
"""How far apart the two may be while nothing changes."""
NO_HARM_WITHIN = 0.05
"""How far below the calendar's the monitored one may be in a month while customers change."""

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


def of_monitor(shift: Shift, ours: Months, others: Months, happened: Sequence[News]) -> list[str]:
    """Return what the monitor did that it was not to do, or did not that it was.

    Args:
        shift: what changes in the year.
        ours: average precision by month, by Perennial.
        others: of what is never retrained.
        happened: what the monitor found, and asked for.
    """
    alarms = [n for n in happened if n.kind == "alarm"]
    if shift == "none":
        return [f"day {n.day:.0f}: a needless {n.kind}: {n.text}" for n in happened]
    if shift == "fraud":
        found = [] if alarms else ["no alarm came"]
        found += [f"day {n.day:.0f}: inputs: {n.text}" for n in happened if n.kind == "drift"]
        lost = [m for m in (10, 11) if m in ours and ours[m] < 2 * others[m]]
        return found + [f"month {m}: {ours[m]:.2f} after all" for m in lost]
    worse = [m for m in ours if ours[m] < others[m] - NO_HARM_WITHIN]
    found = [] if any(n.kind == "drift" for n in happened) else ["nobody told of new customers"]
    return found + [f"month {m}: {ours[m]:.2f} is a harm, {others[m]:.2f} without" for m in worse]


def compared(year: Year, drawing: Path | None = None) -> list[str]:
    """Show the ways to keep a model in one year; return all that is not as it is to be."""
    rows = with_days(payments(year))
    live = live_rows(rows)
    ours, happened = by_perennial(rows)
    policies = [never(rows), by_calendar(rows), ours, oracle(rows)]
    print(f"\n## Seed {year.seed}, {len(live):,} payments; what changes: {year.shift}\n")
    print(comparison(live, policies), flush=True)
    for one in happened:
        print(f"  day {one.day:.0f}: {one.kind} {one.text}", flush=True)
    if drawing is not None:
        drawing.write_text(picture(live, policies, happened))
    frozen, calendar, ours_by_month = (
        {m.month: m.average_precision for m in by_month(live, p.scores)} for p in policies[:3]
    )
    return [
        *complaints(year.shift, frozen, calendar),
        *of_monitor(year.shift, ours_by_month, frozen, happened),
    ]


def main() -> int:
    """Compare, for each seed that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7])
    parser.add_argument("--picture", type=Path, help="an SVG of the last year that is shown")
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--shifts", nargs="+", default=["fraud", "none", "customers"])
    chosen = parser.parse_args()
    wrong = 0
    for seed in chosen.seeds:
        for shift in chosen.shifts:
            found = compared(Year(seed, chosen.customers, shift), chosen.picture)
            wrong += len(found)
            for line in found:
                print(f"  NOT AS ASKED: {line}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
