"""Named namespaces come and go; the others are watched all the while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from kubernetes.aio.client.exceptions import ApiException

from perennial.api import API_VERSION, KINDS
from perennial.cluster.client import Cluster

LOOK_SECONDS = 30.0

log = logging.getLogger("perennial.namespaces")


async def listable(cluster: Cluster, namespaces: Iterable[str]) -> tuple[str, ...]:
    """Return those of some namespaces that our objects can be listed in.

    The right to goes with the namespace: one that was deleted looks as one without rights does.

    Raises:
        ApiException: the API server did not answer.
    """
    found = []
    for namespace in namespaces:
        try:
            path = cluster.path(API_VERSION, KINDS[0].kind(), namespace)
            await cluster.call("GET", path, {"limit": "1"})
            found.append(namespace)
        except ApiException as error:
            if error.status not in (403, 404):
                raise
    return tuple(found)


async def watch_those_there(
    cluster: Cluster,
    namespaces: Iterable[str],
    watch: Callable[[tuple[str, ...]], Awaitable[None]],
) -> None:
    """Watch the namespaces that are there, and begin anew whenever one goes or comes.

    Raises:
        Exception: what ``watch`` ended with, where that was not the end of a namespace.
    """
    wanted = tuple(namespaces)
    while True:
        there = await listable(cluster, wanted)
        if left := sorted({*wanted} - {*there}):
            told = "these are gone, or may not be listed: they are left out until they can be: %s"
            log.warning(told, ", ".join(left))
        changed = asyncio.create_task(_change(cluster, wanted, there))
        tasks = {changed}
        if there:
            tasks.add(asyncio.ensure_future(watch(there)))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if changed not in done and await listable(cluster, wanted) == there:
            (ended,) = done
            ended.result()
            return


async def _change(cluster: Cluster, wanted: tuple[str, ...], there: tuple[str, ...]) -> None:
    """Return once other namespaces are there."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            if await listable(cluster, wanted) != there:
                return
        except Exception as error:
            log.warning("the namespaces cannot be looked at: %s", error)
