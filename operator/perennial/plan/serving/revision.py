"""What a revision was made of, recorded once, and applied for as long as it lives.

A revision is called ``HASH-N``: the hash of what the user wrote, and a count. The highest N is
the one that is wanted; the verb ``refresh`` records the next, made by the present operator.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from perennial.api.deployment import ArtifactRef, ModelDeployment, Revision
from perennial.api.values import Json, quantity
from perennial.plan.core import MANAGED_BY, REQUEST_ANNOTATION, owner_reference
from perennial.plan.pods.volumes import secret_of
from perennial.plan.serving.children import child_name
from perennial.plan.serving.request_log import attached

HASH_LENGTH = 10
KEPT = 10
"""Records that nobody names any more, kept for people to look at."""
_AMOUNTS = frozenset({"requests", "limits"})
_SWITCHES = frozenset({"requestLog", "receipts"})
"""What says something by being there, be it empty."""


def as_written(deployment: ModelDeployment, artifact: ArtifactRef) -> str:
    """Return the hash of what the user wrote: the model, the serving settings, the pod's parts.

    Canonical, and without what is left out: neither a new field nor another spelling of the same
    amount makes a new revision, and nothing that the chart sets takes part.
    """
    spec, source = deployment.spec, deployment.spec.model.artifact
    wrote: list[Any] = [artifact.sha256, artifact.uri.rstrip("/")]
    for part in (spec.serving, spec.pod_overrides):
        said = part.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        wrote.append(_canonical(said))
    if source is not None and source.secret_ref is not None:
        wrote.append(source.secret_ref.name)
    text = json.dumps(wrote, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def _canonical(value: Any, amounts: bool = False) -> Any:
    if isinstance(value, dict):
        inner = {k: _canonical(v, amounts or k in _AMOUNTS) for k, v in value.items()}
        return {k: v for k, v in inner.items() if v not in (None, "", [], {}) or _is_switch(k, v)}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if amounts and isinstance(amount := quantity(value), Decimal):
        return format(amount.normalize(), "f")
    return value


def _is_switch(key: str, value: Any) -> bool:
    return key in _SWITCHES and value == {}


def counted(revision: str) -> tuple[str, int]:
    """Return hash and count of a revision's name."""
    written, _, count = revision.rpartition("-")
    return (written, int(count)) if written and count.isdigit() else (revision, 0)


@dataclass(frozen=True)
class Record:
    """A revision, and the whole pod template that it was made with."""

    revision: Revision
    template: Json
    asked: str = ""
    """The request that it was recorded for."""
    uid: str = ""
    version: str = ""
    """Its resourceVersion."""
    created: str = ""
    """When, as the API server writes it."""

    @property
    def name(self) -> str:
        """Return the revision's name."""
        return self.revision.revision

    def to_object(self, deployment: ModelDeployment) -> Json:
        """Return the ControllerRevision: its data never changes, the API server sees to that."""
        meta, message = deployment.metadata, self.revision
        labels = {**MANAGED_BY, "app.kubernetes.io/component": "serving"}
        labels |= {"perennial.dev/deployment": meta.name, "perennial.dev/revision": self.name}
        known = {"version", "name", "artifact", "secret", "requestLog"}
        revision = {k: v for k, v in message.to_json().items() if k in known}
        return {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": child_name(deployment, self.name),
                "namespace": meta.namespace,
                "labels": labels,
                "ownerReferences": [owner_reference("ModelDeployment", meta.name, meta.uid)],
                **({"annotations": {REQUEST_ANNOTATION: self.asked}} if self.asked else {}),
            },
            "revision": max(1, counted(self.name)[1]),
            "data": {"revision": revision, "template": self.template},
        }

    @classmethod
    def read(cls, body: Json) -> "Record":
        """Return what a ControllerRevision holds."""
        meta, data = body["metadata"], body["data"]
        return cls(
            revision=Revision.model_validate(data["revision"]),
            template=data["template"],
            asked=meta.get("annotations", {}).get(REQUEST_ANNOTATION, ""),
            uid=meta.get("uid", ""),
            version=meta.get("resourceVersion", ""),
            created=meta.get("creationTimestamp", ""),
        )

    @classmethod
    def adopt(cls, live: Json) -> "Record":
        """Return the record of a Deployment that has none: what runs is what was decided."""
        labels, template = live["metadata"]["labels"], live["spec"]["template"]
        pod = template["spec"]
        env = {e["name"]: e.get("value", "") for e in pod["initContainers"][0]["env"]}
        revision = Revision(
            version=labels.get("perennial.dev/version", ""),
            artifact=ArtifactRef(
                uri=env["PERENNIAL_ARTIFACT_URI"], sha256=env["PERENNIAL_ARTIFACT_SHA256"]
            ),
            revision=labels["perennial.dev/revision"],
            secret=secret_of(pod, "store"),
            request_log=attached(pod),
        )
        metadata = {k: v for k, v in template["metadata"].items() if v is not None}
        return cls(revision, {**template, "metadata": metadata})


def newest(records: Sequence[Record], written: str) -> Record | None:
    """Return the record with the highest count of those with a hash."""
    found = [r for r in records if counted(r.name)[0] == written]
    return max(found, key=lambda r: counted(r.name)[1], default=None)


def records_to_delete(records: Sequence[Record], named: frozenset[str]) -> list[Record]:
    """Return the oldest records beyond those that are kept, of those that nobody names."""
    free = [r for r in records if r.name not in named]
    free.sort(key=lambda r: (r.created, r.name))
    return free[: max(0, len(free) - KEPT)]
