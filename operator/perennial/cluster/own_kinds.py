"""Our own kinds, as Kopf watches them.

Kopf has a thread and a loop of its own: it ends with the first watch that is refused, as in a
namespace that is deleted, and takes every younger task of its loop with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any, NoReturn

import kopf

from perennial.api import GROUP, KINDS, VERSION
from perennial.api.values import Json
from perennial.cluster.cache import Cache, Source
from perennial.cluster.client import Cluster
from perennial.cluster.watch import (
    PAGE,
    SILENT_SECONDS,
    WATCH_SECONDS,
    reason,
    relist,
    wait_seconds,
)

log = logging.getLogger("perennial.watch")

SWEEP_SECONDS = 600.0
SETTLED_SECONDS = 5.0
"""How long after Kopf began to list anew it has surely told all of it."""
ENDING_SECONDS = 2.0

Take = Callable[[str | None, Json], None]


async def keep_own(
    cluster: Cluster,
    cache: Cache,
    sources: tuple[Source, ...],
    namespace: str,
    begun: Callable[[], None],
) -> NoReturn:
    """List our kinds in a namespace ('' for all) into the cache, and keep it so, for ever.

    Of what has vanished by the time that Kopf lists anew it says no word. So all is listed by us,
    too: after each time, and in each ten minutes.

    Args:
        begun: Called once all is listed and Kopf has begun.
    """
    failures = 0
    anew = asyncio.Event()

    def take(type: str | None, body: Json) -> None:
        if type is None:
            anew.set()
        cache.remove(body) if type == "DELETED" else cache.put(body)

    while True:
        watching: asyncio.Task[None] | None = None
        try:
            while watching is None or not watching.done():
                for source in sources:
                    await relist(cluster, cache, source, namespace)
                failures = 0
                if watching is None:
                    watching = asyncio.create_task(watch(namespace, take, begun))
                    anew.set()
                await _either(watching, anew)
                await asyncio.sleep(SETTLED_SECONDS)
                anew.clear()
            watching.result()
        except Exception as error:  # whatever ended Kopf, the rest works on
            failures += 1
            about = {"namespace": namespace}
            log.warning("the objects cannot be listed: %s", reason(error), extra=about)
        finally:
            if watching is not None:
                watching.cancel()
        await asyncio.sleep(wait_seconds(failures))


async def _either(task: asyncio.Task[None], event: asyncio.Event) -> None:
    """Wait for the end of a task or for an event, ten minutes at most."""
    waiting = asyncio.create_task(event.wait())
    try:
        either = asyncio.FIRST_COMPLETED
        await asyncio.wait({task, waiting}, timeout=SWEEP_SECONDS, return_when=either)
    finally:
        waiting.cancel()


async def watch(namespace: str, take: Take, begun: Callable[[], None]) -> None:
    """Let Kopf watch our kinds in a namespace ('' for all) until something ends it.

    Args:
        take: Gets each event's type (None: listed) and object, in the caller's loop.
        begun: Called there once Kopf has begun.

    Raises:
        Exception: what ended it.
    """
    loop = asyncio.get_running_loop()
    stopping = threading.Event()
    ended = loop.create_future()

    def tell(event: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
            loop.call_soon_threadsafe(take, event["type"], event["object"])

    def begin() -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(begun)

    def end(error: Exception | None) -> None:
        if not ended.done():
            ended.set_exception(error or RuntimeError("Kopf has ended"))

    def run() -> None:
        error: Exception | None = None
        own = asyncio.new_event_loop()
        own.set_exception_handler(lambda *_: None)  # one watch's is raised; the others' are alike
        try:
            own.run_until_complete(_kopf(namespace, _registry(tell, begin), stopping))
        except Exception as raised:
            error = raised
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(end, error)

    threading.Thread(target=run, name=f"kopf {namespace}", daemon=True).start()
    try:
        await ended
    finally:
        stopping.set()


async def _kopf(namespace: str, registry: kopf.OperatorRegistry, stopping: threading.Event) -> None:
    """Run Kopf until one of its tasks ends.

    Not by kopf.operator: where one watcher fails, that waits for the others, and for ever (1.45).
    """
    tasks = await kopf.spawn_tasks(
        registry=registry,
        stop_flag=stopping,
        standalone=True,
        clusterwide=not namespace,
        namespaces=[namespace] if namespace else [],
    )
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.wait(others, timeout=ENDING_SECONDS)
    for task in done:
        task.result()


def _registry(tell: Callable[[Any], None], begin: Callable[[], None]) -> kopf.OperatorRegistry:
    """Return what Kopf is to do: watch, and nothing else."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**context: Any) -> kopf.ConnectionInfo | None:
        own = kopf.login_with_service_account(**context)
        return own or kopf.login_with_kubeconfig(**context)

    @kopf.on.startup(registry=registry)
    async def configure(settings: kopf.OperatorSettings, **_: object) -> None:
        # It posts no events, leaves no annotation and no finalizer.
        settings.posting.enabled = False
        settings.watching.server_timeout = WATCH_SECONDS
        settings.watching.client_timeout = WATCH_SECONDS + 30
        settings.watching.inactivity_timeout = SILENT_SECONDS
        settings.watching.chunk_size = PAGE
        settings.networking.request_timeout = 30
        settings.networking.error_backoffs = (1.0,)  # and then it begins anew, as all else does
        # Which kinds and namespaces there are is known; there may be no right to look.
        settings.scanning.disabled = True
        settings.process.ultimate_exiting_timeout = None  # it would kill us, not only itself
        begin()

    for kind in KINDS:

        @kopf.on.event(GROUP, VERSION, kind.PLURAL, registry=registry, id=kind.PLURAL)
        async def seen(event: Any, **_: Any) -> None:
            tell(event)

    return registry
