"""Why a pod does not become ready, in the pod's own words."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from perennial.api.base import Json

CRASHES = 3
_WAITING = {
    "ErrImagePull": "ImagePullFailed",
    "ImagePullBackOff": "ImagePullFailed",
    "InvalidImageName": "ImagePullFailed",
    "CreateContainerConfigError": "ConfigInvalid",  # a Secret that is not there, for one
}
_FATAL = frozenset({"DigestMismatch", "ArtifactNotFound", "ArtifactInvalid", "ModelInvalid"})


@dataclass(frozen=True)
class Trouble:
    """A reason and a sentence; ``fatal``: waiting cannot help; ``store``: not the model's fault."""

    reason: str
    message: str
    fatal: bool = False
    store: bool = False


def trouble(pods: Sequence[Json]) -> Trouble | None:
    """Return the first trouble that any of the pods is in, the gravest first."""
    found = [t for pod in pods if (t := _of(pod)) is not None]
    return min(found, key=lambda t: (not t.fatal, t.reason), default=None)


def not_starting(pods: Sequence[Json]) -> Trouble | None:
    """Return the first trouble of pods that wait for a node, a volume or an image."""
    return trouble([pod for pod in pods if pod.get("status", {}).get("phase") == "Pending"])


def _of(pod: Json) -> Trouble | None:
    status = pod.get("status", {})
    containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    for container in containers:
        if container.get("ready"):
            continue
        waiting = container.get("state", {}).get("waiting") or {}
        if waiting.get("reason") in _WAITING:
            told = f"{waiting['reason']}: {waiting.get('message', '')}"
            return Trouble(_WAITING[waiting["reason"]], told)
        for state in (container.get("state", {}), container.get("lastState", {})):
            ended = state.get("terminated")
            if ended and ended.get("exitCode") != 0:
                return _ended(container, ended)
    for condition in status.get("conditions", []):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return _unscheduled(condition.get("message", ""))
    return None


def _unscheduled(message: str) -> Trouble:
    """Return why the scheduler found no node, by its own sentence."""
    if absent := re.search('persistentvolumeclaim "([^"]+)" not found', message):
        told = (
            f"there is no PersistentVolumeClaim {absent[1]} in this namespace: create it, or "
            f"correct the URI pvc://{absent[1]}/…"
        )
        return Trouble("ClaimNotFound", told, store=True)
    return Trouble("Unschedulable", message)


def _ended(container: Json, ended: Json) -> Trouble:
    try:
        own = json.loads(ended.get("message", ""))
        reason, message = str(own["reason"])[:64], str(own["message"])
    except (ValueError, KeyError, TypeError):
        reason = "CrashLoop"
        message = f"{container['name']} ended with {ended.get('reason')}, see its log"
    crashing = container.get("restartCount", 0) >= CRASHES
    if reason == "StoreUnreachable":
        return Trouble("ArtifactUnavailable", message, store=True)
    return Trouble(reason, message, fatal=reason in _FATAL or crashing)
