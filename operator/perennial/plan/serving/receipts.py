"""Receipts and pairs of a ModelDeployment: the key for both, and what its pods are told of it.

Each ModelDeployment has a key of its own, in a Secret that the operator makes once and can never
read: neither a status, nor a log, nor a metric can carry it. Without it the pods serve all the
same, with receipts and pairs off.
"""

import base64

from perennial.api.deployment import ModelDeployment, Serving
from perennial.api.values import Json
from perennial.plan.core import MANAGED_BY, Finding, owner_reference
from perennial.plan.pods.container import environment
from perennial.plan.pods.volumes import secret_volume

DIRECTORY = "/perennial/receipts"
KEY_BYTES = 32


def secret_name(deployment: str) -> str:
    """Return the name of the Secret with the keys of a ModelDeployment."""
    return f"{deployment}-receipts"


def key_secret(deployment: ModelDeployment, key: bytes) -> Json:
    """Return the Secret with a new key."""
    meta = deployment.metadata
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": secret_name(meta.name),
            "namespace": meta.namespace,
            "labels": {**MANAGED_BY, "perennial.dev/deployment": meta.name},
            "ownerReferences": [owner_reference("ModelDeployment", meta.name, meta.uid)],
        },
        "type": "Opaque",
        "data": {"key": base64.b64encode(key).decode()},
    }


def wants_key(serving: Serving) -> bool:
    """Tell whether pods are to give receipts, or to keep answers by their requests' names."""
    return serving.receipts is not None or serving.pairs == "Enabled"


def attach(pod: Json, serving: Serving, deployment: str) -> None:
    """Let the server of a pod give receipts, or keep pairs, as is asked for."""
    if not wants_key(serving):
        return
    told: dict[str, str] = {}
    if serving.receipts is not None:
        told["RECEIPTS"] = DIRECTORY
    if serving.receipts is not None and serving.receipts.reward is not None:
        told["REWARD_MINIMUM"] = str(serving.receipts.reward.minimum)
        told["REWARD_MAXIMUM"] = str(serving.receipts.reward.maximum)
    if serving.pairs == "Enabled":
        told["PAIRS"] = DIRECTORY
    server = pod["containers"][0]
    server["env"] += environment(**told)
    server["volumeMounts"].append({"name": "receipts", "mountPath": DIRECTORY, "readOnly": True})
    volume = secret_volume("receipts", secret_name(deployment))
    # A model is not to wait for it.
    volume["secret"]["optional"] = True
    pod["volumes"].append(volume)


def no_key(deployment: str, sentence: str) -> Finding:
    """Return that the key could not be made, so that pods that start now give no receipts."""
    told = (
        "receipts and pairs are off in pods that start without a key: Secret "
        f"{secret_name(deployment)} cannot be made: {sentence.rstrip('.')}; give the operator the "
        "chart's rights, or create it with a file 'key' of 32 random bytes, and ask for refresh"
    )
    return Finding("NoReceiptKey", told, "Cluster")
