"""A rollout's world whose operator reads a cache that is behind, by the rules of the real one."""

from dataclasses import replace
from random import Random
from typing import Any

from rollout_world import REVISION, World, _labels, _sent

from perennial.api.base import Json
from perennial.cluster.client import Outdated
from perennial.cluster.lowering import Name, leaned_on, lowers, name_of, stands
from perennial.plan.rollout import DeploymentSnapshot

SERVICE = ""


class StaleWorld(World):
    """News of each Deployment and of the Service reach the operator at random looks only.

    What it writes itself it knows at once; what takes pods or requests away it checks before, and
    what it writes over or deletes must be what it has read.
    """

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.held: dict[str, Json] = {}
        self.chance = Random(1)
        self.heard = 0.5  # of what has changed, at each look
        self.read: dict[Name, Json] = {}
        self.checks = self.outdated = 0

    def live(self, revision: str) -> Json | None:
        return self.service if revision == SERVICE else self.workloads.get(revision)

    def lose(self, revision: str, left: int) -> None:
        """Let all pods of a revision but some be gone; they come back."""
        status = self.workloads[revision]["status"]
        status["readyReplicas"] = min(left, status["readyReplicas"])

    def learn(self, revision: str) -> None:
        live = self.live(revision)
        if live is None:
            self.held.pop(revision, None)
        else:
            self.held[revision] = _sent(live)

    def hear(self, share: float) -> None:
        for revision in [*{**self.held, **self.workloads, SERVICE: None}]:
            if self.chance.random() < share:
                self.learn(revision)

    def snapshot(self) -> DeploymentSnapshot:
        self.hear(self.heard)
        self.read = {name_of(body): body for body in self.held.values()}
        workloads = [body for revision, body in self.held.items() if revision != SERVICE]
        whole = super().snapshot()
        return replace(whole, workloads=tuple(workloads), service=self.held.get(SERVICE))

    def would_change(self, wanted: Json) -> bool:
        held = self.held.get(_revision(wanted))
        if held is None:
            return super().would_change(wanted)
        return held["spec"] != self._spec(wanted, held) or _labels(held) != _labels(wanted)

    def write(self, wanted: Json) -> None:
        revision = _revision(wanted)
        held = self.held.get(revision)
        if held is not None and lowers(held, wanted):
            self._confirm(name_of(wanted), wanted)
        if held is not None and self.live(revision) is None:
            self._decide_anew(revision)
        super().write(wanted)
        if self.service is not None:
            self.service["metadata"]["uid"] = "uid-service"
        self.learn(revision)

    def delete(self, revision: str) -> None:
        held = self.held.get(revision)
        if held is None or self.live(revision) is None:
            self.learn(revision)
            return
        if lowers(held, None):
            self._confirm(name_of(held), None)
        if held != self.live(revision):
            self._decide_anew(revision)
        super().delete(revision)
        self.learn(revision)

    def _confirm(self, lowered: Name, wanted: Json | None) -> None:
        self.checks += 1
        for name in leaned_on(self.read, lowered, wanted):
            body = self.read[name]
            revision = _revision(body)
            if not stands(body, self.live(revision)):
                self._decide_anew(revision)

    def _decide_anew(self, revision: str) -> None:
        self.learn(revision)
        self.outdated += 1
        raise Outdated

    def settle(self, passes: int = 2000) -> Any:
        while True:
            plan, before = super().settle(passes), dict(self.held)
            self.hear(1)
            if before == self.held:  # else what it hears wakes it
                return plan


def _revision(body: Json) -> str:
    return SERVICE if body["kind"] == "Service" else str(_labels(body)[REVISION])
