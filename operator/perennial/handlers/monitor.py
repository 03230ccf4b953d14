"""Gather what a DriftMonitor's decision depends on."""

from __future__ import annotations

import logging
from datetime import datetime

from perennial.api.base import Json, Kind, seconds
from perennial.api.deployment import ModelDeployment
from perennial.api.monitor import DriftMonitor
from perennial.api.training import ModelTraining
from perennial.cluster import metrics
from perennial.cluster.client import Cluster
from perennial.cluster.queue import Key
from perennial.cluster.scrape import is_ready, read_pods
from perennial.plan.core import Plan, Settings
from perennial.plan.monitor import MonitorSnapshot, plan_monitor, wants_windows
from perennial.plan.serving_pods import serving_pods
from perennial.settings import Options
from perennial_artifact.profile import Profile
from perennial_artifact.window import Window

log = logging.getLogger("perennial.monitor")


async def observe_and_plan(
    cluster: Cluster, key: Key, settings: Settings, options: Options, now: datetime
) -> tuple[Kind, Plan] | None:
    """Return the monitor and what to do about it, None where it is gone."""
    namespace = key.namespace
    monitor: DriftMonitor | None = await cluster.read_own(DriftMonitor, namespace, key.name)
    if monitor is None or monitor.metadata.deletion_timestamp is not None:
        return None
    deployment: ModelDeployment | None = await cluster.read(
        ModelDeployment, namespace, monitor.spec.deployment_ref.name
    )
    training: ModelTraining | None = None
    windows: tuple[Window, ...] | None = None
    asked = 0
    profile: Profile | None = None
    if deployment is not None and deployment.spec.model.training_ref is not None:
        name = deployment.spec.model.training_ref.name
        training = await cluster.read(ModelTraining, namespace, name)
    stable = deployment.status.stable if deployment is not None else None
    if deployment is not None and stable is not None and wants_windows(monitor, deployment, now):
        selector = (
            f"perennial.dev/deployment={deployment.metadata.name},"
            f"perennial.dev/revision={stable.revision}"
        )
        pods = await cluster.select("v1", "Pod", namespace, selector)
        ready = [p for p in serving_pods(deployment.metadata.name, pods) if is_ready(p)]
        asked = len(ready)
        windows, profile = await _collect(ready, seconds(monitor.spec.window))
    snapshot = MonitorSnapshot(monitor, now, deployment, training, windows, asked, profile)
    plan = plan_monitor(snapshot)
    export(monitor)
    return monitor, plan


async def _collect(
    pods: list[Json], window_seconds: float
) -> tuple[tuple[Window, ...], Profile | None]:
    """Return what the pods counted, and the profile that they counted on.

    A pod whose answer makes no sense is left out, as one that does not answer.
    """
    windows: list[Window] = []
    profile: Profile | None = None
    answers = await read_pods(pods, f"/drift?seconds={window_seconds:g}")
    for pod in pods:
        name = pod["metadata"]["name"]
        try:
            if name in answers:
                windows.append(Window.from_json(answers[name]))
            if name in answers and profile is None:
                told = await read_pods([pod], "/profile")
                profile = Profile.from_json(told[name]) if name in told else None
        except ValueError as error:
            about = {"pod": name, "why": str(error)}
            log.warning("what a pod counted cannot be read", extra=about)
    return tuple(windows), profile


def export(monitor: DriftMonitor) -> None:
    """Set the Prometheus series of the newest verdict."""
    key, status = monitor.key, monitor.status
    if status.window is not None:
        metrics.DRIFT_SAMPLES.set(key, [((), status.window.samples)])
    if status.checked_time is not None:
        metrics.DRIFT_EVALUATED.set(key, [((), status.checked_time.timestamp())])
    metrics.DRIFT_ACTIONS.set(key, [(("Retrain",), status.retrainings)])
    drifted = next((c.status for c in status.conditions if c.type == "Drifted"), "Unknown")
    metrics.DRIFT_BREACHED.set(key, [((), 1 if drifted == "True" else 0)])
    metrics.DRIFT_SCORE.set(key, [((w.feature,), w.score) for w in status.worst])
    metrics.DRIFT_NEED.set(key, [((w.feature,), w.need) for w in status.worst])
