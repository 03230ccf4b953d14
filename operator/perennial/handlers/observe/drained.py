"""Ask pods to let their clients go, once, since requests were turned away from them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

SETTLED = timedelta(seconds=2)
"""What every node may take to turn new connections away, too; later ones would stay behind."""
TRIES = 3


@dataclass
class _Pod:
    since: datetime
    tries: int = 0
    is_done: bool = False
    is_asked: bool = False


class Drained:
    """What is known of each object's pods. It is asked for by nobody, and nobody waits for it.

    An operator that is killed forgets it and asks once more, which does no harm.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], dict[str, _Pod]] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    def look(
        self,
        key: tuple[str, str],
        turned_away: Mapping[str, str],
        now: datetime,
        ask: Callable[[str], Awaitable[bool]],
    ) -> float | None:
        """Begin to ask the pods that are due; return in how many seconds some may be, if so.

        Args:
            key: namespace and name of the object.
            turned_away: its pods that no new connection leads to: addresses by name.
            now: the time.
            ask: asks the pod of an address; tells whether it did as asked.
        """
        known = self._known.get(key, {})
        pods = {name: known.get(name) or _Pod(now) for name in turned_away}
        self.forget(*key)
        if pods:
            self._known[key] = pods
        for name, pod in pods.items():
            if _is_open(pod) and not pod.is_asked and now - pod.since >= SETTLED:
                pod.tries, pod.is_asked = pod.tries + 1, True
                task = asyncio.create_task(_ask(pod, turned_away[name], ask))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
        return SETTLED.total_seconds() if any(_is_open(p) for p in pods.values()) else None

    def forget(self, namespace: str, name: str) -> None:
        """Keep nothing of an object."""
        self._known.pop((namespace, name), None)


def _is_open(pod: _Pod) -> bool:
    return not pod.is_done and (pod.tries < TRIES or pod.is_asked)


async def _ask(pod: _Pod, address: str, ask: Callable[[str], Awaitable[bool]]) -> None:
    try:
        pod.is_done = await ask(address)
    finally:
        pod.is_asked = False
