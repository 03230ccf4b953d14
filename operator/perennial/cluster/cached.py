"""The API server behind a cache: the same reads, and writes that rely on nothing stale.

What is read may be a moment old, which costs a pass at most: a status is written with the version
that was read, an object is applied and deleted as the one that was read, and before pods or
requests are taken away from something, the API server is asked whether what else is to carry them
still stands. A refusal refreshes the cache, so that the next pass decides about what is.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from kubernetes.aio import client

from perennial.api import API_VERSION
from perennial.api.base import ApiModel, Json, Kind
from perennial.cluster.cache import Cache, Held
from perennial.cluster.client import Cluster, Outdated, WriteRefused
from perennial.cluster.lowering import Name, leaned_on, lowers, name_of, stands
from perennial.plan.core import Deletion

_read: ContextVar[dict[Name, Json]] = ContextVar("read")
"""The Deployments and Services that this pass has read, as it read them."""


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
        found: Json | None = self.cache.get(api_version, kind, namespace, name)
        if found is None and source.selector:
            found = await super().get(api_version, kind, namespace, name)
        self._note(found)
        return found

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
        found: list[Json] = [*self.cache.select(api_version, kind, namespace, selector)]
        for body in found:
            self._note(body)
        return found

    async def read_own(self, kind: type[Kind], namespace: str, name: str) -> Any:
        """Return the object that is to be decided about, typed, or None: a pass begins.

        Raises:
            Unreadable: nothing can be decided about it.
        """
        _read.set({})
        return await super().read_own(kind, namespace, name)

    async def refresh(self, api_version: str, kind: str, namespace: str, name: str) -> Json | None:
        """Return an object as the API server has it; the cache knows then, too."""
        held = self._held((api_version, kind, namespace, name))
        found = await super().get(api_version, kind, namespace, name)
        if found is None and held is not None:
            uid = held["metadata"]["uid"]
            self.cache.forget(api_version, kind, namespace, name, uid)
        return found

    async def apply(self, wanted: Json) -> bool:
        """Apply an object server-side, unless it already is as wanted; tell whether it wrote.

        Raises:
            Outdated: what was read no longer holds.
            WriteRefused: the API server refused it, or the object of its name is not ours.
        """
        name = name_of(wanted)
        held = self._held(name)
        if held is not None and lowers(held, wanted):
            await self._confirm(name, wanted)
        try:
            return await super().apply(wanted)
        except WriteRefused as error:
            if held is None or error.refusal.code not in (404, 409):
                raise
            found = await self.refresh(*name)
            if found is not None and _uid(found) == _uid(held):
                raise
            raise Outdated(f"{wanted['kind']} {wanted['metadata']['name']}") from error

    async def delete(self, deletion: Deletion, version: str = "") -> bool:
        """Delete an object as it was read; tell whether it was there.

        Raises:
            Outdated: it has changed since, or what was read no longer holds.
            WriteRefused: the API server refused it.
        """
        name = (deletion.api_version, deletion.kind, deletion.namespace, deletion.name)
        if self.cache.source(*name[:2]) is None:
            return await super().delete(deletion, version)
        held = self._held(name)
        if held is None or _uid(held) != deletion.uid:
            return False
        if lowers(held, None):
            await self._confirm(name, None)
        version = version or held["metadata"]["resourceVersion"]
        if await super().delete(deletion, version):
            return True
        found = await self.refresh(*name)
        if found is not None and _uid(found) == deletion.uid:
            raise Outdated(f"{deletion.kind} {deletion.name}")
        return False

    async def write_status(self, owner: Kind, status: ApiModel) -> bool:
        """Apply a status where it differs; tell whether it wrote.

        Raises:
            Outdated: the object has changed since it was read, so that the status may be wrong.
            WriteRefused: the API server refused it.
        """
        try:
            return await super().write_status(owner, status)
        except Outdated:
            await self.refresh(API_VERSION, owner.kind(), *owner.key)
            raise

    def _held(self, name: Name) -> Held | None:
        return self.cache.get(*name) if self.cache.source(*name[:2]) is not None else None

    def _note(self, body: Json | None) -> None:
        if body is not None and body["kind"] in ("Deployment", "Service"):
            _read.get({})[name_of(body)] = body

    async def _confirm(self, lowered: Name, wanted: Json | None) -> None:
        """Ask the API server whether what is to carry the requests is as it was read.

        Raises:
            Outdated: it is not.
        """
        read = _read.get({})
        for name in leaned_on(read, lowered, wanted):
            if not stands(read[name], await self.refresh(*name)):
                raise Outdated(f"{name[1]} {name[3]}")


def _uid(body: Json) -> str:
    return str(body["metadata"]["uid"])
