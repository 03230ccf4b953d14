"""The API server: reads, server-side apply, status, deletion, events."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from kubernetes.aio import client, config
from kubernetes.aio.client.exceptions import ApiException

from perennial.api import API_VERSION, KINDS
from perennial.api.base import ApiModel, Json, Kind
from perennial.cluster.metrics import API_REQUESTS, API_WRITES
from perennial.cluster.quantity import quantity
from perennial.plan.core import FIELD_MANAGER, Deletion, Event

PLURALS: dict[tuple[str, str], str] = {
    ("v1", "ConfigMap"): "configmaps",
    ("v1", "Pod"): "pods",
    ("v1", "Secret"): "secrets",
    ("v1", "Service"): "services",
    ("apps/v1", "Deployment"): "deployments",
    ("batch/v1", "Job"): "jobs",
    ("coordination.k8s.io/v1", "Lease"): "leases",
    ("events.k8s.io/v1", "Event"): "events",
    **{(API_VERSION, kind.kind()): kind.PLURAL for kind in KINDS},
}
REQUEST_SECONDS = 30
ATOMIC = frozenset({"selector", "data"})
AMOUNTS = frozenset({"requests", "limits"})
APPLY = "application/apply-patch+yaml"


class Outdated(Exception):
    """An object has changed since it was read; what was decided about it must be decided anew."""


class Cluster:
    """A connection to the API server."""

    def __init__(self, api: client.ApiClient) -> None:
        self.api = api

    @classmethod
    async def connect(cls) -> Cluster:
        """Connect from inside a pod, or by KUBECONFIG."""
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            config.load_incluster_config()
        else:
            await config.load_kube_config()
        return cls(client.ApiClient())

    async def close(self) -> None:
        """Close the connection."""
        await self.api.close()

    async def call(
        self,
        verb: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Json:
        """Make one request of the API server.

        Raises:
            ApiException: it refused.
        """
        headers = {"Accept": "application/json", "Content-Type": content_type}
        method, url, sent, content, form = await self.api.param_serialize(
            verb,
            path,
            query_params=list((query or {}).items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        response = await self.api.call_api(
            method, url, sent, content, form, _request_timeout=REQUEST_SECONDS
        )
        raw = await response.read()
        API_REQUESTS.labels(str(response.status), verb, urlsplit(url).netloc).inc()
        if not 200 <= response.status <= 299:
            raise ApiException(http_resp=response, body=raw.decode("utf-8", "replace"))
        answer: Json = json.loads(raw)
        return answer

    @staticmethod
    def path(api_version: str, kind: str, namespace: str, name: str = "", sub: str = "") -> str:
        """Return the URL path of an object, or of a kind in a namespace ('' for all)."""
        root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
        parts = [root, *(["namespaces", namespace] if namespace else [])]
        parts.append(PLURALS[(api_version, kind)])
        return "/".join([*parts, *([name] if name else []), *([sub] if sub else [])])

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Json | None:
        """Return an object, or None where there is none."""
        try:
            return await self.call("GET", self.path(api_version, kind, namespace, name))
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    async def select(
        self, api_version: str, kind: str, namespace: str, selector: str = ""
    ) -> list[Json]:
        """Return the objects of a kind in a namespace that a label selector picks."""
        query = {"labelSelector": selector} if selector else {}
        answer = await self.call("GET", self.path(api_version, kind, namespace), query)
        items: list[Json] = answer.get("items", [])
        return [{"apiVersion": api_version, "kind": kind, **item} for item in items]

    async def read(self, kind: type[Kind], namespace: str, name: str) -> Any:
        """Return one of our objects typed, or None."""
        body = await self.get(API_VERSION, kind.kind(), namespace, name)
        return kind.read(body) if body is not None else None

    async def read_all(self, kind: type[Kind], namespace: str, selector: str = "") -> list[Any]:
        """Return our objects of a kind in a namespace, typed."""
        bodies = await self.select(API_VERSION, kind.kind(), namespace, selector)
        return [kind.read(body) for body in bodies]

    async def apply(self, wanted: Json) -> bool:
        """Apply an object server-side, unless it already is as wanted; tell whether it wrote.

        Comparing the fields themselves finds both a changed wish and a hand that changed them.
        """
        metadata = wanted["metadata"]
        key = (wanted["apiVersion"], wanted["kind"], metadata["namespace"], metadata["name"])
        present = await self.get(*key)
        if present is not None and contains(present, wanted):
            return False
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        await self.call("PATCH", self.path(*key), query, wanted, APPLY)
        API_WRITES.labels(wanted["kind"], "apply").inc()
        return True

    async def write_status(self, owner: Kind, status: ApiModel) -> bool:
        """Apply a status where it differs; tell whether it wrote.

        Raises:
            Outdated: the object has changed since it was read, so that the status may be wrong.
        """
        present = getattr(owner, "status", None)
        if present is not None and present.to_json() == status.to_json():
            return False
        meta = owner.metadata
        body = {
            "apiVersion": API_VERSION,
            "kind": owner.kind(),
            # With the version that was read: the server does not compare uids here.
            "metadata": {
                "name": meta.name,
                "namespace": meta.namespace,
                "resourceVersion": meta.resource_version,
            },
            "status": status.to_json(),
        }
        query = {"fieldManager": f"{FIELD_MANAGER}-status", "force": "true"}
        path = self.path(API_VERSION, owner.kind(), meta.namespace, meta.name, "status")
        try:
            await self.call("PATCH", path, query, body, APPLY)
        except ApiException as error:
            if error.status == 404:
                return False
            if error.status == 409:
                raise Outdated(f"{owner.kind()} {meta.namespace}/{meta.name}") from error
            raise
        API_WRITES.labels(owner.kind(), "status").inc()
        return True

    async def delete(self, deletion: Deletion) -> None:
        """Delete an object; its dependents follow in the background."""
        path = self.path(deletion.api_version, deletion.kind, deletion.namespace, deletion.name)
        body = {"propagationPolicy": "Background"}
        if deletion.uid:
            body["preconditions"] = {"uid": deletion.uid}  # type: ignore[assignment]
        try:
            await self.call("DELETE", path, body=body)
        except ApiException as error:
            if error.status not in (404, 409):
                raise
            return
        API_WRITES.labels(deletion.kind, "delete").inc()

    async def emit(self, owner: Kind, event: Event, now: datetime) -> None:
        """Write an Event about an object; the same event twice is one object."""
        meta = owner.metadata
        text = f"{meta.uid}{event.reason}{event.message}{meta.generation}"
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        moment = now.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{meta.name}.{digest}", "namespace": meta.namespace},
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": owner.kind(),
                "name": meta.name,
                "namespace": meta.namespace,
                "uid": meta.uid,
            },
            "eventTime": moment,
            "type": event.type,
            "reason": event.reason,
            "note": event.message[:1024],
            "action": "Reconcile",
            "reportingController": "perennial.dev/operator",
            "reportingInstance": os.environ.get("HOSTNAME", "perennial"),
        }
        try:
            path = self.path("events.k8s.io/v1", "Event", meta.namespace)
            await self.call("POST", path, {"fieldManager": FIELD_MANAGER}, body)
        except ApiException as error:
            if error.status not in (404, 409):
                raise
            return
        API_WRITES.labels("Event", "create").inc()


def _is_so(key: str, present: Any, wanted: Any) -> bool:
    """Tell whether one field is as wanted."""
    if key in ATOMIC:
        return bool(present == wanted)  # replaced whole, so a key too many is a difference
    if key in AMOUNTS and isinstance(wanted, dict) and isinstance(present, dict):
        return all(quantity(present.get(name)) == quantity(w) for name, w in wanted.items())
    return contains(present, wanted)


def contains(present: Any, wanted: Any) -> bool:
    """Tell whether every field that is wanted is already so; the server's own additions pass.

    Lists are compared position by position, and must be of the same length. Requests and limits
    are compared as amounts: the server writes 1000m as 1.
    """
    if isinstance(wanted, dict):
        if not isinstance(present, dict):
            return not wanted and present is None
        return all(
            _is_so(key, present.get(key), value)
            for key, value in wanted.items()
            if key != "managedFields"
        )
    if isinstance(wanted, list):
        if not wanted:
            return not present
        return (
            isinstance(present, list)
            and len(present) == len(wanted)
            and all(contains(p, w) for p, w in zip(present, wanted, strict=True))
        )
    return bool(present == wanted) or (wanted in ("", None, False) and present is None)
