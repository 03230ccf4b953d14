"""Ways to ask the API server: by kubectl as a user does, or by the operator's own client."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes.aio.client.exceptions import ApiException

from perennial.cluster.client import Cluster

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """What kubectl said."""

    code: int
    out: str
    error: str


Kubectl = Callable[..., Answer]


async def refusal(cluster: Cluster, wanted: dict[str, Any]) -> str:
    """Return what is said against an object; the same as kubectl create --dry-run=server tells."""
    path = cluster.path(wanted["apiVersion"], wanted["kind"], wanted["metadata"]["namespace"])
    try:
        await cluster.call("POST", path, {"fieldValidation": "Strict", "dryRun": "All"}, wanted)
    except ApiException as refused:
        return str(json.loads(refused.body)["message"])
    return ""
