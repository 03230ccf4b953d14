"""Where what is observed comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from perennial.cluster.client import Cluster
from perennial.plan.core import Settings
from perennial.sources.pods import Pods
from perennial.sources.web import Web


@dataclass(frozen=True)
class Sources:
    """The API server, pods, what users name, what the chart configures, the time of the pass."""

    cluster: Cluster
    pods: Pods
    web: Web
    settings: Settings
    now: datetime
