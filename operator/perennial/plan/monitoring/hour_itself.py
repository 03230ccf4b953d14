"""Columns that are the hour itself, or nearly: rows of one hour are off beside those around it."""

from collections.abc import Sequence

from perennial.api.monitor import MonitorSpec
from perennial.plan.monitoring.same_hours import hours_of, zone_of
from perennial_artifact.profile import FeatureProfile
from perennial_statistics.drift import Counts, DriftReport, Feature, Settings, judge_drift
from perennial_statistics.usual_drift import MARGIN

ONCE = Settings(
    window=1.0,
    interval=1.0,
    watched=0.0,
    missing=None,
    out_of_range=None,
    unseen_category=None,
    constant=False,
)
"""One look at rows of which nothing is usual yet, and that are learned from as they are."""
NAMED = 3


def hour_itself(
    spec: MonitorSpec,
    columns: Sequence[FeatureProfile],
    report: DriftReport,
    start: int,
    end: int,
) -> list[str]:
    """Return the columns that alarm by no more than rows that were learned from would.

    Args:
        spec: of the monitor.
        columns: at the hours that are compared with, with their counts by the hour.
        report: on the window.
        start: of the window, in seconds since 1970.
        end: of the window.

    Raises:
        ValueError: the time zone is none.
    """
    asked = spec.reference.same_hours if spec.reference is not None else None
    alarming = frozenset(report.alarming)
    suspected = [c for c in columns if c.hours and c.name in alarming]
    if asked is None or not suspected:
        return []
    own = hours_of(start, end, zone_of(asked.time_zone), around=0)
    worst = {name: 0.0 for name in alarming}
    for found in report.features:
        if found.feature in alarming:
            worst[found.feature] = max(worst[found.feature], found.score)
    # A limit of quality may be broken where nothing is off.
    return [c.name for c in suspected if 0 < worst[c.name] <= MARGIN * _of_one_hour(c, own)]


def told(names: Sequence[str]) -> str:
    """Return a sentence on columns that are not looked at; empty where there is none."""
    if not names:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    named, is_or_are = ", ".join(names[:NAMED]), "is" if len(names) == 1 else "are"
    return f"{named}{more} {is_or_are} not looked at, since it goes with the hour itself"


def _of_one_hour(column: FeatureProfile, hours: Sequence[int]) -> float:
    """Return how far rows of one hour are off, 0 where by no more than chance or than matters."""
    reference = Counts(tuple(column.counts), column.other, column.missing)
    ordered, each = column.kind == "Numeric", list[Feature]()
    for hour in hours:
        *counts, other, missing = column.hours[hour]
        each.append(Feature(str(hour), ordered, reference, Counts(tuple(counts), other, missing)))
    scores = [f.score for f in judge_drift(each, ONCE, {}).features if f.drifted]
    return max(scores, default=0.0)
