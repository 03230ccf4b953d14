"""Observe, ask and plan: what each kind's decision depends on, a file a kind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perennial.api import DriftMonitor, ModelDeployment, ModelTraining, ModelVersion
from perennial.api.common import Kind
from perennial.cluster.client import Cluster
from perennial.cluster.queue import Key
from perennial.handlers.observe import deployment, monitor, training, version
from perennial.handlers.observe.sources import Sources
from perennial.plan.core import Plan, Settings
from perennial.sources.pods import Pods
from perennial.sources.web import Web


@dataclass(frozen=True)
class Observer:
    """How what a kind's decision depends on is observed."""

    kind: type[Kind]
    plan: Callable[[Sources, Any], Awaitable[Plan]]
    forget: Callable[[str, str], None] = lambda namespace, name: None
    """Called when there is no object of this namespace and name."""
    opens_store: bool = False
    """Whether its pods do."""


OBSERVERS = {
    observer.kind.kind(): observer
    for observer in (
        Observer(ModelTraining, training.plan, opens_store=True),
        Observer(ModelVersion, version.plan),
        Observer(ModelDeployment, deployment.plan, deployment.forget, opens_store=True),
        Observer(DriftMonitor, monitor.plan, monitor.forget, opens_store=True),
    )
}


async def observe_and_plan(
    cluster: Cluster,
    pods: Pods,
    key: Key,
    settings: Settings,
    now: datetime,
    web: Web | None = None,
) -> tuple[Kind, Plan] | None:
    """Return an object and what to do about it, None where it is gone."""
    observer = OBSERVERS[key.kind]
    owner: Kind | None = await cluster.read_own(observer.kind, key.namespace, key.name)
    if owner is None or owner.metadata.deletion_timestamp is not None:
        observer.forget(key.namespace, key.name)
        return None
    return owner, await observer.plan(Sources(cluster, pods, web or Web(), settings, now), owner)
