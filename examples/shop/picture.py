"""The story as a picture: who answers, and what it earns."""

from collections.abc import Sequence
from html import escape

from shop.diary import Counted, Diary

WIDTH, LEFT, RIGHT = 760, 56, 20
SHARES, EARNED = (78, 168), (206, 326)
"""Top and bottom of the two panels."""
HIGHEST = 0.45
"""The top of what is earned, rewards a request."""
WINDOW = 300
"""Requests that a point of what is earned is the mean of."""
COLUMNS, ROW = 3, 19
COLOURS = {"popularity": "popular", "shop-1": "first", "random": "bad", "shop-2": "second"}
WORDS = {"shop-1": "regression", "shop-2": "regression, learned anew", "random": "the bad release"}
STYLE = """
text { font: 13px system-ui, 'Helvetica Neue', Arial, sans-serif; fill: #1f2328; }
.title { font-size: 15px; font-weight: 600; } .quiet { fill: #59636e; font-size: 12px; }
.over { stroke: #ffffff; stroke-width: 5px; paint-order: stroke; }
.paper { fill: #ffffff; } .grid { stroke: #d1d9e0; } .at { stroke: #818b98; stroke-dasharray: 2 3; }
.popular { fill: #afb8c1; } .first { fill: #54aeff; } .bad { fill: #fa4549; }
.second { fill: #0969da; }
.earned { fill: none; stroke: #1a7f37; stroke-width: 2.5; stroke-linejoin: round; }
.best { fill: none; stroke: #1f2328; stroke-width: 1.5; stroke-dasharray: 5 3; }
.number { fill: #59636e; } .inside { fill: #ffffff; font-size: 10px; font-weight: 600; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .quiet { fill: #9198a1; } .paper { fill: #0d1117; }
  .over { stroke: #0d1117; }
  .grid { stroke: #3d444d; } .at { stroke: #656c76; } .popular { fill: #656c76; }
  .first { fill: #1f6feb; } .bad { fill: #da3633; } .second { fill: #79c0ff; }
  .earned { stroke: #3fb950; } .best { stroke: #f0f6fc; }
  .number { fill: #9198a1; } .inside { fill: #0d1117; }
}
"""


class _Scale:
    """Where a time lies."""

    def __init__(self, begin: float, end: float) -> None:
        self.begin, self.end = begin, max(end, begin + 1)

    def x(self, time: float) -> float:
        part = (time - self.begin) / (self.end - self.begin)
        return LEFT + min(1.0, max(0.0, part)) * (WIDTH - LEFT - RIGHT)


def picture(diary: Diary) -> str:
    """Return an SVG, readable on light and on dark pages."""
    lines = diary.counted
    scale = _Scale(lines[0].time, lines[-1].time)
    notes = [n for n in diary.notes if n.time <= scale.end]
    rows = -(-len(notes) // COLUMNS)
    height = EARNED[1] + 44 + ROW * rows
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="The share of each version of the traffic, and what the shop earned">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>',
        f'<text class="title" x="{LEFT}" y="26">Rewards decide what the shop shows first</text>',
        *_legend(lines),
        *_axes(scale),
        *_areas(lines, scale),
        *_best(diary, scale),
        *_earned(lines, scale),
    ]
    above = 0.0
    for n, note in enumerate(notes):
        x = scale.x(note.time)
        above = max(x, above + 17)  # so that numbers do not cover each other
        drawn += _note(n, note.words, x, above, rows)
    words = f"rewards a request, of the last {WINDOW}"
    drawn.append(f'<text class="quiet over" x="{LEFT}" y="{EARNED[0] - 8}">{words}</text>')
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _legend(lines: Sequence[Counted]) -> list[str]:
    seen = {name for line in lines for name in line.versions}
    found, x = [], LEFT
    for name, colour in COLOURS.items():
        if name not in seen:
            continue
        words = WORDS.get(name, name)
        found.append(f'<rect class="{colour}" x="{x}" y="39" width="11" height="11" rx="2"/>')
        found.append(f'<text class="quiet" x="{x + 16}" y="49">{words}</text>')
        x += 30 + round(5.9 * len(words))
    found.append(f'<path class="best" d="M{x},45 h22"/>')
    found.append(f'<text class="quiet" x="{x + 28}" y="49">chance that regression is best</text>')
    return found


def _axes(scale: _Scale) -> list[str]:
    found = []
    panels = (
        (SHARES, 1.0, (0.0, 0.5, 1.0), "{:.0%}"),
        (EARNED, HIGHEST, (0, 0.1, 0.2, 0.3, 0.4), "{:.1f}"),
    )
    for panel, highest, ticks, form in panels:
        for tick in ticks:
            y = _y(tick / highest, panel)
            found.append(
                f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text class="quiet" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
                f"{form.format(tick)}</text>"
            )
    minute = scale.begin
    while minute <= scale.end:
        words = f"{(minute - scale.begin) / 60:.0f} min"
        found.append(
            f'<text class="quiet" x="{scale.x(minute):.1f}" y="{EARNED[1] + 17}" '
            f'text-anchor="middle">{words}</text>'
        )
        minute += 60
    return found


def _y(part: float, panel: tuple[int, int]) -> float:
    top, bottom = panel
    return bottom - min(1.0, max(0.0, part)) * (bottom - top)


def _areas(lines: Sequence[Counted], scale: _Scale) -> list[str]:
    """Return the shares of versions, each above those before it."""
    names = sorted(lines[-1].versions, key=lambda n: list(COLOURS).index(n) if n in COLOURS else 9)
    points: list[tuple[float, list[float]]] = []
    for before, after in zip(lines, lines[3:], strict=False):
        asked = [_gained(before, after, name)[0] for name in names]
        if sum(asked):
            points.append((scale.x(after.time), [a / sum(asked) for a in asked]))
    found = []
    for at, name in enumerate(names):
        upper = [f"{x:.1f},{_y(sum(s[: at + 1]), SHARES):.1f}" for x, s in points]
        lower = [f"{x:.1f},{_y(sum(s[:at]), SHARES):.1f}" for x, s in reversed(points)]
        colour = COLOURS.get(name, "popular")
        found.append(f'<polygon class="{colour}" points="{" ".join(upper + lower)}"/>')
    return found


def _best(diary: Diary, scale: _Scale) -> list[str]:
    """Return how likely the variant of the experiment was the best."""
    points = [
        f"{scale.x(look.time):.1f},{_y(p, SHARES):.1f}"
        for look in diary.looks
        for name, p in look.best.items()
        if name != "stable"
    ]
    return [f'<polyline class="best" points="{" ".join(points)}"/>'] if points else []


def _earned(lines: Sequence[Counted], scale: _Scale) -> list[str]:
    points = []
    for after in lines:
        older = [c for c in lines if _all(after)[0] - _all(c)[0] >= WINDOW]
        if not older:
            continue
        before = older[-1]
        requests = _all(after)[0] - _all(before)[0]
        mean = (_all(after)[1] - _all(before)[1]) / requests
        points.append(f"{scale.x(after.time):.1f},{_y(mean / HIGHEST, EARNED):.1f}")
    return [f'<polyline class="earned" points="{" ".join(points)}"/>'] if points else []


def _gained(before: Counted, after: Counted, name: str) -> tuple[int, int]:
    old, new = before.versions.get(name, (0, 0)), after.versions.get(name, (0, 0))
    return new[0] - old[0], new[1] - old[1]


def _all(counted: Counted) -> tuple[int, int]:
    return (
        sum(n for n, _ in counted.versions.values()),
        sum(r for _, r in counted.versions.values()),
    )


def _note(n: int, words: str, x: float, above: float, rows: int) -> list[str]:
    """Return a mark where something happened, and what it was below."""
    column, row = divmod(n, rows)
    below = LEFT + column * (WIDTH - LEFT - RIGHT) / COLUMNS, EARNED[1] + 40 + row * ROW
    top = SHARES[0] - 10
    return [
        f'<line class="at" x1="{x:.1f}" x2="{x:.1f}" y1="{top + 8}" y2="{EARNED[1]}"/>',
        *_number(n, above, top),
        *_number(n, below[0] + 8, below[1]),
        f'<text class="quiet" x="{below[0] + 22:.1f}" y="{below[1] + 4}">{escape(words)}</text>',
    ]


def _number(n: int, x: float, y: float) -> list[str]:
    return [
        f'<circle class="number" cx="{x:.1f}" cy="{y}" r="8"/>',
        f'<text class="inside" x="{x:.1f}" y="{y + 3.5:.1f}" text-anchor="middle">{n + 1}</text>',
    ]
