"""``python -m perennial``: run the operator."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import kopf
from prometheus_client import start_http_server
from pythonjsonlogger.json import JsonFormatter

from perennial import settings as configuration
from perennial.api import GROUP, KINDS, VERSION
from perennial.api.base import Json
from perennial.cluster.client import Cluster
from perennial.cluster.queue import Key, WorkQueue
from perennial.handlers import wake
from perennial.handlers.controller import CONTROLLERS, Controller

MANAGED = {"app.kubernetes.io/managed-by": "perennial"}
CHILDREN = (("batch", "v1", "jobs"), ("apps", "v1", "deployments"), ("", "v1", "pods"))


def log_as_json() -> None:
    """Write one JSON object a line, for machines that read logs."""
    handler = logging.StreamHandler(sys.stderr)
    fields = "%(asctime)s %(levelname)s %(name)s %(message)s"
    handler.setFormatter(JsonFormatter(fields, rename_fields={"levelname": "level"}))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("kopf", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


async def operate() -> None:
    """Watch, wake, reconcile, until the process is told to stop."""
    settings, options = configuration.read()
    cluster = await Cluster.connect()
    controller = Controller(cluster, settings, options)
    queue = WorkQueue(controller.reconcile)
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
        queue.start()

    async def ours(name: str, namespace: str, body: Json, deleted: bool) -> None:
        key = Key(str(body["kind"]), namespace, name)
        for woken in await wake.related(cluster, key, body):
            if woken.kind in CONTROLLERS and not (woken == key and deleted):
                queue.add(woken)

    async def child(namespace: str | None, labels: Any, **_: Any) -> None:
        for key in wake.owners(namespace or "", dict(labels)):
            if key.kind in CONTROLLERS:
                queue.add(key)

    for kind in KINDS:

        @kopf.on.event(GROUP, VERSION, kind.PLURAL, registry=registry, id=kind.PLURAL)
        async def woken(
            name: str | None, namespace: str | None, body: Any, type: str | None, **_: Any
        ) -> None:
            await ours(name or "", namespace or "", dict(body), type == "DELETED")

    for group, version, plural in CHILDREN:
        kopf.on.event(group, version, plural, registry=registry, labels=MANAGED, id=plural)(child)

    start_http_server(options.metrics_port)
    try:
        await kopf.operator(
            registry=registry,
            standalone=True,
            clusterwide=not options.watch_namespaces,
            namespaces=options.watch_namespaces,
            liveness_endpoint=f"http://0.0.0.0:{options.health_port}/healthz",
        )
    finally:
        await queue.stop()
        await cluster.close()


def main() -> None:
    """Run the operator."""
    log_as_json()
    asyncio.run(operate())


if __name__ == "__main__":
    main()
