"""Where reports are kept: beside the log, the newest of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perennial_artifact.store import open_store, unreachable

KEPT = 30
"""Reports that are kept, the newest."""
NAME = "report.html"


def publish(into: str, number: int, text: str, secret_dir: Path | None) -> str:
    """Write a report, and remove those that are older than the newest; return its URI.

    Raises:
        StoreUnreachable: the store does not take it.
    """
    import obstore

    try:
        store = open_store(into, secret_dir, make=True)
        obstore.put(store, f"{number}/{NAME}", text.encode(), use_multipart=False)
    except Exception as error:
        raise unreachable(into, "written", error) from error
    _prune(store, number)
    return f"{into.rstrip('/')}/{number}/{NAME}"


def _prune(store: Any, newest: int) -> None:
    """Remove old reports. One that may not be removed, or is gone already, harms nobody."""
    import obstore

    try:
        names = [str(e["path"]) for found in obstore.list(store) for e in found]
        old = [n for n in names if (number := _number(n)) and number <= newest - KEPT]
        if old:
            obstore.delete(store, old)
    except Exception:
        return


def _number(name: str) -> int:
    """Return the number of a report by its name, 0 for what is none."""
    number, _, rest = name.partition("/")
    return int(number) if rest == NAME and number.isdecimal() else 0
