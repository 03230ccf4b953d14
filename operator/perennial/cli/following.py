"""Objects that are kept up to date: listed once, then watched."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from perennial.api import API_VERSION
from perennial.api.values import Json
from perennial.cli.connection import Connection, path_of
from perennial.cli.kinds import Kind
from perennial.cli.lenient import meta
from perennial.cli.problem import Problem

RETRY_SECONDS = 2.0


class Followed:
    """Objects at a path of the API server, as they are now.

    A thread of its own follows them for as long as the process lives; it never writes anything but
    its own fields, each whole, so that nobody has to wait for it.

    Args:
        api: the connection, which threads may share.
        path: URL path of a list.
        query: of the list, such as a selector.
        changed: set whenever there is something new.
        kind: what the objects are, where they are ours.
    """

    def __init__(
        self,
        api: Connection,
        path: str,
        query: Mapping[str, str],
        changed: threading.Event,
        kind: Kind | None = None,
    ) -> None:
        self._api, self._path, self._query, self._kind = api, path, query, kind
        self._changed = changed
        self.items: tuple[Json, ...] | None = None
        """None before the first list."""
        self.problem: Problem | None = None
        """Why they may be out of date."""
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        while True:
            try:
                self._once()
            except Problem as problem:
                self.problem = problem
                self._changed.set()
                time.sleep(RETRY_SECONDS)

    def _once(self) -> None:
        """List, then watch until the watch ends."""
        listed, version = self._api.listed(self._path, self._query)
        known = {meta(o, "uid"): o for o in listed}
        self._set(known)
        for change in self._api.changes(self._path, self._query, version):
            body = change.get("object") or {}
            type = change.get("type")
            if type == "ERROR":
                return  # what it was to go on from is too old: list again
            if type == "DELETED":
                known.pop(meta(body, "uid"), None)
            elif type in ("ADDED", "MODIFIED"):
                known[meta(body, "uid")] = body
            else:
                continue
            self._set(known)

    def _set(self, known: Mapping[str, Json]) -> None:
        told = {"apiVersion": API_VERSION, "kind": self._kind.kind} if self._kind else {}
        self.items = tuple({**told, **o} for o in known.values())
        self.problem = None
        self._changed.set()


def follow_kind(
    api: Connection, kind: Kind, namespace: str, changed: threading.Event, name: str = ""
) -> Followed:
    """Follow the objects of a kind in a namespace, or one of them."""
    query = {"fieldSelector": f"metadata.name={name}"} if name else {}
    return Followed(api, path_of(kind, namespace), query, changed, kind)
