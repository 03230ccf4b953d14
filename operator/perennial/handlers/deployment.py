"""Gather what a ModelDeployment's decision depends on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

from perennial.api.base import Kind
from perennial.api.deployment import ModelDeployment
from perennial.api.training import ModelTraining
from perennial.api.version import ModelVersion
from perennial.cluster import metrics
from perennial.cluster.client import Cluster, Unreadable
from perennial.cluster.queue import Key
from perennial.handlers.drained import Drained
from perennial.handlers.measured import Measured
from perennial.handlers.receipts import ReceiptKeys
from perennial.plan.core import Plan, Settings, owned_by
from perennial.plan.record import Record
from perennial.plan.rollout import (
    DeploymentSnapshot,
    plan_deployment,
    questions,
    signature_questions,
    takes_untried,
    turned_away,
)
from perennial.plan.serving_pods import serving_pods
from perennial.sources.pods import Pods

MEASURED, DRAINED = Measured(), Drained()
RECEIPT_KEYS = ReceiptKeys()


async def observe_and_plan(
    cluster: Cluster, serving: Pods, key: Key, settings: Settings, now: datetime
) -> tuple[Kind, Plan] | None:
    """Return the deployment and what to do about it, None where it is gone."""
    namespace = key.namespace
    deployment: ModelDeployment | None = await cluster.read_own(
        ModelDeployment, namespace, key.name
    )
    if deployment is None or deployment.metadata.deletion_timestamp is not None:
        MEASURED.forget(namespace, key.name)
        DRAINED.forget(namespace, key.name)
        RECEIPT_KEYS.forget(namespace, key.name)
        return None
    model = deployment.spec.model
    version: ModelVersion | None = None
    versions: list[ModelVersion] = []
    training: ModelTraining | None = None
    if model.version_ref is not None:
        version = await cluster.read(ModelVersion, namespace, model.version_ref.name)
        source = version.spec.source.training_ref if version is not None else None
        if source is not None:
            training = await cluster.read(ModelTraining, namespace, source.name)
    elif model.training_ref is not None:
        name = model.training_ref.name
        training = await cluster.read(ModelTraining, namespace, name)
        champion = training.status.champion if training is not None else None
        if champion is not None and takes_untried(deployment, deployment.status):
            version = await cluster.read(ModelVersion, namespace, champion.version)
        if version is not None and version.refuted and deployment.status.stable is None:
            selected = f"perennial.dev/training={name}"
            versions = await cluster.read_all(ModelVersion, namespace, selected)
    stable, stable_version = deployment.status.stable, None
    if version is not None and deployment.spec.replicas == 0 and stable is not None:
        stable_version = await cluster.read(ModelVersion, namespace, stable.version)
    selector = f"perennial.dev/deployment={key.name}"
    pods = serving_pods(key.name, await cluster.select("v1", "Pod", namespace, selector))
    snapshot = DeploymentSnapshot(
        deployment=deployment,
        now=now,
        settings=settings,
        training=training,
        version=version,
        stable_version=stable_version,
        versions=tuple(versions),
        records=await _records(cluster, deployment, selector),
        workloads=tuple(await cluster.select("apps/v1", "Deployment", namespace, selector)),
        service=await cluster.get("v1", "Service", namespace, key.name),
        pods=tuple(pods),
        measured=MEASURED.recall(deployment),
        no_receipts=await RECEIPT_KEYS.missing(cluster, deployment),
    )
    asked = questions(snapshot)
    if asked is not None:
        answers = asked.answers(await serving.ask(asked.questions))
        snapshot = replace(snapshot, answers=answers)
    if about := signature_questions(snapshot):
        snapshot = replace(snapshot, signatures=await serving.signatures(about))
    export(deployment)
    if asked is None:
        plan = plan_deployment(snapshot)
    else:
        # After a long absence there are many looks to be made, while the event loop goes on.
        plan = await asyncio.to_thread(plan_deployment, snapshot)
    MEASURED.note(deployment, plan)
    again = DRAINED.look((namespace, key.name), turned_away(snapshot), now, serving.drain)
    soonest = min((t for t in (again, plan.requeue_after) if t is not None), default=None)
    return deployment, replace(plan, requeue_after=soonest)


async def _records(
    cluster: Cluster, deployment: ModelDeployment, selector: str
) -> tuple[Record, ...]:
    """Return what was recorded of its revisions.

    Raises:
        Unreadable: a hand has made something else of a record, so that nothing can be decided.
    """
    meta = deployment.metadata
    found = await cluster.select("apps/v1", "ControllerRevision", meta.namespace, selector)
    records = []
    for body in found:
        try:
            records += [Record.read(body)] if owned_by(body, meta.uid) else []
        except (KeyError, TypeError, ValueError) as error:
            told = f"ControllerRevision {body['metadata']['name']} cannot be read: delete it"
            known = {"metadata": meta.to_json(), "status": deployment.status.to_json()}
            raise Unreadable(ModelDeployment, known, "RecordUnreadable", told) from error
    return tuple(records)


def export(deployment: ModelDeployment) -> None:
    """Set the Prometheus series that say which versions serve, and with how many pods."""
    roles = (("stable", deployment.status.stable), ("canary", deployment.status.canary))
    found = [(role, revision) for role, revision in roles if revision is not None]
    serving = [((r.version, r.artifact.sha256, role), 1.0) for role, r in found]
    metrics.MODEL_INFO.set(deployment.key, serving)
    metrics.MODEL_REPLICAS.set(deployment.key, [((role,), r.replicas) for role, r in found])
    metrics.MODEL_READY.set(deployment.key, [((role,), r.ready_replicas) for role, r in found])
