"""The year without a cluster, seed by seed: four ways to keep a model, and what is asked of them.

``python -m fraud.compare --seeds 1 2 3`` plays the operator's own monitor over the year in which
fraud changes its ways, the one in which nothing changes, and the one in which only the customers
do. It ends with 1 where something that is asked of every seed is not so.
"""

import argparse
import sys
from pathlib import Path

from fraud.asked import complaints, of_monitor
from fraud.data import Year, payments
from fraud.limits import shown
from fraud.measured import by_month
from fraud.monitored import by_perennial
from fraud.picture import picture
from fraud.policies import by_calendar, live_rows, never, oracle, with_days
from fraud.table import comparison

CUSTOMERS = 4000
"""Of half as many a first model has some 500 frauds to learn from, and is as good as luck is."""


def compared(year: Year, drawing: Path | None = None) -> list[str]:
    """Show the ways to keep a model in one year; return all that is not as it is to be."""
    rows = with_days(payments(year))
    live = live_rows(rows)
    ours, happened = by_perennial(rows)
    policies = [never(rows), by_calendar(rows), ours, oracle(rows)]
    print(f"\n## Seed {year.seed}, {len(live):,} payments; what changes: {year.shift}\n")
    print(comparison(live, policies), flush=True)
    print(f"\n  before, a model of months 0 to 2 on month 3: {shown(rows)}", flush=True)
    for one in happened:
        print(f"  day {one.day:.0f}: {one.kind} {one.text}", flush=True)
    if drawing is not None:
        drawing.write_text(picture(live, policies, happened))
    frozen, calendar, ours_by_month = (
        {m.month: m.average_precision for m in by_month(live, p.scores)} for p in policies[:3]
    )
    apart = max(abs(frozen[month] - calendar[month]) for month in frozen)
    if year.shift == "none":
        print(f"  never retrained and by the calendar are at most {apart:.3f} apart", flush=True)
    return [
        *complaints(year.shift, frozen, calendar),
        *of_monitor(year.shift, ours_by_month, frozen, happened),
    ]


def main() -> int:
    """Compare, for each seed that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7])
    parser.add_argument("--picture", type=Path, help="an SVG of the last year that is shown")
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
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
