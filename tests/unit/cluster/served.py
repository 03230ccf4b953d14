"""An API server in memory, as far as the client asks it: versions, labels, pages, watches."""

import copy
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from perennial.api.values import Json
from perennial.cluster.client import PLURALS

KINDS = {
    ("" if "/" not in api else api.split("/")[0], plural): (api, kind)
    for (api, kind), plural in PLURALS.items()
}


class Answer:
    """What one request is answered."""

    headers: dict[str, str] = {}
    reason = "because"

    def __init__(self, status: int, body: Json, lines: list[Any] | None = None) -> None:
        self.status, self._body, self._lines = status, body, lines or []
        self.response = self.content = self

    async def read(self) -> bytes:
        return json.dumps(self._body).encode()

    async def text(self) -> str:
        return json.dumps(self._body)

    async def __aenter__(self) -> "Answer":
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def iter_any(self) -> AsyncIterator[bytes]:
        for line in self._lines:
            if isinstance(line, Exception):
                raise line
            raw = json.dumps(line).encode() + b"\n"
            yield raw[:7]  # it comes in pieces
            yield raw[7:]


class Server:
    """Objects by kind, namespace and name; ``history`` is all that ever happened to them."""

    def __init__(self) -> None:
        self.version = 100
        self.objects: dict[tuple[str, str, str], Json] = {}
        self.history: list[tuple[str, Json]] = []
        self.asked: list[tuple[str, str]] = []
        self.refused: dict[str, int] = {}
        """Statuses by part of a path; by "watch", of watches only."""
        self.watches: list[list[Any]] = []
        """What the next watches are sent; where there is none left, what really happened."""
        self.watching = 0
        """How many watches were asked for."""
        self.most = 2
        self.keeps = False
        """Whether a finalizer keeps what is deleted."""
        self.forgotten = 0
        """The oldest version from which a watch may go on."""

    # What others do.

    def write(self, body: Json) -> Json:
        """Create an object, or change it."""
        meta = body["metadata"]
        key = (body["kind"], meta["namespace"], meta["name"])
        known = self.objects.get(key)
        self.version += 1
        uid = known["metadata"]["uid"] if known else f"uid-{self.version}"
        told = {**meta, "uid": uid, "resourceVersion": str(self.version)}
        self.objects[key] = copy.deepcopy({**body, "metadata": told})
        self.history.append(("MODIFIED" if known else "ADDED", self.objects[key]))
        return self.objects[key]

    def remove(self, kind: str, namespace: str, name: str) -> Json:
        """Delete an object."""
        self.version += 1
        gone = copy.deepcopy(self.objects.pop((kind, namespace, name)))
        gone["metadata"]["resourceVersion"] = str(self.version)
        self.history.append(("DELETED", gone))
        return gone

    # What the client library's own class has.

    async def param_serialize(self, verb: str, path: str, **more: Any) -> Any:
        return verb, path, more["query_params"], None, None

    async def call_api(
        self, verb: str, url: str, query: Any, body: Any, _: Any, _request_timeout: Any = None
    ) -> Answer:
        asked = dict(query)
        self.watching += "watch" in asked
        self.asked.append((verb, urlsplit(url).path))
        path = [part for part in urlsplit(url).path.split("/") if part]
        group = path[1] if path[0] == "apis" else ""
        path = path[3 if group else 2 :]
        namespace = path[1] if path[0] == "namespaces" else ""
        path = path[2 if namespace else 0 :]
        api_version, kind = KINDS[group, path[0]]
        for part, status in self.refused.items():
            if (part in url and "watch" not in asked) or (part == "watch" and part in asked):
                return Answer(status, {"message": f"{kind}s are refused"})
        key = (kind, namespace, path[1] if len(path) > 1 else "")
        if verb == "PATCH":
            return self._patch(key, body, "status" in path)
        if verb == "DELETE":
            return self._delete(key, body.get("preconditions", {}))
        if len(path) > 1:
            found = self.objects.get(key)
            return Answer(200, found) if found else Answer(404, {"message": "none"})
        if "watch" in asked:
            return self._watch(kind, namespace, asked)
        return self._list(api_version, kind, namespace, asked)

    def _patch(self, key: tuple[str, str, str], body: Json, status: bool) -> Answer:
        known = self.objects.get(key)
        if status and known is None:
            return Answer(404, {"message": "none"})
        was = known["metadata"] if known else {"uid": "none"}
        for field in ("uid", "resourceVersion"):
            if body["metadata"].get(field, was.get(field)) != was.get(field):
                return Answer(409, {"message": f"another {field}"})
        merged = {**(known or {}), **body, "metadata": {**was, **body["metadata"]}}
        return Answer(200, self.write(merged))

    def _delete(self, key: tuple[str, str, str], conditions: Json) -> Answer:
        known = self.objects.get(key)
        if known is None:
            return Answer(404, {"message": "none"})
        if any(known["metadata"][field] != value for field, value in conditions.items()):
            return Answer(409, {"message": "it has changed"})
        if self.keeps:
            ending = {**known["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
            return Answer(200, self.write({**known, "metadata": ending}))
        self.remove(*key)
        return Answer(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})

    def _list(self, api_version: str, kind: str, namespace: str, asked: Json) -> Answer:
        picked = self.listed(kind, namespace, asked.get("labelSelector", ""))
        begin = int(asked.get("continue") or 0)
        page = picked[begin : begin + self.most]
        more = str(begin + self.most) if begin + self.most < len(picked) else ""
        items = [{k: v for k, v in b.items() if k not in ("kind", "apiVersion")} for b in page]
        meta = {"resourceVersion": str(self.version), "continue": more}
        body = {"kind": f"{kind}List", "apiVersion": api_version, "metadata": meta, "items": items}
        return Answer(200, body)

    def listed(self, kind: str, namespace: str = "", selector: str = "") -> list[Json]:
        """Return what a list is answered."""
        return [
            body
            for (of, space, _), body in sorted(self.objects.items())
            if of == kind and namespace in ("", space) and picks(selector, body)
        ]

    def _watch(self, kind: str, namespace: str, asked: Json) -> Answer:
        if self.watches:
            return Answer(200, {}, self.watches.pop(0))
        if int(asked["resourceVersion"]) < self.forgotten:
            gone = {"type": "ERROR", "object": {"code": 410, "message": "too old"}}
            return Answer(200, {}, [gone])
        selector = asked.get("labelSelector", "")
        happened = [
            {"type": type if picks(selector, body) else "DELETED", "object": body}
            for type, body in self.history
            if body["kind"] == kind
            and namespace in ("", body["metadata"]["namespace"])
            and int(body["metadata"]["resourceVersion"]) > int(asked["resourceVersion"])
        ]
        mark = {"kind": kind, "metadata": {"resourceVersion": str(self.version)}}
        # As a real one does: nothing more comes, until the connection is dead.
        silence = [aiohttp.SocketTimeoutError()] if not happened else []
        return Answer(200, {}, [*happened, {"type": "BOOKMARK", "object": mark}, *silence])


def picks(selector: str, body: Json) -> bool:
    """Tell whether a label selector picks an object."""
    wanted = [term.split("=") for term in selector.split(",") if term]
    labels = body["metadata"].get("labels") or {}
    return all(labels.get(name) == value for name, value in wanted)
