"""Which pods are asked to let their clients go, when, and how often."""

import asyncio
from datetime import timedelta

from builders import NOW

from perennial.handlers.observe.drained import TRIES, Drained

KEY = ("team", "flights")


class Asked:
    """Pods that do as they are asked, or not."""

    def __init__(self, *does: bool) -> None:
        self.does = list(does)
        self.addresses: list[str] = []

    async def __call__(self, address: str) -> bool:
        self.addresses.append(address)
        return self.does.pop(0) if self.does else True


async def look(drained: Drained, seconds: float, ask: Asked, **pods: str) -> float | None:
    found = drained.look(KEY, pods, NOW + timedelta(seconds=seconds), ask)
    await asyncio.gather(*drained.tasks)
    return found


async def test_a_pod_is_asked_once_when_every_node_has_turned_its_connections_away() -> None:
    drained, ask = Drained(), Asked()
    assert await look(drained, 0, ask, a="10.0.0.1") == 2.0
    assert await look(drained, 1, ask, a="10.0.0.1") == 2.0 and not ask.addresses
    assert await look(drained, 2, ask, a="10.0.0.1") == 2.0
    assert await look(drained, 9, ask, a="10.0.0.1") is None
    assert ask.addresses == ["10.0.0.1"]


async def test_one_that_does_not_answer_is_asked_a_few_times_and_no_more() -> None:
    drained, ask = Drained(), Asked(*[False] * 20)
    for second in range(0, 40, 2):
        found = await look(drained, second, ask, a="10.0.0.1")
    assert len(ask.addresses) == TRIES and found is None


async def test_pods_that_have_requests_again_are_asked_anew_when_these_are_turned_away() -> None:
    drained, ask = Drained(), Asked()
    for second in (0, 2):
        await look(drained, second, ask, a="10.0.0.1")
    assert await look(drained, 4, ask) is None
    for second in (6, 8):
        await look(drained, second, ask, a="10.0.0.1")
    assert ask.addresses == ["10.0.0.1"] * 2


async def test_a_pod_that_hangs_is_waited_for_by_nobody_and_not_asked_twice_at_a_time() -> None:
    drained, release = Drained(), asyncio.Event()
    asked: list[str] = []

    async def hang(address: str) -> bool:
        asked.append(address)
        return await release.wait()

    for second in (0, 2, 4, 6):
        drained.look(KEY, {"a": "10.0.0.1"}, NOW + timedelta(seconds=second), hang)
        await asyncio.sleep(0)
    assert asked == ["10.0.0.1"]
    release.set()
    await asyncio.gather(*drained.tasks)
