"""``python -m perennial``: run the operator."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Iterable

from prometheus_client import start_http_server
from pythonjsonlogger.json import JsonFormatter

from perennial import settings as configuration
from perennial.api import API_VERSION, KINDS
from perennial.api.values import Json
from perennial.cluster import health
from perennial.cluster.cache import Cache, Source
from perennial.cluster.cached import CachedCluster
from perennial.cluster.client import connect
from perennial.cluster.leader import lead
from perennial.cluster.own_kinds import keep_own
from perennial.cluster.queue import Key, WorkQueue
from perennial.cluster.watch import keep
from perennial.handlers import wake
from perennial.handlers.controller import Controller
from perennial.plan.core.premise import GATEWAY_API, POLICIES_API, POLICY
from perennial.sources.pods import Pods
from perennial.sources.web import Web

OWN = tuple(Source(API_VERSION, kind.kind()) for kind in KINDS)
CHILDREN = tuple(
    Source(api_version, kind, "app.kubernetes.io/managed-by=perennial", optional)
    for api_version, kind, optional in (
        ("apps/v1", "ControllerRevision", False),
        ("apps/v1", "Deployment", False),
        ("batch/v1", "Job", False),
        ("policy/v1", "PodDisruptionBudget", False),
        ("v1", "Pod", False),
        ("v1", "Service", False),
        (POLICIES_API, POLICY, True),
        (GATEWAY_API, "GRPCRoute", True),
        (GATEWAY_API, "HTTPRoute", True),
    )
)


def log_as_json() -> None:
    """Write one JSON object a line: time, level, logger, message, and the object, if any."""
    handler = logging.StreamHandler(sys.stderr)
    names = {"levelname": "level", "name": "logger"}
    fields = "%(levelname)s %(name)s %(message)s"
    handler.setFormatter(JsonFormatter(fields, rename_fields=names, timestamp="time"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("kopf", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def heed_signals(stopping: asyncio.Event) -> None:
    """Set an event on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)


async def operate() -> None:
    """Lead, watch, wake, reconcile, until the process is told to stop."""
    settings, options = configuration.read()
    stopping = asyncio.Event()
    heed_signals(stopping)
    cache = Cache((*OWN, *CHILDREN), wake.references)
    cluster = CachedCluster(await connect(), cache)
    pods, web = Pods(lambda: queue.meanwhile()), Web()
    controller = Controller(cluster, pods, settings, options, web)

    async def reconcile(key: Key) -> float | None:
        # Nothing is decided where not everything was listed: it is woken once it was.
        return await controller.reconcile(key) if cache.is_listed(key.namespace) else None

    queue = WorkQueue(reconcile, lambda: wake.everything(cache))
    start_http_server(options.metrics_port)
    readiness = health.Readiness()
    probes = await health.serve(options.health_port, queue.is_alive, readiness.is_ready)

    def changed(before: Json | None, after: Json | None) -> None:
        delay = wake.delay(before, after)
        for key in wake.concerned(cache, before, after):
            if cache.is_listed(key.namespace):
                queue.add_after(key, delay)

    def opened(namespace: str) -> None:
        for key in wake.everything(cache):
            if namespace in ("", key.namespace):
                queue.add(key)

    cache.changed.append(changed)
    cache.opened.append(opened)

    async def work(ended: asyncio.Event) -> None:
        queue.start()
        sweeping = asyncio.create_task(controller.store.sweep())
        watching = asyncio.create_task(watch(cluster, cache, options.watch_namespaces, readiness))

        async def end() -> None:
            await ended.wait()
            await queue.stop()  # first of all: another replica may work from now on
            watching.cancel()

        ending = asyncio.create_task(end())
        try:
            await watching
        except asyncio.CancelledError:
            if not ended.is_set():
                raise
        finally:
            ending.cancel()
            sweeping.cancel()
            await queue.stop()

    try:
        await lead(cluster, options.lease, options.namespace, work, stopping, readiness)
    finally:
        await probes.cleanup()
        await pods.close()
        await web.close()
        await cluster.close()


async def watch(
    cluster: CachedCluster, cache: Cache, namespaces: Iterable[str], readiness: health.Readiness
) -> None:
    """Keep the cache as the API server is, in some namespaces or, where none is named, in all."""
    async with asyncio.TaskGroup() as tasks:
        for namespace in namespaces or ("",):
            tasks.create_task(keep_own(cluster, cache, OWN, namespace, readiness.watches.set))
            for source in CHILDREN:
                tasks.create_task(keep(cluster, cache, source, namespace))


def main() -> None:
    """Run the operator."""
    log_as_json()
    asyncio.run(operate())


if __name__ == "__main__":
    main()
