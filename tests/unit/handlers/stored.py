"""The reads of a connection to the API server, over a few objects."""

from typing import Any

from perennial.api.common import Kind
from perennial.api.values import Json
from perennial.cluster.queue import Key
from perennial.plan.core import Settings

SETTINGS = Settings(store_uri="s3://models", store_secret="perennial-store")


def key(owner: Kind) -> Key:
    """Return what the work queue calls an object."""
    return Key(owner.kind(), owner.metadata.namespace, owner.metadata.name)


class Stored:
    """Answers reads by kind and name, and notes what was asked for."""

    def __init__(self, *objects: Kind | Json) -> None:
        self.objects = objects
        self.events: list[Json] = []
        self.asked: list[str] = []

    def _of(self, kind: str) -> list[Any]:
        def is_one(found: Any) -> bool:
            return bool((found.kind() if isinstance(found, Kind) else found["kind"]) == kind)

        return [found for found in self.objects if is_one(found)]

    async def read(self, kind: type[Kind], namespace: str, name: str) -> Any:
        self.asked.append(f"{kind.kind()} {name}")
        return next((o for o in self._of(kind.kind()) if o.metadata.name == name), None)

    read_own = read

    async def read_all(self, kind: type[Kind], namespace: str, selector: str = "") -> list[Any]:
        self.asked.append(f"{kind.kind()}s {selector}".strip())
        return self._of(kind.kind())

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Json | None:
        return next((o for o in self._of(kind) if o["metadata"]["name"] == name), None)

    async def select(
        self, api_version: str, kind: str, namespace: str, selector: str = ""
    ) -> list[Json]:
        return self._of(kind)

    async def events_about(self, body: Json, reason: str) -> list[Json]:
        self.asked.append(f"Events of {body['metadata']['name']} {reason}")
        return self.events
