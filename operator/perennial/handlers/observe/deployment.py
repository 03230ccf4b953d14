"""Gather what a ModelDeployment's decision depends on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from perennial.api import API_VERSION
from perennial.api.deployment import ModelDeployment
from perennial.api.monitor import DriftMonitor
from perennial.api.training import ModelTraining
from perennial.api.values import Json
from perennial.api.version import ModelVersion
from perennial.cluster import metrics
from perennial.cluster.client import Cluster, Unreadable
from perennial.handlers.observe.asking import Asking
from perennial.handlers.observe.drained import Drained
from perennial.handlers.observe.measured import Measured
from perennial.handlers.observe.sources import Sources
from perennial.handlers.receipts import ReceiptKeys
from perennial.plan.core import Finding, Plan, owned_by
from perennial.plan.core.golden import GoldenAnswer, GoldenQuestion
from perennial.plan.core.outside import Measurement, OutsideQuestion
from perennial.plan.core.premise import GATEWAY_API, POLICIES_API, POLICY
from perennial.plan.core.questions import shared_out
from perennial.plan.rollout import (
    DeploymentSnapshot,
    address_of_trial,
    golden_asked,
    other_models,
    outside_questions,
    plan_deployment,
    questions,
    signature_questions,
    takes_untried,
    turned_away,
    wants_address,
    wants_golden,
    web_asked,
)
from perennial.plan.serving import sticky
from perennial.plan.serving.children import has_our_name
from perennial.plan.serving.pods import serving_pods
from perennial.plan.serving.revision import Record
from perennial.plan.serving.route import GRPC, HTTP, kinds, unavailable

MEASURED, DRAINED = Measured(), Drained()
OUTSIDE: Asking[OutsideQuestion, Measurement] = Asking()
GOLDEN: Asking[tuple[GoldenQuestion, ...], tuple[GoldenAnswer, ...]] = Asking()
RECEIPT_KEYS = ReceiptKeys()


async def plan(sources: Sources, deployment: ModelDeployment) -> Plan:
    """Return what to do about a deployment."""
    cluster, (namespace, own_name) = sources.cluster, deployment.key
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
    taken: set[str] = set()
    if wants_address(deployment, deployment.status):
        address = address_of_trial(deployment)
        found = await cluster.get("v1", "Service", namespace, address)
        if found is not None and not owned_by(found, deployment.metadata.uid):
            taken = {address}
    selector = f"perennial.dev/deployment={own_name}"
    pods = serving_pods(own_name, await cluster.select("v1", "Pod", namespace, selector))
    measured = MEASURED.recall(deployment)

    async def select(api_version: str, kind: str) -> list[Json]:
        found = await cluster.select(api_version, kind, namespace, selector)
        return [live for live in found if has_our_name(deployment, live)]

    snapshot = DeploymentSnapshot(
        deployment=deployment,
        now=sources.now,
        settings=sources.settings,
        training=training,
        version=version,
        variant_versions=await _variant_versions(cluster, deployment),
        stable_version=stable_version,
        versions=tuple(versions),
        records=await _records(cluster, deployment, selector),
        workloads=tuple(await cluster.select("apps/v1", "Deployment", namespace, selector)),
        service=await cluster.get("v1", "Service", namespace, own_name),
        services=tuple(
            live for live in await select("v1", "Service") if live["metadata"]["name"] != own_name
        ),
        budgets=tuple(await select("policy/v1", "PodDisruptionBudget")),
        routes=(*await select(GATEWAY_API, HTTP), *await select(GATEWAY_API, GRPC)),
        no_routes=_no_routes(cluster, deployment),
        policies=tuple(await select(POLICIES_API, POLICY)),
        no_policies=_no_policies(cluster, deployment),
        taken=frozenset(taken),
        pods=tuple(pods),
        measured=measured.analysis,
        measured_experiment=measured.experiment,
        no_receipts=await RECEIPT_KEYS.missing(cluster, deployment),
        monitors=await _asking(cluster, deployment),
    )
    asked = questions(snapshot)
    if asked:
        every = [question for each in asked.values() for question in each.questions]
        told = shared_out(asked, await sources.pods.ask(every))
        answers, outcomes = told.get("requests"), told.get("outcomes")
        snapshot = replace(snapshot, answers=answers, outcomes=outcomes)
    if about := signature_questions(snapshot):
        snapshot = replace(snapshot, signatures=await sources.pods.signatures(about))
    snapshot = await _asked_beside(sources, snapshot)
    export(deployment)
    if not asked:
        decided = plan_deployment(snapshot)
    else:
        # After a long absence there are many looks to be made, while the event loop goes on.
        decided = await asyncio.to_thread(plan_deployment, snapshot)
    MEASURED.note(deployment, decided)
    away = turned_away(snapshot)
    again = DRAINED.look(deployment.key, away, sources.now, sources.pods.drain)
    soonest = min((t for t in (again, decided.requeue_after) if t is not None), default=None)
    return replace(decided, requeue_after=soonest)


def forget(namespace: str, name: str) -> None:
    """Keep nothing of a deployment that is gone."""
    MEASURED.forget(namespace, name)
    DRAINED.forget(namespace, name)
    RECEIPT_KEYS.forget(namespace, name)
    OUTSIDE.forget(namespace, name)
    GOLDEN.forget(namespace, name)


async def _asked_beside(sources: Sources, s: DeploymentSnapshot) -> DeploymentSnapshot:
    """Return the snapshot with what has come of what takes long, and is asked beside the passes."""
    key, before = s.deployment.key, s.deployment.spec.rollout.before_traffic
    golden = before.golden if before is not None else None
    if golden is not None and golden.config_map is not None and wants_golden(s):
        name = golden.config_map.name
        s = replace(s, golden_map=await sources.cluster.get("v1", "ConfigMap", key[0], name))
    numbers = OUTSIDE.look(key, (*outside_questions(s), *web_asked(s)), sources.web.ask)
    pods = golden_asked(s)
    answers = GOLDEN.look(key, [pods] if pods else [], lambda q: sources.pods.golden(q))
    return replace(
        s,
        measurements=tuple((question.id, number) for question, number in numbers),
        golden=answers[0][1] if answers else (),
    )


def _no_routes(cluster: Cluster, deployment: ModelDeployment) -> Finding | None:
    """Return why nothing is known of routes, where they are wanted."""
    traffic = deployment.spec.traffic
    wanted = kinds(traffic.gateway) if traffic is not None and traffic.gateway is not None else ()
    for kind in wanted:
        if (lack := cluster.lacking(GATEWAY_API, kind, deployment.metadata.namespace)) is not None:
            return unavailable(kind, *lack)
    return None


def _no_policies(cluster: Cluster, deployment: ModelDeployment) -> Finding | None:
    """Return why nothing is known of Envoy Gateway's policies, where they are wanted."""
    traffic = deployment.spec.traffic
    if traffic is None or traffic.gateway is None or traffic.gateway.sticky is None:
        return None
    lack = cluster.lacking(POLICIES_API, POLICY, deployment.metadata.namespace)
    return sticky.unavailable(*lack) if lack is not None else None


async def _variant_versions(
    cluster: Cluster, deployment: ModelDeployment
) -> dict[str, ModelVersion]:
    """Return the versions that an experiment is about, as far as there are any."""
    found = {}
    for model in other_models(deployment):
        name = model.version_ref.name if model.version_ref is not None else ""
        version = (
            await cluster.read(ModelVersion, deployment.metadata.namespace, name) if name else None
        )
        if version is not None:
            found[name] = version
    return found


async def _asking(cluster: Cluster, deployment: ModelDeployment) -> tuple[DriftMonitor, ...]:
    """Return the monitors that ask it to go back, where there is a way back."""
    (namespace, own_name), status = deployment.key, deployment.status
    if status.replaced is None or status.canary is not None:
        return ()
    asking = [
        body["metadata"]["name"]
        for body in await cluster.select(API_VERSION, DriftMonitor.kind(), namespace)
        if _asks(body, own_name)
    ]
    found = [await cluster.read(DriftMonitor, namespace, name) for name in asking]
    return tuple(monitor for monitor in found if monitor is not None)


def _asks(body: Json, deployment: str) -> bool:
    """Tell whether a monitor of any version asks a deployment to go back, and it was not done."""
    asked: Json = (body.get("status") or {}).get("rollback") or {}
    watched: Json = (body.get("spec") or {}).get("deploymentRef") or {}
    return bool(asked) and not asked.get("outcome") and watched.get("name") == deployment


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
            message = f"ControllerRevision {body['metadata']['name']} cannot be read: delete it"
            known = {"metadata": meta.to_json(), "status": deployment.status.to_json()}
            raise Unreadable(ModelDeployment, known, "RecordUnreadable", message) from error
    return tuple(records)


def export(deployment: ModelDeployment) -> None:
    """Set the Prometheus series that say which versions serve, and with how many pods."""
    roles = (("stable", deployment.status.stable), ("canary", deployment.status.canary))
    found = [(role, revision) for role, revision in roles if revision is not None]
    found += [("variant", revision) for revision in deployment.status.variants]
    serving = [((r.version, r.artifact.sha256, role), 1.0) for role, r in found]
    metrics.MODEL_INFO.set(deployment.key, serving)
    metrics.MODEL_REPLICAS.set(deployment.key, [((role,), r.replicas) for role, r in found])
    metrics.MODEL_READY.set(deployment.key, [((role,), r.ready_replicas) for role, r in found])
