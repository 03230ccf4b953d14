"""Gather what a ModelVersion's status depends on."""

from __future__ import annotations

from datetime import datetime

from perennial.api.base import Kind
from perennial.api.deployment import ModelDeployment
from perennial.api.version import ModelVersion
from perennial.cluster.client import Cluster
from perennial.cluster.queue import Key
from perennial.plan.core import Plan, Settings
from perennial.plan.versions import VersionSnapshot, plan_version
from perennial.sources.pods import Pods


async def observe_and_plan(
    cluster: Cluster, serving: Pods, key: Key, settings: Settings, now: datetime
) -> tuple[Kind, Plan] | None:
    """Return the version and what to do about it, None where it is gone."""
    version = await cluster.read_own(ModelVersion, key.namespace, key.name)
    if version is None or version.metadata.deletion_timestamp is not None:
        return None
    deployments = tuple(await cluster.read_all(ModelDeployment, key.namespace))
    return version, plan_version(VersionSnapshot(version, deployments, now))
