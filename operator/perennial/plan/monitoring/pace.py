"""How often an action is taken: one rule for all of them."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from perennial.plan.monitoring.recall import is_ahead

DAY = timedelta(hours=24)


def remembered(times: Iterable[datetime], now: datetime) -> list[datetime]:
    """Return the times of an action that count: those of 24 hours, and the newest of the past."""
    ordered = sorted(t for t in times if not is_ahead(t, now))
    return [t for t in ordered if now - t < DAY] or ordered[-1:]


def too_soon(
    what: str, times: Iterable[datetime], now: datetime, cooldown: float, daily_limit: int | None
) -> tuple[str, str] | None:
    """Return why an action is not to be taken yet, as a reason and a sentence.

    Args:
        what: the action as a noun, such as retraining.
        times: when it was taken.
        now: the present.
        cooldown: shortest time between two, in seconds.
        daily_limit: most in 24 hours, None for any number.
    """
    known = remembered(times, now)
    if known and (wait := cooldown - max(0.0, (now - known[-1]).total_seconds())) > 0:
        return "CoolingDown", f"the next {what} may be asked for in {wait:.0f} s"
    if daily_limit is not None and sum(now - t < DAY for t in known) >= daily_limit:
        return "DailyLimitReached", f"{daily_limit} {what}s in 24 hours"
    return None
