"""A page: lines, tables and trees, in as many columns as there are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from perennial.api.values import Json
from perennial.cli.shown.words import shortened

Cell = str | Text


@dataclass(frozen=True)
class Node:
    """A row of a tree: its cells, the first of them a name, and what is below it."""

    cells: tuple[Cell, ...]
    below: tuple[Node, ...] = field(default=())


def flat(roots: Iterable[Node], room: int | None = None) -> list[tuple[Cell, ...]]:
    """Return a tree's rows, with lines before the names that say what belongs to what.

    Args:
        roots: what is not below anything.
        room: columns for the names, which are shortened to fit; None: as many as they need.
    """
    found: list[tuple[Cell, ...]] = []
    for root in roots:
        found.append((_fitting(root.cells[0], room), *root.cells[1:]))
        found += _below(root, "", room)
    return found


def room_for_names(headers: Sequence[str], roots: Sequence[Node], width: int) -> int:
    """Return the columns that the other cells of a tree leave for its names, 16 at least."""
    rows = [tuple(headers), *flat(roots)]
    widest = [max(cell_len(str(row[n])) for row in rows) for n in range(1, len(headers))]
    return max(16, width - sum(2 + w for w in widest))


def _fitting(name: Cell, room: int | None) -> Cell:
    """Return a name that fits."""
    if room is None or cell_len(str(name)) <= room:
        return name
    return Text(shortened(str(name), room), name.style if isinstance(name, Text) else "")


def _below(node: Node, before: str, room: int | None) -> list[tuple[Cell, ...]]:
    found: list[tuple[Cell, ...]] = []
    for n, child in enumerate(node.below, 1):
        last = n == len(node.below)
        lines = before + ("└─ " if last else "├─ ")
        name = _fitting(child.cells[0], None if room is None else room - len(lines))
        first = Text.assemble((lines, "dim"), name)
        found.append((first, *child.cells[1:]))
        found += _below(child, before + ("   " if last else "│  "), room)
    return found


def table(
    headers: Sequence[str], rows: Iterable[Sequence[Cell]], numbers: Sequence[str] = ()
) -> Table:
    """Return a table without lines; only the last column that is no number wraps.

    Args:
        headers: what the columns are called.
        rows: their cells.
        numbers: columns that are set to the right.
    """
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    wraps = next((h for h in reversed(headers) if h not in (*numbers, "AGE")), "")
    for header in headers:
        made.add_column(
            header,
            justify="right" if header in numbers else "left",
            no_wrap=header != wraps,
            overflow="fold" if header == wraps else "ellipsis",
        )
    for row in rows:
        made.add_row(*row)
    return made


def page(*parts: RenderableType | None) -> Group:
    """Return parts below each other, an empty line between them; None is left out."""
    kept: list[RenderableType] = []
    for part in parts:
        if part is not None:
            kept += ["", part] if kept else [part]
    return Group(*kept)


def packed(parts: Sequence[Text], width: int) -> Text:
    """Return parts beside each other, in as many lines as they need; none is broken."""
    made, used = Text(), 0
    for part in parts:
        if used and used + 3 + part.cell_len > width:
            made.append("\n")
            used = 0
        elif used:
            made.append("   ")
            used += 3
        made.append_text(part)
        used += part.cell_len
    return made


def indented(part: RenderableType, by: int = 2) -> Padding:
    """Return a part that is set in."""
    return Padding(part, (0, 0, 0, by))


def facts(pairs: Iterable[tuple[str, Cell]]) -> Table | None:
    """Return names and what they are, aligned; what is empty is left out, None where all is."""
    kept = [(name, value) for name, value in pairs if str(value)]
    if not kept:
        return None
    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True, style="bold")
    made.add_column(overflow="fold")
    for pair in kept:
        made.add_row(*pair)
    return made


def unknown(fields: Json) -> Group | None:
    """Return fields that this version does not know, as they are."""
    if not fields:
        return None
    told = facts((name, json.dumps(value, ensure_ascii=False)) for name, value in fields.items())
    title = Text("Also in its status, unknown to this version of kubectl perennial", "bold")
    return Group(title, indented(told)) if told is not None else None
