"""``python -m perennial``: run the operator."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import Any

import kopf
from prometheus_client import start_http_server
from pythonjsonlogger.json import JsonFormatter

from perennial import settings as configuration
from perennial.api import GROUP, KINDS, VERSION
from perennial.api.base import Json
from perennial.cluster import health
from perennial.cluster.client import Cluster
from perennial.cluster.leader import lead
from perennial.cluster.queue import Key, WorkQueue
from perennial.handlers import wake
from perennial.handlers.controller import CONTROLLERS, Controller
from perennial.handlers.namespaces import listable, watch_those_there

MANAGED = {"app.kubernetes.io/managed-by": "perennial"}
CHILDREN = (
    ("batch", "v1", "jobs"),
    ("apps", "v1", "deployments"),
    ("", "v1", "pods"),
    ("", "v1", "services"),
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
    cluster = await Cluster.connect()
    controller = Controller(cluster, settings, options)
    queue = WorkQueue(controller.reconcile, lambda: everything(cluster, options))
    start_http_server(options.metrics_port)
    readiness = health.Readiness()
    probes = await health.serve(options.health_port, queue.is_alive, readiness.is_ready)

    async def work(ended: asyncio.Event) -> None:
        queue.start()
        sweeping = asyncio.create_task(controller.store.sweep())
        watching = asyncio.create_task(watch(cluster, queue, options, stopping, readiness.watches))

        async def end() -> None:
            await ended.wait()
            await queue.stop()  # first of all: another replica may work from now on
            # Cancelled, not asked: asked, Kopf waits 5 s for tasks that are not its own.
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
        await cluster.close()


async def everything(cluster: Cluster, options: configuration.Options) -> list[Key]:
    """Return all of our objects that are watched.

    Raises:
        PermissionError: there is none of the namespaces that are to be watched.
    """
    namespaces = await listable(cluster, options.watch_namespaces)
    if options.watch_namespaces and not namespaces:
        named = ", ".join(options.watch_namespaces)
        raise PermissionError(f"none of the namespaces {named} is there, or may be listed")
    return await wake.everything(cluster, namespaces)


async def watch(
    cluster: Cluster,
    queue: WorkQueue,
    options: configuration.Options,
    stopping: asyncio.Event,
    begun: asyncio.Event,
) -> None:
    """Let Kopf watch, and wake what each event concerns.

    Args:
        begun: Set once it watches, which it does when all our kinds have been listed: what is
            missing then, a kind or a right, Kopf would only notice while it starts.
    """
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**context: Any) -> kopf.ConnectionInfo | None:
        own = kopf.login_with_service_account(**context)
        return own or kopf.login_with_kubeconfig(**context)

    @kopf.on.startup(registry=registry)
    async def configure(settings: kopf.OperatorSettings, **_: object) -> None:
        # Kopf only watches: it posts no events, leaves no annotation and no finalizer.
        settings.posting.enabled = False
        settings.watching.server_timeout = 300
        settings.watching.client_timeout = 330
        settings.networking.request_timeout = 30
        # Within namespaces there is no right to look at what else the cluster has.
        settings.scanning.disabled = bool(options.watch_namespaces)
        heed_signals(stopping)  # Kopf has just taken them for itself

    async def ours(name: str, namespace: str, body: Json) -> None:
        key = Key(str(body["kind"]), namespace, name)
        queue.add(key)  # before what may fail: Kopf drops an event whose handler raises
        for woken in await wake.related(cluster, key, body):
            if woken.kind in CONTROLLERS:
                queue.add(woken)

    async def child(namespace: str | None, labels: Any, **_: Any) -> None:
        for key in wake.owners(namespace or "", dict(labels)):
            if key.kind in CONTROLLERS:
                queue.add(key)

    for kind in KINDS:

        @kopf.on.event(GROUP, VERSION, kind.PLURAL, registry=registry, id=kind.PLURAL)
        async def woken(name: str | None, namespace: str | None, body: Any, **_: Any) -> None:
            await ours(name or "", namespace or "", dict(body))

    for group, version, plural in CHILDREN:
        kopf.on.event(group, version, plural, registry=registry, labels=MANAGED, id=plural)(child)

    async def run(namespaces: tuple[str, ...] = ()) -> None:
        await kopf.operator(
            registry=registry,
            ready_flag=begun,
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
        )

    await queue.listed.wait()
    if options.watch_namespaces:
        await watch_those_there(cluster, options.watch_namespaces, run)
    else:
        await run()


def main() -> None:
    """Run the operator."""
    log_as_json()
    asyncio.run(operate())


if __name__ == "__main__":
    main()
