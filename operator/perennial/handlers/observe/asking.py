"""Questions that may take long are asked beside the passes: nobody waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Asking(Generic[Q, A]):
    """What is under way for each object. An operator that is killed asks once more."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], dict[Q, asyncio.Task[A]]] = {}

    def look(
        self, key: tuple[str, str], asked: Iterable[Q], ask: Callable[[Q], Awaitable[A]]
    ) -> list[tuple[Q, A]]:
        """Return the answers that have come, once each, and begin to ask what is new.

        Args:
            key: namespace and name of the object.
            asked: what is asked for now; what is not any more is given up.
            ask: answers a question, in bounded time, and never fails.
        """
        before = self._known.pop(key, {})
        arrived: list[tuple[Q, A]] = []
        left: dict[Q, asyncio.Task[A]] = {}
        for question in asked:
            task = before.pop(question, None)
            if task is None:
                left[question] = asyncio.create_task(_answered(question, ask))
            elif task.done():
                arrived.append((question, task.result()))
            else:
                left[question] = task
        for task in before.values():
            task.cancel()
        if left:
            self._known[key] = left
        return arrived

    def forget(self, namespace: str, name: str) -> None:
        """Give up what is asked for an object."""
        for task in self._known.pop((namespace, name), {}).values():
            task.cancel()


async def _answered(question: Q, ask: Callable[[Q], Awaitable[A]]) -> A:
    return await ask(question)
