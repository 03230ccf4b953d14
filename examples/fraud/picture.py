"""The story as a picture: average precision by month, and when something was noticed and done."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from fraud.data import MONTH
from fraud.measured import NEW_SCHEME, by_month
from fraud.news import Kind, News
from fraud.policies import Policy

WIDTH, HEIGHT = 760, 416
LEFT, RIGHT, TOP, BOTTOM = 52, 150, 58, 312
COLOURS = {
    "never retrained": "never",
    "by the calendar": "calendar",
    "by Perennial": "ours",
    "oracle": "oracle",
}
MARKS: dict[Kind, tuple[str, str]] = {
    "alarm": ("M0,-6 L6,5 L-6,5 Z", "the monitor alarms"),
    "retraining": ("M-5,-5 H5 V5 H-5 Z", "it asks for a retraining"),
    "promotion": ("M0,-6.5 L6.5,0 L0,6.5 L-6.5,0 Z", "a better one serves"),
}
STYLE = """
text { font: 13px system-ui, 'Helvetica Neue', Arial, sans-serif; fill: #1f2328; }
.title { font-size: 15px; font-weight: 600; }
.quiet { fill: #59636e; font-size: 12px; }
.paper { fill: #ffffff; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.scheme { fill: #818b98; fill-opacity: .12; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.never { stroke: #cf222e; } .calendar { stroke: #818b98; stroke-dasharray: 5 4; }
.ours { stroke: #0969da; stroke-width: 3; } .oracle { stroke: #818b98; stroke-dasharray: 1 4; }
text.never { fill: #cf222e; stroke: none; } text.ours { fill: #0969da; stroke: none; }
text.calendar, text.oracle { fill: #59636e; stroke: none; }
.mark { fill: #0969da; } .alarm { fill: #bf8700; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .paper { fill: #0d1117; } .grid { stroke: #3d444d; }
  .quiet, text.calendar, text.oracle { fill: #9198a1; }
  .never { stroke: #f85149; } text.never { fill: #f85149; }
  .ours { stroke: #4493f8; } text.ours { fill: #4493f8; }
  .mark { fill: #4493f8; } .alarm { fill: #d29922; }
}
"""


def picture(rows: pd.DataFrame, policies: Sequence[Policy], happened: Sequence[News]) -> str:
    """Return an SVG, readable on light and on dark pages.

    Args:
        rows: the payments that were scored, with ``day`` and ``fraud``.
        policies: each with a score for each payment.
        happened: what the cluster did.
    """
    days = _Days(float(rows["day"].min() // MONTH * MONTH), float(rows["day"].max()))
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="Average precision by month of four ways to keep a model of fraud">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
        f'<text class="title" x="{LEFT}" y="26">How well frauds are found, while their ways '
        "change</text>",
        f'<text class="quiet" x="{LEFT}" y="44">average precision of each month’s payments</text>',
        *_axes(days),
        *_lines(rows, policies, days),
        *_marks(happened, days),
        "</svg>",
    ]
    return "\n".join(drawn) + "\n"


@dataclass(frozen=True)
class _Days:
    first: float
    last: float

    def x(self, day: float) -> float:
        share = (day - self.first) / max(1.0, self.last - self.first)
        return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(precision: float) -> float:
    return BOTTOM - precision * (BOTTOM - TOP)


def _axes(days: _Days) -> list[str]:
    found = []
    for tenths in range(0, 11, 2):
        y = _y(tenths / 10)
        found.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="quiet" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{tenths / 10:.1f}</text>"
        )
    for month in range(int(days.first // MONTH), int(days.last // MONTH) + 1):
        x = days.x((month + 0.5) * MONTH)
        found.append(
            f'<text class="quiet" x="{x:.1f}" y="{BOTTOM + 18}" text-anchor="middle">'
            f"month {month}</text>"
        )
    if days.last > NEW_SCHEME:
        x = days.x(NEW_SCHEME)
        found.append(
            f'<rect class="scheme" x="{x:.1f}" y="{TOP}" width="{WIDTH - RIGHT - x:.1f}" '
            f'height="{BOTTOM - TOP}"/><text class="quiet" x="{x + 6:.1f}" y="{TOP + 14}">'
            "a new scheme, at once</text>"
        )
    return found


def _lines(rows: pd.DataFrame, policies: Sequence[Policy], days: _Days) -> list[str]:
    found, ends = [], []
    for policy in policies:
        months = by_month(rows, policy.scores)
        points = [(days.x((m.month + 0.5) * MONTH), _y(m.average_precision)) for m in months]
        name = COLOURS[policy.name]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        found.append(f'<polyline class="line {name}" points="{path}"/>')
        ends.append((points[-1][1], name, policy.name))
    heights = _apart([y for y, _, _ in sorted(ends)])
    for y, (_, name, words) in zip(heights, sorted(ends), strict=True):
        found.append(f'<text class="{name}" x="{WIDTH - RIGHT + 8}" y="{y + 4:.1f}">{words}</text>')
    return found


def _apart(heights: Sequence[float], least: float = 17.0) -> list[float]:
    """Return heights, from the top, moved apart where they are too close to be read."""
    found: list[float] = []
    for height in heights:
        found.append(max(height, found[-1] + least) if found else height)
    return found


def _marks(happened: Sequence[News], days: _Days) -> list[str]:
    found, y = [], BOTTOM + 40
    for n, (kind, (shape, words)) in enumerate(MARKS.items()):
        colour = "alarm" if kind == "alarm" else "mark"
        row = y + 20 * n
        found.append(
            f'<text class="quiet" x="{WIDTH - RIGHT + 8}" y="{row + 4}" style="font-size:11px">'
            f"{words}</text>"
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{row}" y2="{row}"/>'
        )
        for one in happened:
            if one.kind == kind and one.day <= days.last:
                place = f"translate({days.x(one.day):.1f},{row})"
                found.append(f'<path class="{colour}" d="{shape}" transform="{place}"/>')
    return found
