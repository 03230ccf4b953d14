"""Gather what a ModelDeployment's decision depends on."""

from __future__ import annotations

import logging
from datetime import datetime

from perennial.api.base import Json, Kind
from perennial.api.deployment import ModelDeployment
from perennial.api.training import ModelTraining
from perennial.api.version import ModelVersion
from perennial.cluster.client import Cluster, Unreadable
from perennial.cluster.metrics import MODEL_INFO
from perennial.cluster.queue import Key
from perennial.cluster.scrape import is_ready, parse, read_pods
from perennial.plan.analysis.counters import Answers, PodMetrics, chosen
from perennial.plan.core import Plan, Settings, owned_by
from perennial.plan.record import Record
from perennial.plan.rollout import (
    DeploymentSnapshot,
    plan_deployment,
    takes_untried,
    wants_metrics,
)
from perennial.plan.serving_pods import serving_pods
from perennial.settings import Options

log = logging.getLogger("perennial.deployment")


async def observe_and_plan(
    cluster: Cluster, key: Key, settings: Settings, options: Options, now: datetime
) -> tuple[Kind, Plan] | None:
    """Return the deployment and what to do about it, None where it is gone."""
    namespace = key.namespace
    deployment: ModelDeployment | None = await cluster.read_own(
        ModelDeployment, namespace, key.name
    )
    if deployment is None or deployment.metadata.deletion_timestamp is not None:
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
    selector = f"perennial.dev/deployment={key.name}"
    pods = serving_pods(key.name, await cluster.select("v1", "Pod", namespace, selector))
    answers = None
    stable, canary = deployment.status.stable, deployment.status.canary
    if stable is not None and canary is not None and wants_metrics(deployment, now):
        answers = await _ask(pods, [stable.revision, canary.revision])
    snapshot = DeploymentSnapshot(
        deployment=deployment,
        now=now,
        settings=settings,
        training=training,
        version=version,
        versions=tuple(versions),
        records=await _records(cluster, deployment, selector),
        workloads=tuple(await cluster.select("apps/v1", "Deployment", namespace, selector)),
        service=await cluster.get("v1", "Service", namespace, key.name),
        pods=tuple(pods),
        answers=answers,
    )
    export(deployment)
    return deployment, plan_deployment(snapshot)


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


async def _ask(pods: list[Json], revisions: list[str]) -> Answers:
    """Return what the ready pods of revisions counted; who answers no metrics is silent."""
    ready = {p["metadata"]["name"]: p for p in pods if is_ready(p) and _revision(p) in revisions}
    asked = {
        revision: tuple(chosen([n for n, p in ready.items() if _revision(p) == revision]))
        for revision in revisions
    }
    names = [name for of in asked.values() for name in of]
    found: list[PodMetrics] = []
    for name, text in (await read_pods([ready[n] for n in names], "/metrics")).items():
        try:
            found.append(parse(name, _revision(ready[name]), text))
        except ValueError as error:
            about = {"pod": name, "why": str(error)}
            log.warning("the metrics of a pod cannot be read", extra=about)
    return Answers(asked, tuple(found))


def export(deployment: ModelDeployment) -> None:
    """Set the Prometheus series that say which versions serve."""
    roles = (("stable", deployment.status.stable), ("canary", deployment.status.canary))
    rows = [((r.version, r.artifact.sha256, role), 1.0) for role, r in roles if r is not None]
    MODEL_INFO.set(deployment.key, rows)


def _revision(pod: Json) -> str:
    return str(pod["metadata"].get("labels", {}).get("perennial.dev/revision", ""))
