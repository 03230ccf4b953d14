"""Drawings of the page, as inline SVG; colours are the style sheet's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from math import floor, log10

WIDTH, HEIGHT = 720, 190
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 12, 26
LETTER = 7.0
"""How wide a letter of a word at a scale is, at most."""


@dataclass(frozen=True)
class Point:
    """A value at a time, with its interval; ``mature``: its labels are in."""

    time: float
    value: float
    low: float
    high: float
    mature: bool = True
    title: str = ""


@dataclass(frozen=True)
class Frame:
    """Where times and values lie in a drawing."""

    start: float
    end: float
    low: float
    high: float
    height: float = HEIGHT

    def x(self, time: float) -> float:
        """Return the place of a time."""
        share = (time - self.start) / ((self.end - self.start) or 1)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return the place of a value, within the frame."""
        share = (value - self.low) / ((self.high - self.low) or 1)
        return self.height - BOTTOM - min(1.0, max(0.0, share)) * (self.height - TOP - BOTTOM)


def svg(parts: Sequence[str], label: str, width: float = WIDTH, height: float = HEIGHT) -> str:
    """Return a drawing that scales with the page."""
    inside = "".join(parts)
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">'
        f"{inside}</svg>"
    )


def steps(low: float, high: float, count: int = 4) -> list[float]:
    """Return round values between two, for the lines of a scale."""
    wide = (high - low) / count or 1.0
    unit = 10.0 ** floor(log10(wide))
    step = next(unit * n for n in (1, 2, 2.5, 5, 10) if unit * n >= wide)
    first = floor(low / step) + (low % step > 1e-9 * step)
    found = []
    value = first * step
    while value <= high + step * 1e-9:
        found.append(round(value, 10))
        value += step
    return found


def moment(seconds: float, span: float) -> str:
    """Return a time for a scale: a day, or a time of day where little is shown."""
    at = datetime.fromtimestamp(seconds, UTC)
    if span > 3 * 86_400:
        return f"{at.day} {at:%b}"
    return f"{at:%H:%M}" if span > 600 else f"{at:%H:%M:%S}"


def short(count: float) -> str:
    """Return a count for a scale, as 12k or 1.5M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= 10 * size or (count >= size and size > 1e3):
            return f"{count / size:g}{unit}"
    return f"{count:,g}"


def axes(frame: Frame, shown: Sequence[tuple[float, str]], times: int = 7) -> list[str]:
    """Return the lines and words of both scales."""
    parts = []
    for value, words in shown:
        y = frame.y(value)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 3.5:.1f}" class="tick end">{escape(words)}</text>'
        )
    span = frame.end - frame.start
    for n in range(times):
        at = frame.start + span * n / (times - 1)
        anchor = "start" if n == 0 else "end" if n == times - 1 else "mid"
        words = moment(at, span)
        wider = " wider" * (n % 2)
        parts.append(
            f'<text x="{frame.x(at):.1f}" y="{frame.height - 8}" class="tick {anchor}{wider}">'
            f"{words}</text>"
        )
    return parts


def line(
    points: Sequence[Point],
    frame: Frame,
    scale: Sequence[tuple[float, str]],
    limits: Sequence[tuple[float, str]],
    mature_until: float | None,
    label: str,
) -> str:
    """Return a metric over time: the interval as a band, what is not mature in grey."""
    parts = []
    if mature_until is not None and mature_until < frame.end:
        x = max(LEFT, frame.x(mature_until))
        wide = WIDTH - RIGHT - x
        parts.append(
            f'<rect class="unripe" x="{x:.1f}" y="{TOP}" width="{wide:.1f}" '
            f'height="{frame.height - TOP - BOTTOM}"/>'
        )
    parts += axes(frame, scale)
    for value, _ in limits:
        y = frame.y(value)
        parts.append(
            f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
    ripe = [p for p in points if p.mature]
    if len(ripe) > 1:
        upper = " ".join(f"{frame.x(p.time):.1f},{frame.y(p.high):.1f}" for p in ripe)
        lower = " ".join(f"{frame.x(p.time):.1f},{frame.y(p.low):.1f}" for p in reversed(ripe))
        parts.append(f'<polygon class="band" points="{upper} {lower}"/>')
        along = " ".join(f"{frame.x(p.time):.1f},{frame.y(p.value):.1f}" for p in ripe)
        parts.append(f'<polyline class="curve" points="{along}"/>')
    for p in points:
        kind = "dot" if p.mature else "dot pale"
        x, y = frame.x(p.time), frame.y(p.value)
        title = f"<title>{escape(p.title)}</title>"
        if frame.low <= p.value <= frame.high:
            dot = f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3">{title}</circle>'
        else:  # it is further away than the scale goes: an arrow, for a dot there would lie
            down = 6 if p.value > frame.high else -6
            d = f"M{x - 3.5:.1f} {y + down:.1f}L{x:.1f} {y:.1f}L{x + 3.5:.1f} {y + down:.1f}z"
            dot = f'<path class="{kind}" d="{d}">{title}</path>'
        parts.append(dot)
    # Words last, so that they can be read.
    if mature_until is not None and WIDTH - RIGHT - (x := frame.x(mature_until)) > 190:
        parts.append(
            f'<text x="{max(LEFT, x) + 8:.1f}" y="{TOP + 18}" class="tick over">labels still come'
            "</text>"
        )
    for value, words in limits:
        y = frame.y(value)
        above = y > TOP + 22
        parts.append(
            f'<text x="{LEFT + 6}" y="{y - 5 if above else y + 13:.1f}" class="limit-word">'
            f"{escape(words)}</text>"
        )
    return svg(parts, label, height=frame.height)


def bars_over_time(
    values: Sequence[tuple[float, float, str]], frame: Frame, wide: float, label: str
) -> str:
    """Return bars at times; ``wide`` is how long each lasts, in seconds."""
    scale = [(v, short(v)) for v in steps(0, frame.high, 3) if v == int(v)]
    parts = axes(frame, scale)
    pixels = max(1.0, frame.x(frame.start + wide) - frame.x(frame.start) - 1.5)
    for time, value, title in values:
        y = frame.y(value)
        parts.append(
            f'<rect class="bar" x="{frame.x(time) + 0.75:.1f}" y="{y:.1f}" width="{pixels:.1f}" '
            f'height="{frame.height - BOTTOM - y:.1f}" rx="1.5"><title>{escape(title)}</title>'
            "</rect>"
        )
    return svg(parts, label, height=frame.height)


def then_and_now(
    then: Sequence[float], now: Sequence[float], names: Sequence[str], label: str
) -> str:
    """Return two distributions on the same bins, as shares, side by side."""
    width, height, base = 250.0, 96.0, 80.0
    most = max([*then, *now, 1e-9])
    step = width / len(then)
    thin = max(1.0, min(16.0, step * 0.4))
    parts = [f'<line class="grid" x1="0" x2="{width:g}" y1="{base}" y2="{base}"/>']
    for n, (a, b, name) in enumerate(zip(then, now, names, strict=True)):
        middle = (n + 0.5) * step
        for kind, share, x in (("then", a, middle - thin), ("now", b, middle)):
            tall = share / most * (base - 6)
            parts.append(
                f'<rect class="{kind}" x="{x:.1f}" y="{base - tall:.1f}" width="{thin - 0.6:.1f}" '
                f'height="{tall:.1f}" rx="1"><title>{escape(name)}: {kind} {share:.1%}</title>'
                "</rect>"
            )
    words = [((n + 0.5) * step, "mid", name) for n, name in enumerate(names)]
    if len(names) > 1 and max(map(len, names)) * LETTER > step:  # only the ends have room
        words = [(0.0, "start", names[0]), (width, "end", names[-1])]
    for x, anchor, name in words:
        cut = name if len(name) <= 19 else f"{name[:18]}…"
        parts.append(f'<text x="{x:g}" y="{height - 2}" class="tick {anchor}">{escape(cut)}</text>')
    return svg(parts, label, width, height)


def interval(
    low: float, value: float, high: float, reference: float, bounds: tuple[float, float]
) -> str:
    """Return a value with its interval on a short scale, and what it is compared with."""
    width, height = 150.0, 18.0
    start, end = bounds

    def x(at: float) -> float:
        return 4 + (min(end, max(start, at)) - start) / ((end - start) or 1) * (width - 8)

    return svg(
        [
            f'<line class="grid" x1="4" x2="{width - 4:g}" y1="9" y2="9"/>',
            f'<line class="limit" x1="{x(reference):.1f}" x2="{x(reference):.1f}" y1="2" y2="16"/>',
            f'<line class="whisker" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="9" y2="9"/>',
            f'<circle class="dot" cx="{x(value):.1f}" cy="9" r="3.6"/>',
        ],
        f"{value:.3g}, {low:.3g} to {high:.3g}",
        width,
        height,
    )
