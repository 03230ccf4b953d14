"""Cron schedules."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from perennial.api.training import Schedule


class ScheduleInvalid(ValueError):
    """The schedule cannot be read; the text says what to write."""


def _moments(schedule: Schedule, start: datetime) -> CronSim:
    try:
        zone = ZoneInfo(schedule.time_zone)
    except (KeyError, ValueError, OSError) as error:
        raise ScheduleInvalid(
            f"spec.schedule.timeZone {schedule.time_zone!r} is no IANA time zone; "
            "write one such as Europe/Berlin"
        ) from error
    try:
        return CronSim(schedule.cron, start.astimezone(zone))
    except CronSimError as error:
        raise ScheduleInvalid(
            f'spec.schedule.cron {schedule.cron!r} is not five cron fields such as "0 3 * * *"'
        ) from error


def next_after(schedule: Schedule, moment: datetime) -> datetime:
    """Return the first moment of the schedule after ``moment``, in UTC.

    Raises:
        ScheduleInvalid: cron or time zone cannot be read, or there is no such moment.
    """
    try:
        return next(_moments(schedule, moment)).astimezone(UTC)
    except StopIteration as error:
        raise ScheduleInvalid(f"spec.schedule.cron {schedule.cron!r} never comes") from error
