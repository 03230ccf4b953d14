"""List and watch: how the cache is fed, and that it cannot stay behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import NoReturn

import msgspec
from aiohttp import ClientError
from kubernetes.aio.client.exceptions import ApiException

from perennial.api.values import Json
from perennial.cluster.cache import Cache, Source
from perennial.cluster.client import Cluster, sentence

log = logging.getLogger("perennial.watch")

AWAY = (ApiException, ClientError, OSError, LookupError, TypeError, ValueError)
"""How an API server is away, refuses, or answers what nobody can read."""
PAGE = 200
WATCH_SECONDS = 300
SILENT_SECONDS = 90.0
"""A bookmark comes each minute: a watch that is silent for so long is dead."""
LONGEST_WAIT_SECONDS = 15.0
LONGEST_ABSENT_SECONDS = 30.0
"""For kinds that a cluster may do without: most do, in each of many namespaces."""


async def relist(cluster: Cluster, cache: Cache, source: Source, namespace: str) -> str:
    """List a kind into the cache, which then holds nothing else; return the list's version.

    Where the list is refused, nothing is known: what was known may be long gone.

    Raises:
        ApiException: it was refused.
    """
    path = cluster.path(source.api_version, source.kind, namespace)
    try:
        bodies, version = await _list(cluster, path, source)
    except ApiException as error:
        if error.status in (403, 404) and source.optional:
            cache.do_without(source, namespace, (error.status, sentence(error)))
        elif error.status in (403, 404):
            cache.drop(source, namespace)
        raise
    cache.replace(source, namespace, bodies, version)
    return version


async def _list(cluster: Cluster, path: str, source: Source) -> tuple[list[Json], str]:
    """Return all pages of a list, and its version."""
    query = {"limit": str(PAGE)}
    if source.selector:
        query["labelSelector"] = source.selector
    bodies: list[Json] = []
    while True:
        page = await cluster.call("GET", path, query)
        for item in page.get("items") or []:
            item["metadata"].pop("managedFields", None)  # half of it, and nobody reads them
            bodies.append({"apiVersion": source.api_version, "kind": source.kind, **item})
        query["continue"] = page["metadata"].get("continue") or ""
        if not query["continue"]:
            return bodies, page["metadata"]["resourceVersion"]


async def keep(cluster: Cluster, cache: Cache, source: Source, namespace: str) -> NoReturn:
    """List a kind, and watch it from there, for ever."""
    failures, logged = 0, ""
    while True:
        try:
            version: str | None = await relist(cluster, cache, source, namespace)
            failures, logged = 0, ""
            while version is not None:
                version = await follow(cluster, cache, source, namespace, version)
        except AWAY as error:
            failures += 1
            if logged != (logged := reason(error)):
                about = {"kind": source.kind, "namespace": namespace}
                log.warning("the objects cannot be listed: %s", logged, extra=about)
        longest = LONGEST_ABSENT_SECONDS if source.optional else LONGEST_WAIT_SECONDS
        await asyncio.sleep(wait_seconds(failures, longest))


def reason(error: Exception) -> str:
    """Return why something could not be listed or watched."""
    return sentence(error) if isinstance(error, ApiException) else repr(error)


def wait_seconds(failures: int, longest: float = LONGEST_WAIT_SECONDS) -> float:
    """Return how long to wait after so many failures in a row, nobody at the same time."""
    return min(longest, 0.5 * 2.0 ** min(failures, 8)) * random.uniform(0.5, 1.0)


async def follow(
    cluster: Cluster, cache: Cache, source: Source, namespace: str, version: str
) -> str | None:
    """Watch once, from a version; return from which to go on, None where that is too old.

    Raises:
        ApiException: the watch was refused.
    """
    query = {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": version,
        "timeoutSeconds": str(WATCH_SECONDS),
    }
    if source.selector:
        query["labelSelector"] = source.selector
    path = cluster.path(source.api_version, source.kind, namespace)
    try:
        lines = cluster.lines(path, query, WATCH_SECONDS + 30, SILENT_SECONDS)
        async with contextlib.aclosing(lines):
            async for line in lines:
                event = msgspec.json.decode(line)
                body = event["object"]
                match event["type"]:
                    case "ERROR":
                        raise ApiException(body.get("code"), body.get("message"))
                    case "DELETED":
                        cache.remove(body)
                    case "ADDED" | "MODIFIED":
                        cache.put(body)
                version = body["metadata"]["resourceVersion"]
    except ApiException as error:
        if error.status == 410:
            return None
        raise
    except (ClientError, TimeoutError, OSError) as error:
        log.info("the watch of %ss broke off: %s", source.kind, error)
    await asyncio.sleep(wait_seconds(0))
    return version
