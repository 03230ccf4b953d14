"""The API server behind a cache: the same reads, and writes that rely on nothing stale.

What is read may be a moment old, which costs a pass at most: a status is written with the version
that was read, an object is applied and deleted as the one that was read, and the premises of what
takes pods or requests away are asked of the API server itself. What turns out to be outdated is
known from then on, so that the next pass decides about what is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubernetes.aio import client

from perennial.api import API_VERSION
from perennial.api.base import ApiModel, Json, Kind
from perennial.cluster.cache import Cache, Held
from perennial.cluster.client import Cluster, Outdated, WriteRefused
from perennial.plan.core import Deletion
from perennial.plan.premise import Premise

Name = tuple[str, str, str, str]
"""API version, kind, namespace, name."""


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

    async def fresh(self, api_version: str, kind: str, namespace: str, name: str) -> Json | None:
        """Return an object as the API server has it now; the cache knows then, too."""
        held = self._held((api_version, kind, namespace, name))
        found = await super().get(api_version, kind, namespace, name)
        if found is None and held is not None:
            uid = held["metadata"]["uid"]
            self.cache.forget(api_version, kind, namespace, name, uid)
        return found

    async def apply(self, wanted: Json, premises: Sequence[Premise] = ()) -> bool:
        """Apply an object server-side, unless it already is as wanted; tell whether it wrote.

        Raises:
            Outdated: it is another than the one that was read, or a premise holds no more.
            WriteRefused: the API server refused it, or the object of its name is not ours.
        """
        metadata = wanted["metadata"]
        name = (wanted["apiVersion"], wanted["kind"], metadata["namespace"], metadata["name"])
        held = self._held(name)
        try:
            return await super().apply(wanted, premises)
        except WriteRefused as error:
            if held is None or error.refusal.code not in (404, 409):
                raise
            found = await self.fresh(*name)
            if found is not None and found["metadata"]["uid"] == held["metadata"]["uid"]:
                raise
            raise Outdated(f"{name[1]} {name[3]}") from error

    async def delete(self, deletion: Deletion, premises: Sequence[Premise] = ()) -> bool:
        """Delete an object; tell whether it was there.

        Raises:
            Outdated: it has changed since it was read, or a premise holds no more.
            WriteRefused: the API server refused it.
        """
        name = (deletion.api_version, deletion.kind, deletion.namespace, deletion.name)
        try:
            there = await super().delete(deletion, premises)
        except Outdated:
            await self.fresh(*name)
            raise
        if not there:
            await self.fresh(*name)
        return there

    async def write_status(self, owner: Kind, status: ApiModel) -> bool:
        """Apply a status where it differs; tell whether it wrote.

        Raises:
            Outdated: the object has changed since it was read, so that the status may be wrong.
            WriteRefused: the API server refused it.
        """
        try:
            return await super().write_status(owner, status)
        except Outdated:
            await self.fresh(API_VERSION, owner.kind(), *owner.key)
            raise

    def _held(self, name: Name) -> Held | None:
        return self.cache.get(*name) if self.cache.source(*name[:2]) is not None else None
