"""What pods that we make have in common, such as the restricted Pod Security Standard."""

from perennial.api.resources import Resources
from perennial.api.values import Json


def pod_security(user: int | None) -> Json:
    """Return the security context of a restricted pod; without a user the cluster gives one."""
    ids = {} if user is None else {"runAsUser": user, "runAsGroup": user, "fsGroup": user}
    return {"runAsNonRoot": True, **ids, "seccompProfile": {"type": "RuntimeDefault"}}


def container_security() -> Json:
    """Return the security context of a restricted container."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def resources(wanted: Resources | None, otherwise: Json) -> Json:
    """Return a container's requests and limits: as they were written, else the usual ones."""
    written = wanted.model_dump(by_alias=True, exclude_defaults=True) if wanted is not None else {}
    return written or otherwise


def secret_volume(name: str, secret: str) -> Json:
    """Return a volume with a Secret's keys as files that only the pod's group reads."""
    return {"name": name, "secret": {"secretName": secret, "defaultMode": 0o440}}


def secret_of(pod: Json, name: str) -> str:
    """Return the Secret behind a pod's volume, '' where there is no such volume."""
    volumes = {v["name"]: v for v in pod.get("volumes", [])}
    return str(volumes.get(name, {}).get("secret", {}).get("secretName", ""))


def environment(**values: str) -> list[Json]:
    """Return environment variables of our own programs."""
    return [{"name": f"PERENNIAL_{key}", "value": value} for key, value in values.items()]
