"""Of which hours of the day the rows are that live traffic is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from perennial.api.monitor import MonitorSpec
from perennial.api.training import ModelTraining
from perennial_artifact.profile import FEWEST_AT_HOURS, HOURS, FeatureProfile, Profile

QUARTER, HOUR = 900, 3_600
"""Seconds; clocks differ by quarters of an hour."""


@dataclass(frozen=True)
class Reference:
    """A profile to compare with, and which rows are counted in it."""

    profile: Profile
    message: str = ""
    """Nothing where all rows are, as nothing else was asked for."""
    any_hour: frozenset[str] = frozenset()
    """Columns of which rows of all hours are compared with, though the window has some alone."""


def reference(
    spec: MonitorSpec, profile: Profile, training: ModelTraining | None, start: int, end: int
) -> Reference:
    """Return what traffic in ``[start, end)``, in seconds since 1970, is compared with.

    Raises:
        ValueError: the time zone is none.
    """
    asked = spec.reference.same_hours if spec.reference is not None else None
    if asked is None:
        return Reference(profile)
    hours, zone = hours_of(start, end, zone_of(asked.time_zone)), asked.time_zone
    if len(hours) == HOURS:
        return Reference(profile, "compared with the rows of all hours, which the window has")
    columns = (*profile.features, *profile.predictions)
    if not any(p.hours for p in columns):
        message = f"compared with all rows, for {_why_none(training)}"
        return Reference(profile, message, frozenset(p.name for p in columns))
    features, few = _at(profile.features, hours)
    predictions, few_predicted = _at(profile.predictions, hours)
    times = f"{hours[0]}:00 to {(hours[-1] + 1) % HOURS}:00 {'UTC' if zone == 'Etc/UTC' else zone}"
    found = profile.replace(features=features, predictions=predictions)
    if few is not None:
        message = (
            f"compared with all rows, for {few} are from {times}, and {FEWEST_AT_HOURS} are needed"
        )
    else:
        rows = features[0].rows if features else profile.rows
        message = f"compared with {rows:,} rows from {times}"
    if few_predicted is not None and few is None:
        message += f"; predictions with all that were held out, as {few_predicted} are from then"
    of_all = [*(profile.features if few is not None else ()),
              *(profile.predictions if few_predicted is not None else ())]  # fmt: skip
    unknown = [p for p in (*features, *predictions) if not p.hours]
    return Reference(found, message, frozenset(p.name for p in (*of_all, *unknown)))


def hours_of(start: int, end: int, zone: tzinfo = UTC, around: int = HOUR) -> list[int]:
    """Return the hours of the day of ``[start, end)``, and one before and after, in their order.

    Args:
        start: in seconds since 1970.
        end: likewise.
        zone: whose clock the hours are by.
        around: how much before and after, in seconds.
    """
    moments = [*range(start - around, end + around - 1, QUARTER), end + around - 1]
    return list(dict.fromkeys(datetime.fromtimestamp(m, zone).hour for m in moments))


def _at(
    columns: Sequence[FeatureProfile], hours: Sequence[int]
) -> tuple[list[FeatureProfile], int | None]:
    """Return columns at some hours, or as they are where these have too few rows: then how few."""
    found = [p.at(hours) if p.hours else p for p in columns]
    fewest = min((p.rows for p in found if p.hours), default=FEWEST_AT_HOURS)
    return (list(columns), fewest) if fewest < FEWEST_AT_HOURS else (found, None)


def _why_none(training: ModelTraining | None) -> str:
    if training is not None and training.spec.dataset.time_column is None:
        name = training.metadata.name
        return (
            f"ModelTraining {name} does not say when a row happened: set its dataset.timeColumn, "
            "and train anew"
        )
    return (
        "the version's profile has no counts by hour: train anew, with a dataset.timeColumn that "
        "has times of day"
    )


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its name.

    Raises:
        ValueError: there is none of that name.
    """
    try:
        return UTC if name == "Etc/UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            f"reference.sameHours.timeZone {name!r} is no IANA time zone; write one such as "
            "Europe/Berlin"
        ) from error
