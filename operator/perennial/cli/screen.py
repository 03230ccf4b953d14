"""Where pages are written: a terminal, or, where it is none, plain text that programs can read."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from types import FrameType
from typing import TextIO

from rich.console import Console, RenderableType
from rich.text import Text

from perennial.cli.lenient import harmless

UNBOUNDED = 400
"""Columns where there is no terminal: sentences stay in one line, for grep."""


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def is_plain(stream: TextIO) -> bool:
    """Tell whether a stream takes no colours: it is no terminal, or NO_COLOR is set."""
    unwanted = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return unwanted or not stream.isatty()


def console(stream: TextIO | None = None) -> Console:
    """Return where to write, by default standard output."""
    stream = stream or sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # a terminal that lacks a sign shows another
    terminal = stream.isatty()
    return Console(
        file=stream,
        width=None if terminal else _columns(),
        color_system=None if is_plain(stream) else "standard",
        force_terminal=terminal,
        highlight=False,
        markup=False,
        emoji=False,
        # A shell may have exported the size that its terminal once had.
        _environ={k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")},
    )


def _columns() -> int:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdigit() and int(columns) > 0 else UNBOUNDED


def rendered(part: RenderableType, width: int) -> str:
    """Return a page as plain text in so many columns, without blanks at the ends of lines."""
    plain = Console(
        file=io.StringIO(),
        width=width,
        color_system=None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    return "\n".join(line.plain for line in lines(plain, part))


def lines(out: Console, part: RenderableType) -> list[Text]:
    """Return a page as lines with their colours, without blanks at their ends."""
    found = []
    for line in out.render_lines(part, out.options, pad=False):
        text = Text.assemble(*((harmless(s.text), s.style or "") for s in line if not s.control))
        text.rstrip()
        found.append(text)
    return found


def write(out: Console, part: RenderableType) -> None:
    """Write a page."""
    for line in lines(out, part):
        out.print(line, soft_wrap=True)


def frame(out: Console, part: RenderableType) -> Text:
    """Return a page as it fits the terminal: what is below its end is counted, not shown."""
    all_lines, room = lines(out, part), max(1, out.size.height)
    if len(all_lines) > room:
        more = len(all_lines) - room + 1
        all_lines = [*all_lines[: room - 1], Text(f"… {more} more lines, in a taller terminal")]
    return Text("\n").join(all_lines)


def say(words: str) -> None:
    """Write a line for people, beside what is asked for: on standard error."""
    print(harmless(words), file=sys.stderr, flush=True)


@contextlib.contextmanager
def ended_cleanly() -> Iterator[None]:
    """Let a signal to end be as Ctrl-C is, so that the terminal is left as it was."""

    def stop(number: int, _: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {s: signal.signal(s, stop) for s in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
