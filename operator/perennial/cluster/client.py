"""The API server: reads, server-side apply, status, deletion, events."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import ClientTimeout
from kubernetes.aio import client, config
from kubernetes.aio.client.exceptions import ApiException
from pydantic import ValidationError

from perennial.api import API_VERSION, KINDS
from perennial.api.common import ApiModel, Kind
from perennial.api.values import Json, quantity
from perennial.cluster.cache import Held, Lack
from perennial.cluster.metrics import API_REQUESTS, API_WRITES
from perennial.plan.core import FIELD_MANAGER, MANAGED_BY, Deletion, Event, Premise, lowers
from perennial.plan.core.premise import GATEWAY_API, POLICIES_API, POLICY, Name, name_of
from perennial.plan.core.refusal import NOT_OURS, Refusal

log = logging.getLogger("perennial.client")

PLURALS: dict[tuple[str, str], str] = {
    ("v1", "ConfigMap"): "configmaps",
    ("v1", "Namespace"): "namespaces",
    ("v1", "Pod"): "pods",
    ("v1", "Secret"): "secrets",
    ("v1", "Service"): "services",
    ("apps/v1", "ControllerRevision"): "controllerrevisions",
    ("apps/v1", "Deployment"): "deployments",
    (GATEWAY_API, "GRPCRoute"): "grpcroutes",
    (GATEWAY_API, "HTTPRoute"): "httproutes",
    ("batch/v1", "Job"): "jobs",
    (POLICIES_API, POLICY): "backendtrafficpolicies",
    ("coordination.k8s.io/v1", "Lease"): "leases",
    ("events.k8s.io/v1", "Event"): "events",
    ("policy/v1", "PodDisruptionBudget"): "poddisruptionbudgets",
    **{(API_VERSION, kind.kind()): kind.PLURAL for kind in KINDS},
}
REQUEST_SECONDS = 30
ATOMIC = frozenset({"selector", "data", "rules"})
SEEN = ("uid", "resourceVersion")
"""By what an object is known that was seen."""
AMOUNTS = frozenset({"requests", "limits"})
APPLY = "application/apply-patch+yaml"


class Outdated(Exception):
    """An object has changed since it was read; what was decided about it must be decided anew."""


class NotLeading(Exception):
    """This replica may write no more."""


class Unreadable(Exception):
    """An object that nothing can be decided about: it alone waits until somebody mends it."""

    def __init__(self, kind: type[Kind], body: Json, reason: str, message: str) -> None:
        super().__init__(f"{kind.kind()} {body['metadata']['name']}: {message}")
        self.kind, self.body, self.reason, self.message = kind, body, reason, message


def _readable(kind: type[Kind], body: Json) -> Any:
    """Return an object typed, None where it cannot be read: it stalls, and nobody else does."""
    if not isinstance(body, Held):
        return _parsed(kind, body)
    if body.typed is None:
        body.typed = _parsed(kind, body) or False
    return body.typed or None


def _parsed(kind: type[Kind], body: Json) -> Kind | None:
    try:
        return kind.read(body)
    except ValidationError as error:
        log.warning("%s %s is left out: %s", kind.kind(), body["metadata"]["name"], error)
        return None


class WriteRefused(Exception):
    """The API server refused a write; the sentence is its own."""

    def __init__(self, refusal: Refusal, after: float = 0.0) -> None:
        super().__init__(f"{refusal.what}: {refusal.sentence} ({refusal.code})")
        self.refusal, self.after = refusal, after
        """``after``: seconds that it asked to wait before another try."""


@contextlib.contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turn the API server's refusal of a write into what is told of it."""
    try:
        yield
    except ApiException as error:
        raise WriteRefused(Refusal(what, error.status, sentence(error)), _after(error)) from error


def sentence(error: ApiException) -> str:
    """Return the API server's own sentence about a refusal."""
    try:
        return str(json.loads(error.body)["message"])
    except (ValueError, TypeError, KeyError):
        return str(error.reason or error.status)


def _after(error: ApiException) -> float:
    """Return the seconds of Retry-After, 0 where there is no such header."""
    header = (error.headers or {}).get("Retry-After", "")
    return float(header) if header.isdigit() else 0.0


async def connect() -> client.ApiClient:
    """Return a connection to the API server, from inside a pod or by KUBECONFIG."""
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        config.load_incluster_config()
    else:
        await config.load_kube_config()
    configuration = client.Configuration.get_default_copy()
    configuration.connection_pool_maxsize = 0  # each watch holds one, and nobody waits for it
    # Else each request looks for a proxy and for ~/.netrc, in two threads; we have our own token.
    configuration.client_session_kwargs = {"trust_env": False}
    return client.ApiClient(configuration)


class Cluster:
    """A connection to the API server."""

    def __init__(self, api: client.ApiClient) -> None:
        self.api = api
        self.leads_until: float | None = None
        """Until when this replica may write, on time.monotonic()'s clock; None: for ever."""

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
        seconds: float = REQUEST_SECONDS,
    ) -> Json:
        """Make one request of the API server, in so many seconds at most.

        A write ends with the Lease: an old leader's must not land on a new one's.

        Raises:
            ApiException: it refused.
            NotLeading: the Lease has run out.
        """
        if verb != "GET" and self.leads_until is not None:
            seconds = min(seconds, self.leads_until - time.monotonic())
            if seconds <= 0:
                raise NotLeading("the Lease has run out: another replica may work now")
        headers = {"Accept": "application/json", "Content-Type": content_type}
        response = await self._request(verb, path, query, headers, body, seconds)
        raw = await response.read()
        if not 200 <= response.status <= 299:
            raise ApiException(http_resp=response, body=raw.decode("utf-8", "replace"))
        answer: Json = msgspec.json.decode(raw)
        return answer

    async def _request(
        self,
        verb: str,
        path: str,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str],
        body: Any,
        seconds: float | ClientTimeout,
    ) -> Any:
        # Without the body: it is plain already, and to make it so costs more than to send it.
        method, url, sent, _, form = await self.api.param_serialize(
            verb,
            path,
            query_params=list((query or {}).items()),
            header_params=dict(headers),
            auth_settings=["BearerToken"],
        )
        response = await self.api.call_api(method, url, sent, body, form, _request_timeout=seconds)
        API_REQUESTS.labels(str(response.status), verb, urlsplit(url).netloc).inc()
        return response

    async def lines(
        self, path: str, query: Mapping[str, str], seconds: float, silent: float
    ) -> AsyncGenerator[bytes]:
        """Yield the lines of one answer as they come.

        Args:
            seconds: How long it may take in all.
            silent: How long nothing may come.

        Raises:
            ApiException: it was refused.
            TimeoutError: nothing came for too long.
        """
        timeout = ClientTimeout(total=seconds, sock_read=silent)
        headers = {"Accept": "application/json"}
        response = (await self._request("GET", path, query, headers, None, timeout)).response
        async with response:
            if response.status != 200:
                text = await response.text()
                raise ApiException(response.status, response.reason, body=text)
            rest = b""
            async for piece in response.content.iter_any():
                *whole, rest = (rest + piece).split(b"\n")
                for line in whole:
                    yield line

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

    async def look(self, api_version: str, kind: str, namespace: str, name: str) -> Json | None:
        """Return what is to be written over, or None where there is surely nothing."""
        return await self.get(api_version, kind, namespace, name)

    async def select(
        self, api_version: str, kind: str, namespace: str, selector: str = ""
    ) -> list[Json]:
        """Return the objects of a kind in a namespace that a label selector picks."""
        query = {"labelSelector": selector} if selector else {}
        answer = await self.call("GET", self.path(api_version, kind, namespace), query)
        items: list[Json] = answer.get("items", [])
        return [{"apiVersion": api_version, "kind": kind, **item} for item in items]

    async def events_about(self, body: Json, reason: str) -> list[Json]:
        """Return the Events about an object that have this reason."""
        meta = body["metadata"]
        query = {"fieldSelector": f"regarding.uid={meta['uid']},reason={reason}"}
        path = self.path("events.k8s.io/v1", "Event", meta["namespace"])
        items: list[Json] = (await self.call("GET", path, query)).get("items", [])
        return items

    def lacking(self, api_version: str, kind: str, namespace: str) -> Lack | None:
        """Return why nothing is known of a kind that a cluster may do without; None where it is."""
        return None

    async def read_own(self, kind: type[Kind], namespace: str, name: str) -> Any:
        """Return the object that is to be decided about, typed, or None.

        Raises:
            Unreadable: nothing can be decided about it.
        """
        body = await self.get(API_VERSION, kind.kind(), namespace, name)
        if body is None:
            return None
        if isinstance(body, Held) and body.is_followed:
            return body.typed
        if (why := kind.unreadable(body)) is not None:
            raise Unreadable(kind, body, *why)
        typed = kind.read(body)
        if isinstance(body, Held):
            body.typed, body.is_followed = typed, True
        return typed

    async def read(self, kind: type[Kind], namespace: str, name: str) -> Any:
        """Return another of our objects typed, or None where there is none that can be read."""
        body = await self.get(API_VERSION, kind.kind(), namespace, name)
        return _readable(kind, body) if body is not None else None

    async def read_all(self, kind: type[Kind], namespace: str, selector: str = "") -> list[Any]:
        """Return our objects of a kind in a namespace, typed; what cannot be read is left out."""
        bodies = await self.select(API_VERSION, kind.kind(), namespace, selector)
        found = [_readable(kind, body) for body in bodies]
        return [each for each in found if each is not None]

    async def apply(self, wanted: Json, premise: Premise | None = None) -> bool:
        """Apply an object server-side, unless it already is as wanted; tell whether it wrote.

        Comparing the fields themselves finds both a changed wish and a hand that changed them.

        Args:
            wanted: the object; with uid and resourceVersion where it was seen, so that it is
                neither made anew nor changed where it has changed since.
            premise: what lets this take capacity away.

        Raises:
            Outdated: it has changed since it was seen, or the premise does not allow it.
            WriteRefused: the API server refused it, or the object of its name is not ours.
        """
        name, metadata = name_of(wanted), wanted["metadata"]
        present = await self.look(*name)
        if present is not None and contains(present, wanted):
            return False
        if any(field in metadata for field in SEEN) and not _is_same(present, metadata):
            raise Outdated(_spelled(name))
        if present is not None:
            _check_ours(present, wanted)
            # With its uid: one that was made anew meanwhile has not been looked at.
            wanted = {**wanted, "metadata": {"uid": present["metadata"]["uid"], **metadata}}
            if lowers(present, wanted):
                await self._ask(premise, name, present, wanted)
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        try:
            with refusing(f"{wanted['kind']} {metadata['name']}"):
                await self.call("PATCH", self.path(*name), query, wanted, APPLY)
        except WriteRefused as error:
            if error.refusal.code not in (404, 409):
                raise
            found = await self.fresh(*name)
            if _version(found) == _version(present):
                raise  # for another reason
            raise Outdated(_spelled(name)) from error
        API_WRITES.labels(wanted["kind"], "apply").inc()
        return True

    async def create(self, wanted: Json) -> bool:
        """Create an object unless there is one of its name; tell whether it wrote.

        By an apply: what is posted is kept byte by byte where the API server does not look into
        it, as a ControllerRevision's data, and then even an edited label would change it.

        Raises:
            WriteRefused: the API server refused it, or the object of its name is not ours.
        """
        kind, metadata = wanted["kind"], wanted["metadata"]
        key = (wanted["apiVersion"], kind, metadata["namespace"], metadata["name"])
        what = f"{kind} {metadata['name']}"
        present = await self.look(*key)
        if present is not None:
            if _owners(present) != _owners(wanted):
                raise WriteRefused(Refusal(what, 403, NOT_OURS))
            await self._relabel(wanted, present)
            return False
        with refusing(what):
            await self.call(
                "PATCH", self.path(*key), {"fieldManager": FIELD_MANAGER}, wanted, APPLY
            )
        API_WRITES.labels(kind, "create").inc()
        return True

    async def _relabel(self, wanted: Json, present: Json) -> None:
        """Put labels back, by which a record is found; what is in it stays as it is."""
        labels = wanted["metadata"].get("labels", {})
        meta = wanted["metadata"]
        if labels.items() <= (present["metadata"].get("labels") or {}).items():
            return
        path = self.path(wanted["apiVersion"], wanted["kind"], meta["namespace"], meta["name"])
        with refusing(f"{wanted['kind']} {meta['name']}"):
            body = {"metadata": {"labels": labels}}
            await self.call("PATCH", path, body=body, content_type="application/merge-patch+json")
        API_WRITES.labels(wanted["kind"], "patch").inc()

    async def write_status(self, owner: Kind, status: ApiModel) -> bool:
        """Apply a status where it differs; tell whether it wrote.

        Raises:
            Outdated: the object has changed since it was read, so that the status may be wrong.
            WriteRefused: the API server refused it.
        """
        present = getattr(owner, "status", None)
        if present == status or (present is not None and present.to_json() == status.to_json()):
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
            with refusing(f"the status of {owner.kind()} {meta.name}"):
                await self.call("PATCH", path, query, body, APPLY)
        except WriteRefused as error:
            if error.refusal.code not in (404, 409):
                raise
            name = (API_VERSION, owner.kind(), meta.namespace, meta.name)
            await self.fresh(*name)
            raise Outdated(_spelled(name)) from error
        API_WRITES.labels(owner.kind(), "status").inc()
        return True

    async def fresh(self, api_version: str, kind: str, namespace: str, name: str) -> Json | None:
        """Return an object as the API server has it now."""
        return await self.get(api_version, kind, namespace, name)

    async def _ask(
        self, premise: Premise | None, name: Name, present: Json, then: Json | None
    ) -> None:
        """Make sure, just before a write, that it takes no capacity away that is needed.

        Of the others only: this one is written as the version that was seen. What was not there
        when this was decided is decided anew.
        """
        if premise is None:
            return
        if name not in premise.names:
            raise Outdated(_spelled(name))
        others = [other for other in premise.names if other != name]
        found = await asyncio.gather(*(self.fresh(*other) for other in others))
        now = {**dict(zip(others, found, strict=True)), name: present}
        if not premise.allows(now, name, then):
            raise Outdated(_spelled(name))

    async def delete(self, deletion: Deletion, premise: Premise | None = None) -> bool:
        """Delete an object; its dependents follow in the background. Tell whether it was there.

        Raises:
            Outdated: it has changed since it was seen, another has its name, or the premise does
                not allow it.
            WriteRefused: the API server refused it.
        """
        name = (deletion.api_version, deletion.kind, deletion.namespace, deletion.name)
        seen = {"uid": deletion.uid, "resourceVersion": deletion.version}
        conditions = {field: value for field, value in seen.items() if value}
        if premise is not None and name in premise.names:
            present = await self.look(*name)
            if present is None:
                return False
            if not _is_same(present, conditions):
                raise Outdated(_spelled(name))
            await self._ask(premise, name, present, None)
        body = {"propagationPolicy": "Background", "preconditions": conditions}
        try:
            with refusing(f"the deletion of {deletion.kind} {deletion.name}"):
                await self.call("DELETE", self.path(*name), body=body)
        except WriteRefused as error:
            if error.refusal.code not in (404, 409):
                raise
            if await self.fresh(*name) is None:
                return False
            raise Outdated(_spelled(name)) from error
        API_WRITES.labels(deletion.kind, "delete").inc()
        return True

    async def emit(self, owner: Kind, event: Event, now: datetime) -> None:
        """Write an Event about an object; told again, the same event is a series that counts.

        Raises:
            WriteRefused: the API server refused it.
        """
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
        with refusing(f"an Event about {meta.name}"):
            path = self.path("events.k8s.io/v1", "Event", meta.namespace)
            try:
                await self.call("POST", path, {"fieldManager": FIELD_MANAGER}, body)
            except ApiException as error:
                if error.status == 404:
                    return  # its namespace is gone
                if error.status != 409:
                    raise
                await self._again(f"{path}/{body['metadata']['name']}", moment)  # type: ignore[index]
        API_WRITES.labels("Event", "create").inc()

    async def _again(self, path: str, moment: str) -> None:
        """Count an Event that is told once more."""
        known = await self.call("GET", path)
        count = int((known.get("series") or {}).get("count", 1)) + 1
        series = {"series": {"count": count, "lastObservedTime": moment}}
        await self.call("PATCH", path, body=series, content_type="application/merge-patch+json")


def _check_ours(present: Json, wanted: Json) -> None:
    """Refuse to take over what belongs to somebody else and has not our label either."""
    labels = present["metadata"].get("labels") or {}
    owners = _owners(wanted)
    if owners and not owners & _owners(present) and not MANAGED_BY.items() <= labels.items():
        what = f"{wanted['kind']} {wanted['metadata']['name']}"
        raise WriteRefused(Refusal(what, 403, NOT_OURS))


def _is_same(present: Json | None, seen: Json) -> bool:
    """Tell whether an object is the one that was seen, and unchanged where its version is told."""
    known = present["metadata"] if present is not None else {}
    return all(known.get(field) == seen[field] for field in SEEN if field in seen)


def _version(body: Json | None) -> str:
    return str(body["metadata"]["resourceVersion"]) if body is not None else ""


def _spelled(name: Name) -> str:
    return f"{name[1]} {name[2]}/{name[3]}"


def _owners(body: Json) -> set[str]:
    """Return the uids of an object's owners."""
    return {r["uid"] for r in body["metadata"].get("ownerReferences", [])}


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
            if key not in ("managedFields", "resourceVersion")
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
