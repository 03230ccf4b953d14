"""Writes that take pods or requests away, and what else is to carry the requests then."""

from __future__ import annotations

from collections.abc import Mapping

from perennial.api.base import Json

Name = tuple[str, str, str, str]
"""API version, kind, namespace, name."""

PODS = (("spec", "replicas"), ("status", "readyReplicas"), ("status", "updatedReplicas"))
"""How many pods a Deployment has, asked for and there."""


def name_of(body: Json) -> Name:
    """Return the name of an object, its kind included."""
    metadata = body["metadata"]
    return body["apiVersion"], body["kind"], metadata["namespace"], metadata["name"]


def lowers(present: Json, wanted: Json | None) -> bool:
    """Tell whether a write, or a deletion (None), takes pods or requests away from something."""
    before, after = present.get("spec", {}), (wanted or {}).get("spec", {})
    if present["kind"] == "Deployment" and wanted is None:
        return _ready(present) > 0
    if present["kind"] == "Deployment":
        return "replicas" in after and bool(after["replicas"] < before.get("replicas", 1))
    # One that opens, too: whom it opens to must have pods ready.
    return bool(present["kind"] == "Service" and before.get("selector") != after.get("selector"))


def leaned_on(read: Mapping[Name, Json], lowered: Name, wanted: Json | None) -> list[Name]:
    """Return what a lowering write relies on: who else carries the requests, and by which Service.

    Args:
        read: The Deployments and Services of one owner, as the decision was made by them.
        lowered: What is written or deleted.
        wanted: As what it is written; None where it is deleted.
    """
    turned = wanted if wanted is not None and wanted["kind"] == "Service" else None
    services = [name for name, body in read.items() if body["kind"] == "Service"]
    service = turned or next((read[name] for name in services), None)
    carriers = [
        name
        for name, body in read.items()
        if body["kind"] == "Deployment" and name != lowered and _carries(body, service)
    ]
    return [*carriers, *(services if carriers and turned is None else [])]


def _carries(deployment: Json, service: Json | None) -> bool:
    """Tell whether a Deployment has pods ready that a Service sends requests to."""
    labels = deployment["spec"]["template"]["metadata"].get("labels") or {}
    selector = service["spec"].get("selector") or {} if service is not None else {}
    return _ready(deployment) > 0 and bool(selector.items() <= labels.items())


def stands(read: Json, found: Json | None) -> bool:
    """Tell whether an object can be leaned on as much as when it was read."""
    if found is None or found["metadata"].get("deletionTimestamp"):
        return False
    if read["metadata"]["uid"] != found["metadata"]["uid"]:
        return False
    if read["kind"] == "Service":
        return bool(read["spec"].get("selector") == found["spec"].get("selector"))
    return all(
        read.get(part, {}).get(count, 0) <= found.get(part, {}).get(count, 0)
        for part, count in PODS
    )


def _ready(deployment: Json) -> int:
    return int(deployment.get("status", {}).get("readyReplicas", 0))
