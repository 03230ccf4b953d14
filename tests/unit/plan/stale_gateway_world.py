"""A Gateway's world whose operator hears late of routes and their Services, too."""

from dataclasses import replace
from typing import Any

from gateway_world import GatewayWorld, is_child
from rollout_world import _sent
from stale_world import StaleWorld

from perennial.api.values import Json
from perennial.plan.core import Plan
from perennial.plan.core.premise import POLICY, ROUTES
from perennial.plan.rollout import DeploymentSnapshot


class StaleGatewayWorld(StaleWorld, GatewayWorld):
    """News of anything reach the operator at random looks only."""

    def __init__(self, **more: Any) -> None:
        self.noted: dict[tuple[str, str], Json] = {}
        self.decided_by: dict[tuple[str, str], Json] = {}
        super().__init__(**more)

    def note(self, key: tuple[str, str]) -> None:
        if key in self.children:
            self.noted[key] = _sent(self.children[key])
        else:
            self.noted.pop(key, None)

    def hear(self, share: float) -> None:
        super().hear(share)
        for key in [*{**self.noted, **self.children}]:
            if self.chance.random() < share:
                self.note(key)

    def snapshot(self) -> DeploymentSnapshot:
        found, known = super().snapshot(), [_sent(live) for live in self.noted.values()]
        self.decided_by = dict(self.noted)
        services = [live for live in known if live["kind"] == "Service"]
        routes = [live for live in known if live["kind"] in ROUTES]
        policies = [live for live in known if live["kind"] == POLICY]
        return replace(
            found,
            services=(*found.services, *services),
            routes=tuple(routes),
            policies=tuple(policies),
        )

    def known(self, wanted: Json) -> Json | None:
        if not is_child(wanted):
            return super().known(wanted)
        return self.noted.get(_key(wanted)) or self.live(wanted)  # it asks for what it lacks

    def write(self, wanted: Json) -> None:
        if is_child(wanted):
            GatewayWorld.write(self, wanted)
            self.note(_key(wanted))
        else:
            super().write(wanted)

    def remove(self, kind: str, name: str) -> None:
        super().remove(kind, name)
        self.note((kind, name))

    def _check_turn(self, plan: Plan) -> None:
        """What it does not know of it cannot heed: then the write is of a version that is past."""

    def settle(self, passes: int = 2000) -> Any:
        while True:
            plan = super().settle(passes)
            self.hear(1)
            if self.decided_by == self.noted:  # else what it hears wakes it
                return plan


def _key(body: Json) -> tuple[str, str]:
    return body["kind"], body["metadata"]["name"]
