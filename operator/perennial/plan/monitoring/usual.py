"""What is usual of features, as the status keeps it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from perennial.api.monitor import USUAL_KEPT, MonitorStatus, UsualScore
from perennial_statistics.drift import Span, Usual
from perennial_statistics.usual_drift import DAY, UsualDrift


def usual(status: MonitorStatus, names: Sequence[str]) -> dict[tuple[str, Span], UsualDrift]:
    """Return what is usual of features, as the statistics take it."""
    return {
        **_of(status.usual, "Window", names),
        **_of(status.usual_newest, "Newest", names),
    }


def today(status: MonitorStatus, now: datetime) -> MonitorStatus:
    """Return the status; what was seen until yesterday is usual by now."""
    reference, before = status.reference, status.usual_time
    assert reference is not None and reference.since is not None
    if before is None:
        return status.model_copy(update={"usual_time": now})
    days = days_between(reference.since, before, now)
    if days < 1:
        return status

    def older(recorded: Sequence[UsualScore]) -> list[UsualScore]:
        return [_record(u.feature, _drift(u).days_later(days)) for u in recorded]

    return status.model_copy(
        update={
            "usual": older(status.usual),
            "usual_newest": older(status.usual_newest),
            "usual_time": now,
        }
    )


def days_between(since: datetime, before: datetime, now: datetime) -> int:
    """Return how many days, counted from a moment on, have ended between two others."""
    ended, over = ((t - since).total_seconds() // DAY for t in (before, now))
    return int(over - ended)


def to_record(found: Usual, span: Span, minimum_effect: float) -> list[UsualScore]:
    """Return what is usual as the status keeps it: of features where it raises what drift needs.

    Of more than it holds, those with the highest scores.
    """
    of_span = {name: u for (name, s), u in found.items() if s == span}
    matters = {name: u for name, u in of_span.items() if u.raises(minimum_effect)}
    highest = sorted(matters, key=lambda name: -_highest(matters[name]))
    return [_record(name, matters[name]) for name in sorted(highest[:USUAL_KEPT])]


def _of(
    recorded: Sequence[UsualScore], span: Span, names: Sequence[str]
) -> Mapping[tuple[str, Span], UsualDrift]:
    found = {(u.feature, span): _drift(u) for u in recorded}
    if len(recorded) < USUAL_KEPT:
        return found
    # Those that found no place were lower than each of these.
    lowest = min(found.values(), key=_highest)
    return {(name, span): lowest for name in names} | found


def _highest(u: UsualDrift) -> float:
    return max(u.usual, u.recent, u.peak)


def _drift(u: UsualScore) -> UsualDrift:
    return UsualDrift(u.usual, u.recent or 0.0, u.peak or 0.0)


def _record(feature: str, u: UsualDrift) -> UsualScore:
    return UsualScore(feature=feature, usual=u.usual, recent=u.recent or None, peak=u.peak or None)
