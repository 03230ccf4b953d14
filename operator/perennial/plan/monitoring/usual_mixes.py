"""What is usual of callers and of errors: counts by the hour of the day, of about the last week."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from perennial.api.monitor import DAY_HOURS, NAMES_KEPT, MixStatus
from perennial_artifact.usage import Slice, Usage, total

HOUR = 3_600
HALF_LIFE = 7 * 24 * HOUR
PARTS = 24
"""Into so many parts a window is divided, whichever slices its pods told."""
LEAST = 0.005
"""Of fewer requests nothing is known any more."""
OTHERS = "others"
NOBODY = "nobody named"
ANSWERED = "answered"

Counts = Mapping[str, float]
"""Requests by name; ``OTHERS`` are those of all that are not named."""
Read = Callable[[Slice], Counts]


def callers(told: Slice) -> Counts:
    """Return requests by caller."""
    named = {c.name or NOBODY: c.requests for c in told.callers}
    return {**named, OTHERS: named.get(OTHERS, 0) + told.others}


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
    width = max(1, (end - start) // (4 * PARTS))
    stays = Counter(moment // HOUR % DAY_HOURS for moment in range(start, end, width))
    most = max(stays.values())
    found = _weighed(known, {hour: stay / most for hour, stay in stays.items()})
    if sum(found.values()) < fewest:
        found = _weighed(known, dict.fromkeys(range(DAY_HOURS), 1.0))
    return found


def learned(known: MixStatus, seen: Window, now: datetime) -> MixStatus:
    """Return what is usual after what came since the last time; a week halves what was before."""
    until = int(known.learned_until.timestamp()) if known.learned_until is not None else seen.start
    until = min(until, seen.end)  # our clock may have been set back
    faded = 0.5 ** (max(0, seen.end - until) / HALF_LIFE)
    hours = [
        {name: faded * n for name, n in _hour(known, hour).items()} for hour in range(DAY_HOURS)
    ]
    for moment, counts in seen.slices:
        if moment >= until:
            slot = moment // HOUR % DAY_HOURS
            hours[slot] = _added([hours[slot], counts])
    names = _largest(hours)
    told = {
        "names": names,
        "hours": [_rounded(n) for hour in hours for n in _in_order(hour, names)],
        "learned_until": datetime.fromtimestamp(seen.end, UTC),
        "since": known.since or now,
    }
    return known.model_copy(update=told)


def forgotten(known: MixStatus, key: str) -> MixStatus:
    """Return a mix of which nothing is known any more."""
    return MixStatus(kind=known.kind, name=known.name, key=key)


def _weighed(known: MixStatus, weights: Mapping[int, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for hour, weight in weights.items():
        for name, n in _hour(known, hour).items():
            found[name] = found.get(name, 0.0) + weight * n
    return found


def _hour(known: MixStatus, hour: int) -> dict[str, float]:
    """Return what was learned of an hour of the day."""
    names = [*known.names, OTHERS]
    row = known.hours[hour * len(names) : (hour + 1) * len(names)]
    return dict(zip(names, row, strict=False))


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
