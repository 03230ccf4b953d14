"""Why pods do not become ready, in their own words, and whose fault it is."""

import json
import re
from collections.abc import Sequence
from datetime import datetime

from perennial.api.values import Json
from perennial.plan.core import Blame, Finding, first

CRASHES = 3
PATIENCE_SECONDS = 30
"""A pod's containers are made within seconds of it being scheduled, images apart."""
_INVALID = frozenset({"DigestMismatch", "ArtifactNotFound", "ArtifactInvalid", "ModelInvalid"})
_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_CONFIG = frozenset({"CreateContainerConfigError", "CreateContainerError"})
_NOT_MADE = frozenset({"ContainerCreating", "PodInitializing"})
_GRAVITY: dict[Blame, int] = {"Model": 0, "User": 1, "Store": 2, "Cluster": 3}


def trouble(pods: Sequence[Json], now: datetime | None = None) -> Finding | None:
    """Return the gravest trouble that any of the pods is in; those that ended take no part."""
    found = [t for pod in pods if not has_ended(pod) and (t := _of(pod, now)) is not None]
    return min(found, key=lambda t: (not t.final, _GRAVITY[t.blame], t.reason), default=None)


def not_starting(pods: Sequence[Json], now: datetime | None = None) -> Finding | None:
    """Return the first trouble of pods that wait for a node, a volume or an image."""
    pending = [pod for pod in pods if pod.get("status", {}).get("phase") == "Pending"]
    return trouble(pending, now)


def refused(workload: Json | None) -> Finding | None:
    """Return why a Deployment's pods are not even made: a quota, or an admission policy."""
    for condition in (workload or {}).get("status", {}).get("conditions", []):
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            message = f"its pods are refused: {condition.get('message', '')}"
            return Finding("PodsRefused", f"{message}; allow them, or ask for less", "Cluster")
    return None


def unattended(workload: Json | None, now: datetime) -> Finding | None:
    """Tell of a Deployment that nobody has looked at in time, so that it can have no pods."""
    made = (workload or {}).get("metadata", {}).get("creationTimestamp")
    if workload is None or not made or workload.get("status", {}).get("observedGeneration"):
        return None
    if _since(made, now) < PATIENCE_SECONDS:
        return None
    message = f"nobody made its pods within {PATIENCE_SECONDS} s: does kube-controller-manager run?"
    return Finding("PodsNotMade", message, "Cluster")


def lacking_for(workload: Json | None, now: datetime) -> float:
    """Return the seconds for which a Deployment has lacked ready pods, 0 where that is not told."""
    conditions = (workload or {}).get("status", {}).get("conditions", [])
    since = [
        c.get("lastTransitionTime")
        for c in conditions
        if (c["type"], c["status"]) == ("Available", "False")
    ]
    return max(0.0, _since(since[0], now)) if since and since[0] else 0.0


def not_made(events: Sequence[Json]) -> Finding | None:
    """Return why a Job's pods are not even made: its controller says so in Events only."""
    newest = max(events, key=_last_seen, default=None)
    if newest is None:
        return None
    sentence = str(newest.get("note", "")).removeprefix("Error creating: ").rstrip(".")
    # Each try makes up another name, which is no news.
    sentence = re.sub('^pods "([^"]+)-[a-z0-9]{5}"', r'pods "\1-…"', sentence)
    message = f"its pods are refused: {sentence}; allow them, or ask for less"
    return Finding("PodsRefused", message, "Cluster")


def _last_seen(event: Json) -> str:
    series = event.get("series") or {}
    seen = (series.get("lastObservedTime"), event.get("deprecatedLastTimestamp"))
    return str(next((time for time in (*seen, event.get("eventTime")) if time), ""))


def has_ended(pod: Json) -> bool:
    """Tell whether a pod is over: evicted, or about to go. What replaces it speaks for itself."""
    over = pod.get("status", {}).get("phase") in ("Failed", "Succeeded")
    return over or pod["metadata"].get("deletionTimestamp") is not None


def _of(pod: Json, now: datetime | None) -> Finding | None:
    status = pod.get("status", {})
    containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    for container in containers:
        if container.get("ready"):
            continue
        waiting = container.get("state", {}).get("waiting") or {}
        if found := first((_image, _config), waiting):
            return found
        for state in (container.get("state", {}), container.get("lastState", {})):
            terminated = state.get("terminated")
            if terminated and terminated.get("exitCode") != 0:
                return _crash(container, terminated)
    for condition in status.get("conditions", []):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return _unscheduled(condition.get("message", ""))
    return _unmade(pod, containers, now)


def _image(waiting: Json) -> Finding | None:
    """Make sure that its images can be pulled."""
    if waiting.get("reason") not in _IMAGE:
        return None
    message = f"{waiting['reason']}: {waiting.get('message', '')}"
    advice = "it is tried again: correct the image's name, or the Secret that pulls it"
    return Finding("ImagePullFailed", f"{message.rstrip('.')}; {advice}", "Cluster")


def _config(waiting: Json) -> Finding | None:
    """Make sure that what its containers are made of is there, a Secret's key for one."""
    if waiting.get("reason") not in _CONFIG:
        return None
    message = f"{waiting['reason']}: {waiting.get('message', '')}"
    return Finding(
        "ConfigInvalid", f"{message.rstrip('.')}; it is tried again: create it", "Cluster"
    )


def _unscheduled(sentence: str) -> Finding:
    """Return why the scheduler found no node, by its own sentence."""
    if absent := re.search('persistentvolumeclaim "([^"]+)" not found', sentence):
        message = (
            f"there is no PersistentVolumeClaim {absent[1]} in this namespace: create it, or "
            f"correct the URI pvc://{absent[1]}/…"
        )
        return Finding("ClaimNotFound", message, "Store")
    message = f"{sentence.rstrip('.')}; it waits: add a node, or ask for less"
    return Finding("Unschedulable", message, "Cluster")


def _unmade(pod: Json, containers: Sequence[Json], now: datetime | None) -> Finding | None:
    """Tell of containers that are not made in time: the kubelet says why in Events only."""
    began = pod.get("status", {}).get("startTime")
    states = [c.get("state", {}).get("waiting", {}).get("reason") for c in containers]
    if now is None or not began or not states or not set(states) <= _NOT_MADE:
        return None
    if _since(began, now) < PATIENCE_SECONDS:
        return None
    name = pod["metadata"]["name"]
    volumes = pod.get("spec", {}).get("volumes", [])
    secrets = [v["secret"]["secretName"] for v in volumes if "secret" in v]
    mounts = f"it mounts the Secrets {', '.join(sorted(secrets))}: are they there? " * bool(secrets)
    message = f"{name}'s containers were not made within {PATIENCE_SECONDS} s; {mounts}"
    return Finding("ContainersNotMade", f"{message}kubectl describe pod {name} says why", "Cluster")


def _since(moment: object, now: datetime) -> float:
    """Return the seconds since a moment, as the API server writes it."""
    return (now - datetime.fromisoformat(str(moment))).total_seconds()


def _crash(container: Json, ended: Json) -> Finding:
    try:
        own = json.loads(ended.get("message", ""))
        reason, message = str(own["reason"])[:64], str(own["message"])
    except (ValueError, KeyError, TypeError):
        reason = "CrashLoop"
        message = f"{container['name']} ended with {ended.get('reason')}, see its log"
    crashing = container.get("restartCount", 0) >= CRASHES
    if reason == "StoreUnreachable":
        return Finding("ArtifactUnavailable", message, "Store")
    return Finding(reason, message, "Model", final=reason in _INVALID or crashing)
