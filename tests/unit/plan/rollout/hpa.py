"""A HorizontalPodAutoscaler, as far as what it is told decides what it writes.

By the formulas of its documentation: "Algorithm details" of "Horizontal Pod Autoscaling".
"""

import math
from typing import Any

from rollout_world import REVISION, World

TOLERANCE = 0.1


class Autoscaler:
    """Scales a world, whose load is as many pods' worth of requests as ``load``.

    It follows what it finds at once, so that nothing hides behind a stabilization window.
    """

    def __init__(self, world: World, load: float) -> None:
        self.world, self.load = world, load
        self.written: list[int] = []

    def by_cpu(self) -> int:
        """Return the replicas by the utilization of the pods that it is told to look at."""
        pods = {r: self.world.ready(r) for r in self._selected()}
        used = sum(self._used(r) for r in pods)
        count = sum(pods.values())
        if count == 0:
            return self.world.replicas
        ratio = used / count
        return self._kept(ratio) or math.ceil(round(ratio * count, 6))

    def by_total(self) -> int:
        """Return the replicas by an average value of a metric of the whole, as KEDA's are."""
        ratio = self.load / max(1, self.world.deployment.status.replicas)
        return self._kept(ratio) or math.ceil(round(self.load, 6))

    def follow(self, wanted: int) -> None:
        """Write the replicas through the scale subresource, where they are others."""
        self.written.append(wanted)
        if wanted != self.world.replicas:
            self.world.change(replicas=wanted)

    def _kept(self, ratio: float) -> int:
        """Return what it is told to have, where that is close enough; else 0."""
        near = abs(ratio - 1) <= TOLERANCE
        return self.world.deployment.status.replicas if near else 0

    def _used(self, revision: str) -> float:
        """Return how many pods' worth of requests a revision's pods answer."""
        ready = {r: self.world.ready(r) for r in self.world.selected()}
        return self.load * ready.get(revision, 0) / max(1, sum(ready.values()))

    def _selected(self) -> list[str]:
        """Return the revisions whose pods the status tells it to look at."""
        selector = self.world.deployment.status.selector
        named: Any = selector.partition(f",{REVISION}")[2].strip("=")
        if not named:
            return list(self.world.workloads)
        names = named.removeprefix(" in (").removesuffix(")").split(",")
        return [r for r in self.world.workloads if r in names]
