"""Where what is observed comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from perennial.cluster.client import Cluster
from perennial.plan.core import Settings
from perennial.sources.pods import Pods


@dataclass(frozen=True)
class Sources:
    """The API server, serving pods, what the chart configures, and the time of the pass."""

    cluster: Cluster
    pods: Pods
    settings: Settings
    now: datetime
