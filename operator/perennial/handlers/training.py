"""Gather what a ModelTraining's decision depends on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from perennial.api.base import Json, Kind
from perennial.api.deployment import ModelDeployment
from perennial.api.monitor import DriftMonitor
from perennial.api.training import ModelTraining
from perennial.api.version import ModelVersion
from perennial.cluster.client import Cluster
from perennial.cluster.queue import Key
from perennial.plan.core import Plan, Settings
from perennial.plan.job import child_name
from perennial.plan.training import TrainingSnapshot, lacks_pods, plan_training
from perennial.sources.pods import Pods


async def observe_and_plan(
    cluster: Cluster, serving: Pods, key: Key, settings: Settings, now: datetime
) -> tuple[Kind, Plan] | None:
    """Return the training and what to do about it, None where it is gone."""
    namespace = key.namespace
    training = await cluster.read_own(ModelTraining, namespace, key.name)
    if training is None or training.metadata.deletion_timestamp is not None:
        return None
    selector = f"perennial.dev/training={key.name}"
    deployments: list[ModelDeployment] = await cluster.read_all(ModelDeployment, namespace)
    following = {
        d.metadata.name
        for d in deployments
        if d.spec.model.training_ref is not None and d.spec.model.training_ref.name == key.name
    }
    wanted = training.spec.dataset.feedback
    teacher = wanted.deployment_ref.name if wanted is not None else ""
    monitors: list[DriftMonitor] = await cluster.read_all(DriftMonitor, namespace)
    jobs = await cluster.select("batch/v1", "Job", namespace, selector)
    config_maps: list[Json] = []
    run = training.status.run
    name = child_name(training, run.number) if run is not None else ""
    if run is not None:
        # By name too: a foreign object has our name, but not our labels.
        foreign = await cluster.get("batch/v1", "Job", namespace, name)
        if foreign is not None and all(j["metadata"]["name"] != name for j in jobs):
            jobs.append(foreign)
        if (config_map := await cluster.get("v1", "ConfigMap", namespace, name)) is not None:
            config_maps.append(config_map)
    snapshot = TrainingSnapshot(
        training=training,
        now=now,
        settings=settings,
        jobs=tuple(jobs),
        config_maps=tuple(config_maps),
        pods=tuple(await cluster.select("v1", "Pod", namespace, selector)),
        versions=tuple(await cluster.read_all(ModelVersion, namespace, selector)),
        monitors=tuple(m for m in monitors if m.spec.deployment_ref.name in following),
        deployed=frozenset(name for d in deployments for name in named_versions(d)),
        teacher=next((d for d in deployments if d.metadata.name == teacher), None),
    )
    if lacks_pods(snapshot):
        (job,) = (j for j in jobs if j["metadata"]["name"] == name)
        told = await cluster.events_about(job, "FailedCreate")
        snapshot = replace(snapshot, job_events=tuple(told))
    return training, plan_training(snapshot)


def named_versions(deployment: ModelDeployment) -> set[str]:
    """Return the versions that a ModelDeployment serves, names, or can go back to."""
    status = deployment.status
    names = {r.version for r in (status.stable, status.canary, status.replaced) if r}
    if deployment.spec.model.version_ref is not None:
        names.add(deployment.spec.model.version_ref.name)
    return names - {""}
