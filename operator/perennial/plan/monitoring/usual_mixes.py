"""What is usual of callers and of errors: counts by the hour of the day and by that of the week."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from perennial.api.monitor import DAY_HOURS, NAMES_KEPT, WEEK_HOURS, MixStatus
from perennial_artifact.usage import Slice, Usage, total

HOUR = 3_600
HALF_LIFE = 7 * 24 * HOUR
MONDAY = 3 * DAY_HOURS
"""On a Thursday 1970 began."""
FRESH_HOURS = 26
"""So many hours wait until no window has them any more: it would be compared with itself."""
LONGEST = 8 * WEEK_HOURS
"""After so many hours without a look nothing is left of a week to speak of."""
PARTS = 24
"""Into so many parts a window is divided, whichever slices its pods told."""
LEAST = 0.005
"""Of fewer requests nothing is known any more."""
TENTH = 0.1
"""The smallest count that is kept of an hour of the week: rounded, its half would be as much."""
MOST = 1e14
"""Requests of one hour that are kept."""
OTHERS = "others"
NOBODY = "nobody named"
ANSWERED = "answered"

Counts = Mapping[str, float]
"""Requests by name; ``OTHERS`` are those of all that are not named."""
Read = Callable[[Slice], Counts]


def callers(told: Slice) -> Counts:
    """Return requests by caller."""
    found = Counter({OTHERS: told.others})
    for caller in told.callers:  # one of them may call itself as those are that name nobody
        found[caller.name or NOBODY] += caller.requests
    return found


def errors(told: Slice) -> Counts:
    """Return requests by what came of them: answered, or the cause that they were not."""
    found = Counter({ANSWERED: told.answered})
    for refusal in told.refusals:
        found[refusal.cause] += refusal.requests
    return found


def worst_inputs(usage: Usage) -> dict[str, str]:
    """Return for each cause the input that most refusals are about, as a part of a sentence."""
    _, refused, _, _ = total(usage.slices)
    found: dict[str, str] = {}
    for (cause, name), _ in refused.most_common():
        if name and cause not in found:
            found[cause] = f", mostly {name}"
    return found


@dataclass(frozen=True)
class Window:
    """What came in ``[start, end)``, in seconds since 1970."""

    start: int
    end: int
    slices: tuple[tuple[int, Counts], ...]
    """Parts of it that had a request, each with its start."""

    @property
    def total(self) -> Counts:
        """All of it."""
        return _added([counts for _, counts in self.slices])

    @property
    def parts(self) -> list[Counts]:
        """It in equal parts of time, the oldest first."""
        width = (self.end - self.start) / PARTS
        found: dict[int, list[Counts]] = {}
        for moment, counts in self.slices:
            part = min(PARTS - 1, max(0, int((moment - self.start) / width)))
            found.setdefault(part, []).append(counts)
        return [_added(found.get(part, ())) for part in range(PARTS)]


def window(start: int, end: int, usage: Usage, read: Read) -> Window:
    """Return what came in ``[start, end)``, as one reads it."""
    return Window(start, end, tuple((s.start, read(s)) for s in usage.slices))


def usual(known: MixStatus, start: int, end: int, fewest: float) -> dict[str, float]:
    """Return how many requests of each name are usual at the hours of ``[start, end)``.

    Those hours of the day are weighed by how long the window was in them; where fewer than so many
    requests were seen then, all hours are.
    """
    found = _weighed(_hours(known), _stays(start, end, of_day))
    if sum(found.values()) < fewest:
        found = _added(_hours(known))
    return found


def usual_of_week(known: MixStatus, start: int, end: int, fewest: float) -> dict[str, float] | None:
    """Return the same of the hours of the week, None where fewer than so many came then."""
    found = _weighed(_week(known), _stays(start, end, of_week))
    return found if sum(found.values()) >= fewest else None


def learned(known: MixStatus, seen: Window, now: datetime, unusual: bool = False) -> MixStatus:
    """Return what is usual after what came since the last time; a week halves what was before.

    Args:
        known: what was usual until then.
        seen: what came.
        now: the time.
        unusual: whether that is changed, or was when it was last known. Then the hours of the day
            neither learn it nor fade; those of the week do, which tell of it six days later.
    """
    until = int(known.learned_until.timestamp()) if known.learned_until is not None else seen.start
    until = min(until, seen.end)  # our clock may have been set back
    faded = 1.0 if unusual else 0.5 ** ((seen.end - until) / HALF_LIFE)
    hours = [{name: faded * n for name, n in hour.items()} for hour in _hours(known)]
    fresh = _fresh(known, seen)
    for moment, counts in seen.slices:
        if moment < until:
            continue
        fresh[moment // HOUR] = _added([fresh.get(moment // HOUR, {}), counts])
        if not unusual:
            hours[of_day(moment)] = _added([hours[of_day(moment)], counts])
    week = _week(known)
    newest = (seen.end - 1) // HOUR
    for hour in range(max(min(fresh), newest - LONGEST), newest - FRESH_HOURS + 1):
        slot = of_week(hour * HOUR)
        halved = {name: n / 2 for name, n in week[slot].items() if n > TENTH}
        week[slot] = _added([halved, fresh.pop(hour, {})])
    waiting = [
        fresh.get(h, {}) for h in range(max(min(fresh), newest - FRESH_HOURS + 1), newest + 1)
    ]
    names = _largest([*hours, *week, *waiting])
    told = {
        "names": names,
        "hours": [_rounded(n) for hour in hours for n in _in_order(hour, names)],
        "week": [_written(hour, names) for hour in week],
        "fresh": [_written(hour, names) for hour in waiting],
        "learned_until": datetime.fromtimestamp(seen.end, UTC),
        "since": known.since or now,
    }
    return known.model_copy(update=told)


def forgotten(known: MixStatus, key: str) -> MixStatus:
    """Return a mix of which nothing is known any more."""
    return MixStatus(kind=known.kind, name=known.name, key=key)


def of_day(moment: int) -> int:
    """Return the hour of the day, of seconds since 1970."""
    return moment // HOUR % DAY_HOURS


def of_week(moment: int) -> int:
    """Return the hour of the week, from Monday 00:00 on."""
    return (moment // HOUR + MONDAY) % WEEK_HOURS


def _stays(start: int, end: int, hour: Callable[[int], int]) -> dict[int, float]:
    """Return how long a time is in each hour, as parts of the longest."""
    width = max(1, (end - start) // (4 * PARTS))
    stays = Counter(map(hour, range(start, end, width)))
    most = max(stays.values())
    return {slot: stay / most for slot, stay in stays.items()}


def _weighed(hours: Sequence[Counts], weights: Mapping[int, float]) -> dict[str, float]:
    return _added(
        [{name: weight * n for name, n in hours[h].items()} for h, weight in weights.items()]
    )


def _hours(known: MixStatus) -> list[dict[str, float]]:
    """Return what was learned of each hour of the day."""
    names = [*known.names, OTHERS]
    rows = [known.hours[h * len(names) : (h + 1) * len(names)] for h in range(DAY_HOURS)]
    return [dict(zip(names, row, strict=False)) for row in rows]


def _week(known: MixStatus) -> list[dict[str, float]]:
    """Return what was learned of each hour of the week."""
    rows = [*known.week, *[""] * (WEEK_HOURS - len(known.week))]
    return [_read(known, row) for row in rows]


def _fresh(known: MixStatus, seen: Window) -> dict[int, dict[str, float]]:
    """Return what waits to be learned of hours, since 1970, and that of the newest in any case."""
    newest = (seen.end - 1) // HOUR
    found: dict[int, dict[str, float]] = {newest: {}}
    if known.learned_until is not None:
        last = (int(known.learned_until.timestamp()) - 1) // HOUR
        first = last - len(known.fresh) + 1
        found |= {first + n: _read(known, row) for n, row in enumerate(known.fresh)}
    return {hour: counts for hour, counts in found.items() if hour <= newest}


def _read(known: MixStatus, row: str) -> dict[str, float]:
    return dict(zip([*known.names, OTHERS], map(_number, row.split()), strict=False))


def _number(text: str) -> float:
    """Return a count; 0 for what is none, as what somebody wrote into a status."""
    try:
        found = float(text)
    except ValueError:
        return 0.0
    return found if 0 <= found <= MOST else 0.0


def _written(counts: Counts, names: Sequence[str]) -> str:
    """Return counts as a status keeps those of an hour of the week."""
    if not counts:
        return ""
    told = [f"{min(n, MOST):.1f}".removesuffix(".0") for n in _in_order(counts, names)]
    return " ".join(told) if any(n != "0" for n in told) else ""


def _largest(hours: Sequence[Counts]) -> list[str]:
    total = _added(hours)
    named = sorted((name for name in total if name != OTHERS), key=lambda n: (-total[n], n))
    return [name for name in named[:NAMES_KEPT] if total[name] > 0]


def _in_order(hour: Counts, names: Sequence[str]) -> list[float]:
    kept = set(names)
    return [
        *(hour.get(name, 0.0) for name in names),
        sum(n for name, n in hour.items() if name not in kept),
    ]


def _added(several: Sequence[Counts]) -> dict[str, float]:
    found: dict[str, float] = {}
    for counts in several:
        for name, n in counts.items():
            found[name] = found.get(name, 0.0) + n
    return found


def _rounded(n: float) -> float:
    """Return a count that fading can still make smaller: by parts of 100,000 in a window."""
    return 0.0 if n < LEAST else float(f"{n:.7g}")
