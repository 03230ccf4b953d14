"""False alarms, power and delay of the drift rule, beside Evidently's and NannyML's defaults.

On the same windows of real tables, and of simulated traffic; into docs/verdicts.md. With
``--thorough`` also how often clean windows alarm, of so many that it takes half an hour.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.drift import agreement, as_ever, clean, delay, duration, power, windows
from benchmarks.drift.others import PEERS, by_peer
from benchmarks.drift.tables import real

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "verdicts.md"


def main(thorough: bool) -> None:
    """Print the tables one by one, and put each into the page."""
    tables = real()
    asked, sliding = windows.cases(tables), delay.cases()
    by_peers = [by_peer(peer, [*asked, *sliding]) for peer in PEERS]
    _write("windows", windows.rows(tables, asked, by_peers))
    _write("delay", delay.rows([found[len(asked) :] for found in by_peers]))
    _write("agreement", agreement.rows([*agreement.distances(tables), *agreement.estimates()]))
    _write("power", power.rows())
    _write("time", duration.rows())
    _write("as ever", as_ever.rows())
    if thorough:
        _write("false alarms of tables", clean.of_tables(tables))
        _write("false alarms", clean.rows())


def _write(name: str, lines: Sequence[str]) -> None:
    print("\n".join(lines), end="\n\n", flush=True)
    begin, end = (f"<!-- {word}: make benchmark-drift, {name} -->" for word in ("begin", "end"))
    text, page = "\n".join([begin, *lines, end]), DOCUMENT.read_text()
    if begin not in page:
        raise RuntimeError(f"{DOCUMENT.name} has no place for {name}")
    block = f"{re.escape(begin)}.*?{re.escape(end)}"
    DOCUMENT.write_text(re.sub(block, lambda _: text, page, flags=re.DOTALL))


if __name__ == "__main__":
    main("--thorough" in sys.argv[1:])
