"""Words and marks: ages, shares, sparklines. Colour only ever repeats what a word says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.text import Text

BARS = "▁▂▃▄▅▆▇█"
NONE = "–"


@dataclass(frozen=True)
class Mark:
    """How well something is: a sign, and a colour that adds nothing to it."""

    sign: str
    style: str

    def before(self, words: str) -> Text:
        """Return the sign and words after it."""
        return Text.assemble((self.sign, self.style), " ", (words, self.style))


GOOD = Mark("✔", "green")
BAD = Mark("✖", "red")
BUSY = Mark("◐", "cyan")
WAITS = Mark("‖", "yellow")
ODD = Mark("!", "yellow")
REST = Mark("·", "dim")


def age(moment: datetime | None, now: datetime) -> str:
    """Return how long ago something was, as kubectl tells it: 8s, 4m18s, 3h, 12d."""
    return NONE if moment is None else duration((now - moment).total_seconds())


def duration(seconds: float) -> str:
    """Return a length of time in at most two units: 8s, 4m18s, 36m, 3h10m, 2d, 400d."""
    whole = max(0, math.ceil(seconds) if seconds < 10 else round(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if whole < 60:
        return f"{whole}s"
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if hours < 1:
        return f"{minutes}m"
    if hours < 10:
        return _two(hours, "h", minutes % 60, "m")
    if days < 2:
        return f"{hours}h"
    return f"{days}d"


def _two(large: int, unit: str, small: int, smaller: str) -> str:
    return f"{large}{unit}{small}{smaller}" if small else f"{large}{unit}"


def share(value: float | None) -> str:
    """Return a share for people."""
    from perennial_statistics.numbers import in_percent

    return NONE if value is None else in_percent(value)


def measured(value: float | None) -> str:
    """Return a number for people, three digits of it."""
    return NONE if value is None else f"{value:.3g}"


def rows(count: int) -> str:
    """Return a number of things."""
    return f"{count:,}"


def sparkline(values: Sequence[float | None], longest: int = 20) -> str:
    """Return the course of the newest values, the lowest of them at the bottom, or 0 if positive.

    A value that is missing leaves a gap.
    """
    newest = list(values)[-longest:]
    known = [v for v in newest if v is not None and math.isfinite(v)]
    if not known:
        return ""
    low, high = min(0.0, *known), max(known)
    span = (high - low) or 1.0

    def bar(value: float | None) -> str:
        if value is None or not math.isfinite(value):
            return " "
        return BARS[min(len(BARS) - 1, int((value - low) / span * len(BARS)))]

    return "".join(bar(v) for v in newest)


def bar(percent: int, width: int = 10) -> str:
    """Return a share as a line, of which as much is heavy."""
    full = min(width, max(0, round(percent * width / 100)))
    if percent > 0:
        full = max(1, full)
    return "━" * full + "─" * (width - full)


def shortened(name: str, room: int) -> str:
    """Return a name that fits: its middle is left out, since its end tells it from others."""
    if len(name) <= room or room < 5:
        return name
    tail = (room - 1) * 2 // 3
    return f"{name[: room - 1 - tail]}…{name[-tail:]}"


def listed(names: Sequence[str], most: int = 5, conjunction: str = "and") -> str:
    """Return names as a sentence has them: a, b and c; beyond ``most``: a, b and 7 more."""
    kept = list(names)
    if len(kept) > most:
        kept = [*kept[: most - 1], f"{len(kept) - most + 1} more"]
        return f"{', '.join(kept[:-1])} and {kept[-1]}"
    return f" {conjunction} ".join([*([", ".join(kept[:-1])] if len(kept) > 1 else []), *kept[-1:]])
