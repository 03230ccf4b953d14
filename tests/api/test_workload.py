"""What a ModelDeployment makes, against the real API server."""

from typing import Any

import pytest
from asking import Kubectl
from builders import NOW
from kubernetes.aio.client.exceptions import ApiException

from perennial.api import ModelDeployment
from perennial.cluster.client import Cluster, WriteRefused
from perennial.plan.core import Settings, owned_by
from perennial.plan.rollout import DeploymentSnapshot, plan_deployment
from perennial.plan.serving.revision import Record

ARTIFACT = {"uri": "s3://models/a/", "sha256": "a" * 64}
OPTIONS: dict[str, Any] = {
    "batching": {"maxRows": 0},
    "driftWindows": "Disabled",
    "limits": {"maxBodySize": "1Mi", "maxInFlight": 8},
    "receipts": {"reward": {"minimum": 0, "maximum": 1}},
    "requestLog": {"sampleFraction": 0.25, "features": ["hour"], "store": {"uri": "s3://logs"}},
}


def deployment(name: str, serving: dict[str, Any]) -> ModelDeployment:
    spec = {"model": {"artifact": ARTIFACT}, "serving": serving}
    metadata = {"name": name, "namespace": "default", "uid": "1"}
    return ModelDeployment.read({"metadata": metadata, "spec": spec})


async def held(cluster: Cluster, kind: str, name: str) -> list[Any]:
    return await cluster.select("apps/v1", kind, "default", f"perennial.dev/deployment={name}")


async def look(cluster: Cluster, owner: ModelDeployment, settings: Settings) -> ModelDeployment:
    """Let the operator look once; return the object with its status."""
    name = owner.metadata.name
    found, uid = await held(cluster, "ControllerRevision", name), owner.metadata.uid
    records = [Record.read(r) for r in found if owned_by(r, uid)]
    plan = plan_deployment(
        DeploymentSnapshot(
            owner,
            NOW,
            settings,
            records=tuple(records),
            workloads=tuple(await held(cluster, "Deployment", name)),
        )
    )
    for record in plan.create:
        await cluster.create(record)
    for wanted in plan.apply:
        await cluster.apply(wanted)
    return owner.model_copy(update={"status": plan.status})


async def test_a_revision_is_applied_as_it_was_recorded(cluster: Cluster) -> None:
    owner, chart = deployment("kept", OPTIONS), Settings()
    for _ in range(2):
        owner = await look(cluster, owner, chart)
    (first,) = await held(cluster, "Deployment", "kept")
    shipper = first["spec"]["template"]["spec"]["initContainers"][1]
    assert (shipper["name"], shipper["restartPolicy"]) == ("ship", "Always")
    # The chart is upgraded, and stable scaled; its Deployment is deleted by hand, too.
    newer = Settings(serving_image="next", image_pull_policy="Always", image_pull_secrets=("a",))
    owner = owner.model_copy(update={"spec": owner.spec.model_copy(update={"replicas": 3})})
    owner = await look(cluster, owner, newer)
    (second,) = await held(cluster, "Deployment", "kept")
    assert second["spec"]["replicas"] == 3
    assert second["spec"]["template"] == first["spec"]["template"]
    path = cluster.path("apps/v1", "Deployment", "default", first["metadata"]["name"])
    await cluster.call("DELETE", path)
    owner = await look(cluster, owner, newer)
    (third,) = await held(cluster, "Deployment", "kept")
    assert third["metadata"]["uid"] != first["metadata"]["uid"]
    assert third["spec"]["template"] == first["spec"]["template"]
    assert len(await held(cluster, "ControllerRevision", "kept")) == 1


async def test_a_deployment_without_a_record_is_adopted_and_not_restarted(
    cluster: Cluster,
) -> None:
    owner = deployment("adopted", OPTIONS)
    for _ in range(2):
        owner = await look(cluster, owner, Settings())
    (first,) = await held(cluster, "Deployment", "adopted")
    (record,) = await held(cluster, "ControllerRevision", "adopted")
    path = cluster.path("apps/v1", "ControllerRevision", "default", record["metadata"]["name"])
    await cluster.call("DELETE", path)
    for _ in range(3):
        owner = await look(cluster, owner, Settings(serving_image="next"))
    (again,) = await held(cluster, "ControllerRevision", "adopted")
    assert again["metadata"]["uid"] != record["metadata"]["uid"]
    (second,) = await held(cluster, "Deployment", "adopted")
    assert second["metadata"]["generation"] == first["metadata"]["generation"]


async def test_a_record_never_changes_and_a_foreign_one_is_not_taken(
    cluster: Cluster, kubectl: Kubectl
) -> None:
    owner = deployment("fixed", {})
    await look(cluster, owner, Settings())
    (record,) = await held(cluster, "ControllerRevision", "fixed")
    name, owners = record["metadata"]["name"], record["metadata"]["ownerReferences"]
    again = {"name": name, "namespace": "default", "ownerReferences": owners}
    assert not await cluster.create({**record, "metadata": again, "data": {"other": 1}})
    unlabelled = kubectl("label", "controllerrevisions", name, "perennial.dev/deployment-")
    assert unlabelled.code == 0, unlabelled.error
    assert not await held(cluster, "ControllerRevision", "fixed")
    await look(cluster, owner, Settings())  # it is found again, not made again and again
    (mended,) = await held(cluster, "ControllerRevision", "fixed")
    assert mended["metadata"]["uid"] == record["metadata"]["uid"]
    with pytest.raises(ApiException, match="immutable"):
        path = cluster.path("apps/v1", "ControllerRevision", "default", name)
        await cluster.call("PUT", path, body={**mended, "data": {"other": 1}})
    stranger = deployment("fixed", {})
    meta = stranger.metadata.model_copy(update={"uid": "2"})
    with pytest.raises(WriteRefused, match="not ours"):
        await look(cluster, stranger.model_copy(update={"metadata": meta}), Settings())
