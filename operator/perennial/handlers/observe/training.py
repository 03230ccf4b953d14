"""Gather what a ModelTraining's decision depends on."""

from __future__ import annotations

from dataclasses import replace

from perennial.api.deployment import ModelDeployment
from perennial.api.monitor import DriftMonitor
from perennial.api.training import ModelTraining
from perennial.api.values import Json
from perennial.api.version import ModelVersion
from perennial.handlers.observe.sources import Sources
from perennial.plan.core import Plan
from perennial.plan.training import TrainingSnapshot, lacks_pods, plan_training
from perennial.plan.training.job import child_name


async def plan(sources: Sources, training: ModelTraining) -> Plan:
    """Return what to do about a training."""
    cluster, (namespace, own_name) = sources.cluster, training.key
    selector = f"perennial.dev/training={own_name}"
    deployments: list[ModelDeployment] = await cluster.read_all(ModelDeployment, namespace)
    following = {
        d.metadata.name
        for d in deployments
        if d.spec.model.training_ref is not None and d.spec.model.training_ref.name == own_name
    }
    feedback = training.spec.dataset.feedback
    learned_from = feedback.deployment_ref.name if feedback is not None else ""
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
        now=sources.now,
        settings=sources.settings,
        jobs=tuple(jobs),
        config_maps=tuple(config_maps),
        pods=tuple(await cluster.select("v1", "Pod", namespace, selector)),
        versions=tuple(await cluster.read_all(ModelVersion, namespace, selector)),
        monitors=tuple(m for m in monitors if m.spec.deployment_ref.name in following),
        deployed=frozenset(name for d in deployments for name in named_versions(d)),
        feedback_deployment=next((d for d in deployments if d.metadata.name == learned_from), None),
    )
    if lacks_pods(snapshot):
        (job,) = (j for j in jobs if j["metadata"]["name"] == name)
        events = await cluster.events_about(job, "FailedCreate")
        snapshot = replace(snapshot, job_events=tuple(events))
    return plan_training(snapshot)


def named_versions(deployment: ModelDeployment) -> set[str]:
    """Return the versions that a ModelDeployment serves, names, or can go back to."""
    status = deployment.status
    names = {r.version for r in (status.stable, status.canary, status.replaced) if r}
    if deployment.spec.model.version_ref is not None:
        names.add(deployment.spec.model.version_ref.name)
    return names - {""}
