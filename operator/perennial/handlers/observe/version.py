"""Gather what a ModelVersion's status depends on."""

from __future__ import annotations

from perennial.api.deployment import ModelDeployment
from perennial.api.version import ModelVersion
from perennial.handlers.observe.sources import Sources
from perennial.plan.core import Plan
from perennial.plan.version import VersionSnapshot, plan_version


async def plan(sources: Sources, version: ModelVersion) -> Plan:
    """Return what to do about a version."""
    found = await sources.cluster.read_all(ModelDeployment, version.metadata.namespace)
    return plan_version(VersionSnapshot(version, tuple(found), sources.now))
