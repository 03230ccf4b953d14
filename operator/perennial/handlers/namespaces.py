"""Whether a named namespace is there."""

from __future__ import annotations

from collections.abc import Iterable

from kubernetes.aio.client.exceptions import ApiException

from perennial.api import API_VERSION, KINDS
from perennial.cluster.client import Cluster


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
