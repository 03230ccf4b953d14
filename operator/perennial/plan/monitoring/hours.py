"""Requests by the hour, as they are added up look by look; what nobody counted is no zero."""

from collections.abc import Sequence
from datetime import UTC, datetime

from perennial.api.monitor import HOURS_KEPT, RESIDUALS_KEPT, BehaviourStatus
from perennial_statistics.seasonality import Band, residual, volume_band

HOUR, WEEK_HOURS, WEEKS = 3_600, 7 * 24, 4
WHOLE = 0.95
"""The share of an hour that must have been counted, so that it can be told."""
UNKNOWN = -1
DIGITS = 4


def added(
    known: BehaviourStatus, start: int, end: int, requests: int | None, spreads: float
) -> BehaviourStatus:
    """Return what is known with the requests in ``[start, end)``, which lies within one hour.

    Args:
        known: before it.
        start: seconds since 1970.
        end: seconds since 1970.
        requests: None where nobody knows them.
        spreads: how far from what is usual an hour must be to be unusual.
    """
    known = _until_hour(known, start // HOUR, spreads)
    told = {
        "counted_until": datetime.fromtimestamp(end, UTC),
        "current_requests": known.current_requests + (requests or 0),
        "current_seconds": known.current_seconds + (end - start if requests is not None else 0),
    }
    return _until_hour(known.model_copy(update=told), end // HOUR, spreads)


def _until_hour(known: BehaviourStatus, hour: int, spreads: float) -> BehaviourStatus:
    """Return what is known once the hours before this one are over."""
    if known.counted_until is None:
        return known
    present = _current(known)
    if hour - present > HOURS_KEPT:
        known, present = known.model_copy(update={"hours": [], "residuals": []}), hour - 1
    for ended in range(present, hour):
        known = _over(known, ended, spreads)
    return known


def _current(known: BehaviourStatus) -> int:
    """Return the hour that is being counted, in hours since 1970."""
    if known.last_hour is not None:
        return int(known.last_hour.timestamp()) // HOUR + 1
    assert known.counted_until is not None
    return (int(known.counted_until.timestamp()) - 1) // HOUR


def _over(known: BehaviourStatus, hour: int, spreads: float) -> BehaviourStatus:
    """Return what is known when an hour is over, and whether it was as usual."""
    counted = known.current_seconds >= WHOLE * HOUR
    requests = round(known.current_requests * HOUR / known.current_seconds) if counted else UNKNOWN
    same = _same_hour(known.hours)
    band = volume_band(same, known.residuals, spreads)
    residuals = list(known.residuals)
    if counted and band is not None:
        residuals = [*residuals, round(residual(requests, same), DIGITS)][-RESIDUALS_KEPT:]
    changes = {
        "current_requests": 0,
        "current_seconds": 0,
        "last_hour": datetime.fromtimestamp(hour * HOUR, UTC),
        "requests": requests if counted else None,
        "low": round(band.low, 1) if band is not None else None,
        "high": round(band.high, 1) if band is not None else None,
        "verdict": _verdict(requests, band) if counted else "Unknown",
        "hours": [*known.hours, requests][-HOURS_KEPT:],
        "residuals": residuals,
    }
    return known.model_copy(update=changes)


def _same_hour(hours: Sequence[int]) -> list[float]:
    """Return the requests at the next hour's time in the weeks before, where they were counted."""
    found = [hours[-WEEK_HOURS * n] for n in range(1, WEEKS + 1) if len(hours) >= WEEK_HOURS * n]
    return [float(n) for n in found if n != UNKNOWN]


def _verdict(requests: int, band: Band | None) -> str:
    if band is None:
        return "Unknown"
    return "Usual" if band.holds(requests) else "Unusual"
