"""The chart's store: which namespaces are handed its Secret, and when a copy is taken back."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import defaultdict

from kubernetes.aio.client.exceptions import ApiException

from perennial.api.values import Json
from perennial.cluster.client import Cluster, Outdated, WriteRefused, refusing, sentence
from perennial.plan.core import FIELD_MANAGER, MANAGED_BY, Deletion, Finding
from perennial.plan.core.refusal import finding
from perennial.plan.pods.stores import (
    ALLOWED_LABEL,
    ALLOWED_VALUE,
    no_original,
    no_right,
    not_allowed,
    not_ours,
)
from perennial.settings import Options

COPY_LABEL = "perennial.dev/copy-of"
"""On a copy: the namespace of the Secret that it was copied from."""
REMEMBERED_SECONDS = 30.0
DENIED_SECONDS = 5.0
"""A namespace that gets its label now is not to wait for long."""
SWEEP_SECONDS = 600.0

log = logging.getLogger("perennial.store")


class StoreAccess:
    """Hands the chart's store to the namespaces that may have it.

    What was found about a namespace is remembered for half a minute, so that many objects in one
    cost no more requests than a single one.
    """

    def __init__(self, cluster: Cluster, options: Options) -> None:
        self._cluster, self._options = cluster, options
        self._known: dict[str, tuple[float, Finding | None]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._idle: set[str] = set()
        """Copies, by uid, that nothing used when they were last looked at."""

    async def denied(self, namespace: str) -> Finding | None:
        """Bring the chart's Secret into a namespace that may have it; return why it is not there.

        Raises:
            ApiException: the API server did not answer.
            Outdated: somebody else wrote the Secret at the same time.
        """
        if not self._options.store_secret or namespace == self._options.namespace:
            return None
        async with self._locks[namespace]:
            until, known = self._known.get(namespace, (0.0, None))
            if time.monotonic() < until:
                return known
            try:
                found = await self._hand_over(namespace)
            except ApiException as error:
                if error.status != 403:
                    raise
                found = no_right(sentence(error))
            seconds = REMEMBERED_SECONDS if found is None else DENIED_SECONDS
            self._known[namespace] = (time.monotonic() + seconds, found)
            return found

    def forget(self, namespace: str) -> None:
        """Remember nothing of a namespace: one that is made anew by its name has no copy yet."""
        self._known.pop(namespace, None)

    async def sweep(self) -> None:
        """Take copies back, for ever."""
        while True:
            for namespace in self._options.watch_namespaces or ("",):
                try:
                    await self.take_back(namespace)
                except Exception as error:
                    log.warning("copies of the store's Secret cannot be looked at: %s", error)
            await asyncio.sleep(SWEEP_SECONDS)

    async def take_back(self, namespace: str) -> None:
        """Remove copies from namespaces ('': all) that may not have the store any more.

        One that a pod mounts, or that a Deployment or a Job would mount, stays; it goes when
        nothing used it at two looks in a row, so that nothing is just being made.
        """
        own = self._options
        if not own.store_secret:
            return
        path = Cluster.path("v1", "Secret", namespace)
        named = {"fieldSelector": f"metadata.name={own.store_secret}"}
        for body in (await self._cluster.call("GET", path, named)).get("items", []):
            meta = body["metadata"]
            if meta["namespace"] == own.namespace or not self._is_ours(body):
                continue
            if await self._may_have(meta["namespace"]) or await self._is_used(meta["namespace"]):
                self._idle.discard(meta["uid"])
            elif meta["uid"] not in self._idle:
                self._idle.add(meta["uid"])
            else:
                gone = Deletion("v1", "Secret", meta["namespace"], meta["name"], meta["uid"])
                await self._cluster.delete(gone)
                self._idle.discard(meta["uid"])
                log.info("took the store's Secret back", extra={"object": meta["namespace"]})

    async def _may_have(self, namespace: str) -> bool:
        """Tell whether an administrator has trusted a namespace with the store."""
        if namespace in self._options.store_namespaces:
            return True
        if self._options.watch_namespaces:  # then there is no right to look at namespaces
            return False
        found = await self._cluster.get("v1", "Namespace", "", namespace)
        labels = ((found or {}).get("metadata") or {}).get("labels") or {}
        return bool(labels.get(ALLOWED_LABEL) == ALLOWED_VALUE)

    async def _is_used(self, namespace: str) -> bool:
        """Tell whether a pod of a namespace names the Secret, or would when it is made."""
        name = json.dumps(self._options.store_secret)
        for kind in (("v1", "Pod"), ("apps/v1", "Deployment"), ("batch/v1", "Job")):
            # Of the API server itself, and all of them: those of others mount it, too.
            found = await self._cluster.call("GET", Cluster.path(*kind, namespace))
            if any(name in json.dumps(body.get("spec")) for body in found.get("items") or []):
                return True
        return False

    async def _hand_over(self, namespace: str) -> Finding | None:
        own = self._options
        if not await self._may_have(namespace):
            return not_allowed(namespace, by_label=not own.watch_namespaces)
        original = await self._cluster.get("v1", "Secret", own.namespace, own.store_secret)
        if original is None:
            return no_original(own.store_secret, own.namespace)
        present = await self._cluster.get("v1", "Secret", namespace, own.store_secret)
        if present is not None and not self._is_ours(present):
            return not_ours(own.store_secret, namespace)
        data = original.get("data") or {}
        if present is not None and (present.get("data") or {}) == data:
            return None
        try:
            await self._write(self._copy(namespace, data), present)
        except WriteRefused as error:
            if error.refusal.code == 409:
                raise Outdated(f"Secret {namespace}/{own.store_secret}") from error
            return finding([error.refusal])
        return None

    async def _write(self, copy: Json, present: Json | None) -> None:
        """Create a copy, or replace the one that was seen: never one that came in between."""
        meta = copy["metadata"]
        verb, name = "POST", ""
        if present is not None:
            verb, name = "PUT", meta["name"]
            seen = {key: present["metadata"][key] for key in ("uid", "resourceVersion")}
            copy = {**copy, "metadata": {**meta, **seen}}
        path = Cluster.path("v1", "Secret", meta["namespace"], name)
        with refusing(f"Secret {meta['name']}"):
            await self._cluster.call(verb, path, {"fieldManager": FIELD_MANAGER}, copy)

    def _copy(self, namespace: str, data: Json) -> Json:
        labels = {**MANAGED_BY, COPY_LABEL: self._options.namespace}
        name = self._options.store_secret
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "type": "Opaque",
            "data": data,
        }

    def _is_ours(self, body: Json) -> bool:
        """Tell whether this release made a Secret."""
        wanted = {**MANAGED_BY, COPY_LABEL: self._options.namespace}
        return bool(wanted.items() <= (body["metadata"].get("labels") or {}).items())
