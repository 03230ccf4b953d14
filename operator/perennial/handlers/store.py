"""The default store's Secret, brought into the namespaces that use it."""

from __future__ import annotations

from perennial.api.base import Json
from perennial.cluster.client import Cluster
from perennial.plan.core import MANAGED_BY
from perennial.settings import Options


async def provide_secret(cluster: Cluster, namespace: str, options: Options) -> None:
    """Copy the default store's Secret into a namespace; a rotated one is copied again.

    One of that name that somebody else put there is left alone: it is what its owner wants.
    """
    if not options.store_secret or namespace == options.namespace:
        return
    own = await cluster.get("v1", "Secret", options.namespace, options.store_secret)
    if own is None:
        return
    present = await cluster.get("v1", "Secret", namespace, options.store_secret)
    if present is not None and not MANAGED_BY.items() <= _labels(present).items():
        return
    await cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": options.store_secret,
                "namespace": namespace,
                "labels": dict(MANAGED_BY),
            },
            "type": "Opaque",
            "data": own.get("data", {}),
        }
    )


def _labels(body: Json) -> dict[str, str]:
    return body["metadata"].get("labels") or {}
