"""What every pod that we make has in common: the restricted Pod Security Standard."""

from perennial.api.base import Json

USER = 65532


def pod_security() -> Json:
    """Return the security context of a restricted pod."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> Json:
    """Return the security context of a restricted container."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def secret_volume(name: str, secret: str) -> Json:
    """Return a volume with a Secret's keys as files that only the pod's group reads."""
    return {"name": name, "secret": {"secretName": secret, "defaultMode": 0o440}}
