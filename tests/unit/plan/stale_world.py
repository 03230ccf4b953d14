"""A rollout's world whose operator reads a cache that is behind, by the rules of the real one."""

from dataclasses import replace
from random import Random
from typing import Any

from rollout_world import BUDGET, World, _sent, key_of

from perennial.api.values import Json
from perennial.plan.rollout import DeploymentSnapshot

SERVICE = ""


class StaleWorld(World):
    """News of each Deployment and of the Service reach the operator at random looks only.

    What it writes itself it knows at once; what writes lean on is asked of the API server.
    """

    is_behind = True

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.held: dict[str, Json] = {}
        self.decided_by: dict[str, Any] = {}
        self.chance = Random(1)
        self.received = 0.5  # of what has changed, at each look

    def lose(self, revision: str, left: int) -> None:
        """Let all pods of a revision but some be gone; they come back."""
        status = self.workloads[revision]["status"]
        status["readyReplicas"] = min(left, status["readyReplicas"])
        self._touch(self.workloads[revision])

    def learn(self, revision: str) -> None:
        live = self.workloads.get(revision, self.services.get(f"flights{revision}"))
        live = self.service if revision == SERVICE else live
        if live is None:
            self.held.pop(revision, None)
        else:
            self.held[revision] = _sent(live)

    def hear(self, share: float) -> None:
        others = {key_of(name): None for name in self.services}
        for revision in [*{**self.held, **self.workloads, **others, SERVICE: None}]:
            if self.chance.random() < share:
                self.learn(revision)

    def snapshot(self) -> DeploymentSnapshot:
        self.hear(self.received)
        if SERVICE not in self.held:
            self.learn(SERVICE)
        held = [body for key, body in self.held.items() if key != SERVICE]
        self.decided_by = {key: body.get("status") for key, body in self.held.items()}
        whole = super().snapshot()
        return replace(
            whole,
            workloads=tuple(body for body in held if body["kind"] == "Deployment"),
            services=tuple(body for body in held if body["kind"] == "Service"),
            service=self.held.get(SERVICE),
        )

    def known(self, wanted: Json) -> Json | None:
        if wanted["kind"] == BUDGET:
            return self.live(wanted)
        return self.held.get(_revision(wanted)) or self.live(wanted)  # it asks for what it lacks

    def knew(self, revision: str) -> bool:
        return self.decided_by.get(revision) == self.workloads[revision]["status"]

    def known_pods(self) -> dict[str, int]:
        pods = {r: b["spec"].get("replicas") for r, b in self.held.items()}
        return {revision: count for revision, count in pods.items() if count is not None}

    def write(self, wanted: Json) -> None:
        super().write(wanted)
        if wanted["kind"] != BUDGET:
            self.learn(_revision(wanted))

    def delete(self, revision: str) -> None:
        super().delete(revision)
        self.learn(revision)

    def settle(self, passes: int = 2000) -> Any:
        while True:
            plan, before = super().settle(passes), dict(self.held)
            self.hear(1)
            if before == self.held:  # else what it hears wakes it
                return plan


def _revision(body: Json) -> str:
    return key_of(body["metadata"]["name"])
