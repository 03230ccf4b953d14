"""Record what a command shows in a terminal, as text: asciicast v2, which asciinema plays.

``python -m flights.record FILE SECONDS COMMAND…`` ends when the command does, or after so long.
Format: https://docs.asciinema.org/manual/asciicast/v2/
"""

import fcntl
import itertools
import json
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from pathlib import Path

COLUMNS, ROWS = 100, 34
HOME = "\x1b[H"
"""Where a page begins."""


def record(command: list[str], seconds: float) -> list[tuple[float, str]]:
    """Return what a command writes to a terminal, with the seconds since it began."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    began, found = time.monotonic(), []
    try:
        while (left := began + seconds - time.monotonic()) > 0:
            if not select.select([terminal], [], [], left)[0]:
                break
            try:
                written = os.read(terminal, 1 << 16)
            except OSError:  # how Linux tells that the other end is closed
                break
            found.append((time.monotonic() - began, written.decode(errors="replace")))
    finally:
        os.close(terminal)  # hangs up on the command
        os.waitpid(pid, 0)
    return found


def thinned(frames: list[tuple[float, str]], every: float = 2.0) -> list[tuple[float, str]]:
    """Return frames of a command that draws whole pages with one page for each so many seconds."""
    pages: list[tuple[float, str]] = []
    for at, text in frames:
        begun, *others = text.split(HOME)
        if pages:
            pages[-1] = (pages[-1][0], pages[-1][1] + begun)
        else:
            pages.append((at, begun))
        pages += [(at, HOME + other) for other in others]
    whole = [(at, re.sub(r" {4,}\r\n", "\x1b[K\r\n", page)) for at, page in pages if page != HOME]
    kept = whole[:1]
    for (at, page), (following, _) in itertools.pairwise([*whole[1:], (float("inf"), "")]):
        if following - kept[-1][0] > every:
            kept.append((at, page))
    return kept


def cast(frames: list[tuple[float, str]], title: str) -> str:
    """Return frames as an asciicast."""
    head = {"version": 2, "width": COLUMNS, "height": ROWS, "title": title}
    lines = [json.dumps(head), *(json.dumps([round(at, 2), "o", text]) for at, text in frames)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Record the command that the command line names."""
    file, seconds, *command = sys.argv[1:]
    title = " ".join([Path(command[0]).name, *command[1:]])
    Path(file).write_text(cast(thinned(record(command, float(seconds))), title))


if __name__ == "__main__":
    main()
