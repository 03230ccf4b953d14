"""Requests by the hour, as they are added up look by look; what nobody counted is no zero."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from perennial.api.monitor import HOURS_KEPT, RESIDUALS_KEPT, BehaviourStatus
from perennial_statistics.seasonality import FEWEST_WEEKS, Band, residual, volume_band

HOUR, WEEK_HOURS, WEEKS = 3_600, 7 * 24, 4
WHOLE = 0.95
"""The share of an hour that must have been counted, so that it can be told."""
UNKNOWN = -1
DIGITS = 4


def added(
    known: BehaviourStatus,
    start: int,
    end: int,
    requests: int | None,
    spreads: float,
    zone: tzinfo = UTC,
) -> BehaviourStatus:
    """Return what is known with the requests in ``[start, end)``, which lies within one hour.

    Args:
        known: before it.
        start: seconds since 1970.
        end: seconds since 1970.
        requests: None where nobody knows them.
        spreads: how far from what is usual an hour must be to be unusual.
        zone: whose clock the callers live by: what is usual moves with its summer time.
    """
    known = _until_hour(_rewound(known, start // HOUR), start // HOUR, spreads, zone)
    told = {
        "counted_until": datetime.fromtimestamp(end, UTC),
        "current_requests": known.current_requests + (requests or 0),
        "current_seconds": known.current_seconds + (end - start if requests is not None else 0),
    }
    return _until_hour(known.model_copy(update=told), end // HOUR, spreads, zone)


def known_from(known: BehaviourStatus, zone: tzinfo = UTC) -> datetime | None:
    """Return from when on it can be known what is usual, at the soonest; None before an hour."""
    if known.last_hour is None:
        return None
    after = _current(known)
    lacking = {
        hour: max(0, FEWEST_WEEKS - len(_same_hour(known.hours, hour, zone, hour - after)))
        for hour in range(after, after + WEEK_HOURS)
    }
    return _moment(min(hour + WEEK_HOURS * weeks for hour, weeks in lacking.items()))


def _rewound(known: BehaviourStatus, hour: int) -> BehaviourStatus:
    """Return what was known before an hour, where a clock that was set back says that it is now."""
    if known.last_hour is None or hour >= (present := _current(known)):
        return known
    kept = max(0, len(known.hours) - (present - hour))
    changes = {
        "counted_until": _moment(hour),
        "last_hour": _moment(hour - 1),
        "current_requests": 0,
        "current_seconds": 0,
        "hours": known.hours[:kept],
        "requests": None,
        "verdict": "Unknown",
    }
    return known.model_copy(update=changes)


def _moment(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * HOUR, UTC)


def _until_hour(known: BehaviourStatus, hour: int, spreads: float, zone: tzinfo) -> BehaviourStatus:
    """Return what is known once the hours before this one are over."""
    if known.counted_until is None:
        return known
    present = _current(known)
    if hour - present > HOURS_KEPT:
        known, present = known.model_copy(update={"hours": [], "residuals": []}), hour - 1
    for ended in range(present, hour):
        known = _over(known, ended, spreads, zone)
    return known


def _current(known: BehaviourStatus) -> int:
    """Return the hour that is being counted, in hours since 1970."""
    if known.last_hour is not None:
        return int(known.last_hour.timestamp()) // HOUR + 1
    assert known.counted_until is not None
    return (int(known.counted_until.timestamp()) - 1) // HOUR


def _over(known: BehaviourStatus, hour: int, spreads: float, zone: tzinfo) -> BehaviourStatus:
    """Return what is known when an hour is over, and whether it was as usual."""
    counted = known.current_seconds >= WHOLE * HOUR
    requests = round(known.current_requests * HOUR / known.current_seconds) if counted else UNKNOWN
    same = _same_hour(known.hours, hour, zone)
    band = volume_band(same, known.residuals, spreads)
    residuals = list(known.residuals)
    if counted and band is not None:
        # No further than the band: else half a day without a request would make that usual.
        within = min(max(requests, band.low), band.high)
        residuals = [*residuals, round(residual(within, same), DIGITS)][-RESIDUALS_KEPT:]
    changes = {
        "current_requests": 0,
        "current_seconds": 0,
        "last_hour": _moment(hour),
        "requests": requests if counted else None,
        "low": round(band.low, 1) if band is not None else None,
        "high": round(band.high, 1) if band is not None else None,
        "verdict": _verdict(requests, band) if counted else "Unknown",
        "hours": [*known.hours, requests][-HOURS_KEPT:],
        "residuals": residuals,
    }
    return known.model_copy(update=changes)


def _same_hour(hours: Sequence[int], hour: int, zone: tzinfo, ahead: int = 0) -> list[float]:
    """Return the requests at an hour's time in the weeks before it, where they were counted.

    Args:
        hours: the newest is so many hours, and one, before the hour.
        hour: in hours since 1970.
        zone: by whose clock it is the same time.
        ahead: see above.
    """
    found = []
    for weeks in range(1, WEEKS + 1):
        back = WEEK_HOURS * weeks - _moved(hour, weeks, zone) - ahead
        if 0 < back <= len(hours):
            found.append(float(hours[-back]))
    return [n for n in found if n != UNKNOWN]


def _moved(hour: int, weeks: int, zone: tzinfo) -> int:
    """Return by how many hours the clock was moved forward in so many weeks."""
    moments = (_moment(hour), _moment(hour) - timedelta(weeks=weeks))
    now, then = (m.astimezone(zone).utcoffset() or timedelta() for m in moments)
    return math.floor((now - then) / timedelta(hours=1))


def _verdict(requests: int, band: Band | None) -> str:
    if band is None:
        return "Unknown"
    return "Usual" if band.holds(requests) else "Unusual"
