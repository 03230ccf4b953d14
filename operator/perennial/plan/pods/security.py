"""What pods that we make have in common: the restricted Pod Security Standard."""

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
