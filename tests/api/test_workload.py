"""What a ModelDeployment makes, against the real API server."""

import json
from typing import Any

from asking import Kubectl

from perennial.api import ModelDeployment
from perennial.api.deployment import Revision
from perennial.plan.core import FIELD_MANAGER, Settings
from perennial.plan.workload import revision_hash, workload

ARTIFACT = {"uri": "s3://models/a/", "sha256": "a" * 64}
LOG = {"uri": "s3://models/logs/default/kept", "secret": "store"}
OPTIONS: dict[str, Any] = {
    "batching": {"maxRows": 0},
    "driftWindows": "Disabled",
    "limits": {"maxBodySize": "1Mi", "maxInFlight": 8},
    "requestLog": {"sampleFraction": 0.25, "features": ["hour"]},
}


def deployment(serving: dict[str, Any]) -> ModelDeployment:
    spec = {"model": {"artifact": ARTIFACT}, "serving": serving}
    metadata = {"name": "kept", "namespace": "default", "uid": "1"}
    return ModelDeployment.read({"metadata": metadata, "spec": spec})


def apply(kubectl: Kubectl, wanted: dict[str, Any]) -> dict[str, Any]:
    """Apply as the operator does; return what the API server then holds."""
    how = ("--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}")
    applied = kubectl("apply", *how, "-o", "json", "-f", "-", body=wanted)
    assert applied.code == 0, applied.error
    held: dict[str, Any] = json.loads(applied.out)
    return held


def test_a_revision_stays_as_it_was_made_while_the_spec_moves_on(kubectl: Kubectl) -> None:
    wanted = deployment(OPTIONS)
    revision = Revision.model_validate(
        {
            "artifact": ARTIFACT,
            "revision": revision_hash(wanted, ARTIFACT["sha256"]),
            "requestLog": LOG,
        }
    )

    def made(owner: ModelDeployment, replicas: int, live: Any) -> dict[str, Any]:
        return workload(owner, revision, "stable", replicas, live, Settings())

    first = apply(kubectl, made(wanted, 2, None))
    shipper = first["spec"]["template"]["spec"]["initContainers"][1]
    assert (shipper["name"], shipper["restartPolicy"]) == ("ship", "Always")
    moved = deployment({"resources": {"limits": {"memory": "2Gi"}}})
    second = apply(kubectl, made(moved, 1, first))
    assert second["spec"]["replicas"] == 1
    assert second["spec"]["template"] == first["spec"]["template"]
    back = apply(kubectl, made(wanted, 1, second))
    assert back["spec"]["template"] == first["spec"]["template"]
    assert back["metadata"]["generation"] == second["metadata"]["generation"]
