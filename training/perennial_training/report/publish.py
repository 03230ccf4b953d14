"""Where reports are kept: beside the log, the newest of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from perennial_artifact.store import open_store, unreachable

KEPT = 30
"""Reports that are kept, the newest."""
NAME = "report.html"
PATIENCE_SECONDS = 30.0
"""For so long a store may be at it: what was counted waits to be told, and for the deadline."""


def publish(into: str, number: int, text: str, secret_dir: Path | None) -> str:
    """Write a report, and remove those that are older than the newest; return its URI.

    Raises:
        StoreUnreachable: the store does not take it, or not within ``PATIENCE_SECONDS``.
    """
    try:
        store = open_store(into, secret_dir, make=True)
        asyncio.run(_within_patience(_put(store, f"{number}/{NAME}", text)))
    except Exception as error:
        raise unreachable(into, "written", error) from error
    with contextlib.suppress(Exception):
        # One that may not be removed, or is gone already, harms nobody.
        asyncio.run(_within_patience(_prune(store, number)))
    return f"{into.rstrip('/')}/{number}/{NAME}"


async def _within_patience(doing: Coroutine[Any, Any, None]) -> None:
    await asyncio.wait_for(doing, PATIENCE_SECONDS)


async def _put(store: Any, name: str, text: str) -> None:
    import obstore

    await obstore.put_async(store, name, text.encode(), use_multipart=False)


async def _prune(store: Any, newest: int) -> None:
    """Remove old reports."""
    import obstore

    names = [str(e["path"]) async for found in obstore.list(store) for e in found]
    old = [n for n in names if (number := _number(n)) and number <= newest - KEPT]
    if old:
        await obstore.delete_async(store, old)


def _number(name: str) -> int:
    """Return the number of a report by its name, 0 for what is none."""
    number, _, rest = name.partition("/")
    return int(number) if rest == NAME and number.isdecimal() else 0
