"""Volumes of our pods: Secrets, and the claims of the pvc:// URIs that containers open."""

from collections.abc import Iterable
from dataclasses import dataclass

from perennial.api.values import Json
from perennial_artifact.volumes import claim_of, mount_path


@dataclass(frozen=True)
class Opens:
    """The URIs that a container opens; those of other schemes need no volume."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


def with_claims(pod: Json, **opens: Opens) -> Json:
    """Return the pod with the claims that its containers, by their names, open.

    A claim is mounted for the containers that open it and no others, to be read only where nobody
    writes. One that is only read is not changed by the kubelet either; for one that is written it
    lets the pod's group write.
    """
    written = _claims(uri for o in opens.values() for uri in o.writes)
    claims = sorted(written | _claims(uri for o in opens.values() for uri in o.reads))
    if not claims:
        return pod
    # Numbered, since a claim's name may be too long for a volume's.
    names = {claim: f"claim-{n}" for n, claim in enumerate(claims)}

    def mounted(container: Json) -> Json:
        own = opens.get(container["name"], Opens())
        writes = _claims(own.writes)
        mounts = [
            {"name": names[c], "mountPath": mount_path(c), **_read_only(c not in writes)}
            for c in sorted(writes | _claims(own.reads))
        ]
        return {**container, "volumeMounts": [*container["volumeMounts"], *mounts]}

    volumes = [
        {
            "name": names[c],
            "persistentVolumeClaim": {"claimName": c, **_read_only(c not in written)},
        }
        for c in claims
    ]
    made = {**pod, "volumes": [*pod["volumes"], *volumes]}
    for kind in ("initContainers", "containers"):
        if kind in pod:
            made[kind] = [mounted(container) for container in pod[kind]]
    if written:
        # Else the kubelet would go through every file of a store at each pod's start.
        policy = {"fsGroupChangePolicy": "OnRootMismatch"}
        made["securityContext"] = {**pod["securityContext"], **policy}
    return made


def secret_volume(name: str, secret: str) -> Json:
    """Return a volume with a Secret's keys as files that only the pod's group reads."""
    return {"name": name, "secret": {"secretName": secret, "defaultMode": 0o440}}


def secret_of(pod: Json, name: str) -> str:
    """Return the Secret behind a pod's volume, '' where there is no such volume."""
    volumes = {v["name"]: v for v in pod.get("volumes", [])}
    return str(volumes.get(name, {}).get("secret", {}).get("secretName", ""))


def _claims(uris: Iterable[str]) -> set[str]:
    return {claim for uri in uris if (claim := claim_of(uri))}


def _read_only(yes: bool) -> Json:
    return {"readOnly": True} if yes else {}
