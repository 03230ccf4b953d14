"""Receipts of a ModelDeployment: the key that seals them, and what its pods are told of them.

Each ModelDeployment has a key of its own, in a Secret that the operator makes once and can never
read: neither a status, nor a log, nor a metric can carry it. Without it the pods serve all the
same, with receipts off.
"""

import base64

from perennial.api.deployment import ModelDeployment, Receipts
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


def attach(pod: Json, receipts: Receipts, deployment: str) -> None:
    """Let the server of a pod give receipts."""
    told = {"RECEIPTS": DIRECTORY}
    if receipts.reward is not None:
        told["REWARD_MINIMUM"] = str(receipts.reward.minimum)
        told["REWARD_MAXIMUM"] = str(receipts.reward.maximum)
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
        f"receipts are off in pods that start without a key: Secret {secret_name(deployment)} "
        f"cannot be made: {sentence.rstrip('.')}; give the operator the chart's rights, or create "
        "it with a file 'key' of 32 random bytes, and ask for refresh"
    )
    return Finding("NoReceiptKey", told, "Cluster")
