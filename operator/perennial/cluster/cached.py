"""The API server behind a cache: the same reads, of a moment ago.

That costs a pass at most: each write is of the version that was read, and what lets it take pods
or requests away is asked of the API server itself. What turns out to be outdated is known from
then on, so that the next pass decides about what is.
"""

from __future__ import annotations

from typing import Any

from kubernetes.aio import client

from perennial.api.values import Json
from perennial.cluster.cache import Cache, Held, Lack
from perennial.cluster.client import Cluster
from perennial.plan.core import Deletion, Premise
from perennial.plan.core.premise import Name


class CachedCluster(Cluster):
    """A connection whose reads of what the cache holds ask nobody."""

    def __init__(self, api: client.ApiClient, cache: Cache) -> None:
        super().__init__(api)
        self.cache = cache

    async def call(self, *arguments: Any, **more: Any) -> Json:
        """Make one request; what it answers is in the cache before anybody else tells of it."""
        answer = await super().call(*arguments, **more)
        self.cache.put(answer)
        return answer

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Json | None:
        """Return an object, or None where there is none.

        One that is not held, of a kind of which only ours are held, may be somebody else's.
        """
        source = self.cache.source(api_version, kind)
        if source is None:
            return await super().get(api_version, kind, namespace, name)
        held: Json | None = self.cache.get(api_version, kind, namespace, name)
        if held is None and source.selector:
            return await super().get(api_version, kind, namespace, name)
        return held

    async def look(self, api_version: str, kind: str, namespace: str, name: str) -> Json | None:
        """Return what is to be written over; what is not held is asked for."""
        at = (api_version, kind, namespace, name)
        held: Json | None = self._held(at)
        return held if held is not None else await super().get(*at)

    async def select(
        self, api_version: str, kind: str, namespace: str, selector: str = ""
    ) -> list[Json]:
        """Return the objects of a kind in a namespace that a label selector picks."""
        if self.cache.source(api_version, kind) is None:
            return await super().select(api_version, kind, namespace, selector)
        return [*self.cache.select(api_version, kind, namespace, selector)]

    def lacking(self, api_version: str, kind: str, namespace: str) -> Lack | None:
        """Return why nothing is known of a kind that a cluster may do without; None where it is."""
        return self.cache.lacking(api_version, kind, namespace)

    async def fresh(self, api_version: str, kind: str, namespace: str, name: str) -> Json | None:
        """Return an object as the API server has it now; the cache knows then, too."""
        held = self._held((api_version, kind, namespace, name))
        found = await super().get(api_version, kind, namespace, name)
        if found is None and held is not None:
            uid = held["metadata"]["uid"]
            self.cache.forget(api_version, kind, namespace, name, uid)
        return found

    async def delete(self, deletion: Deletion, premise: Premise | None = None) -> bool:
        """Delete an object; where nothing keeps it, it is gone before anybody tells.

        Raises:
            Outdated: it has changed since it was seen, another has its name, or the premise does
                not allow it.
            WriteRefused: the API server refused it.
        """
        there = await super().delete(deletion, premise)
        name = (deletion.api_version, deletion.kind, deletion.namespace, deletion.name)
        held = self._held(name)
        if there and held is not None and "deletionTimestamp" not in held["metadata"]:
            self.cache.forget(*name, deletion.uid)
        return there

    def _held(self, name: Name) -> Held | None:
        return self.cache.get(*name) if self.cache.source(*name[:2]) is not None else None
