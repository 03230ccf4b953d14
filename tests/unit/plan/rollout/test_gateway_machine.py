"""The same life behind a Gateway that is late, refuses, is away, or is written by other hands."""

from typing import Any, ClassVar

from gateway_world import GATEWAY, GatewayWorld
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from rollout_world import World
from stale_gateway_world import StaleGatewayWorld
from test_rollout_machine import Rollouts
from test_stale_rollout import StaleRollouts

from effort import tried


class GatewayRollouts(Rollouts):
    """One ModelDeployment's life behind a Gateway."""

    WORLD: ClassVar[type[World]] = GatewayWorld
    world: Any

    @rule(lag=st.sampled_from([0, 1, 3, 20]))
    def be_late(self, lag: int) -> None:
        self.world.lag = lag

    @rule(why=st.sampled_from(["", "NotAllowedByListeners", "UnsupportedValue"]))
    def refuse_routes(self, why: str) -> None:
        self.world.refuses = why

    @rule(is_away=st.booleans(), passes=st.integers(0, 5))
    def restart_the_gateway(self, is_away: bool, passes: int) -> None:
        self.world.is_away = is_away
        self.work(passes)

    @rule()
    def take_routes_up(self) -> None:
        self.world.control()

    @rule(share=st.integers(1, 9))
    def edit_the_route_by_hand(self, share: int) -> None:
        self.world.edit_route(share)

    @rule(kind=st.sampled_from(["HTTPRoute", "Service"]))
    def delete_by_hand(self, kind: str) -> None:
        for key in [key for key in self.world.children if key[0] == kind][:1]:
            del self.world.children[key]

    @rule(way=st.sampled_from([GATEWAY, {"replicas": {}}]))
    def other_way(self, way: Any) -> None:
        self.world.change(traffic=way)

    @precondition(lambda self: hasattr(self, "world"))
    @rule(timeout=st.sampled_from(["1s", "2s"]))
    def other_route(self, timeout: str) -> None:
        if self.world.deployment.spec.traffic.gateway is not None:
            gateway = {**GATEWAY["gateway"], "timeout": timeout}
            self.world.change(traffic={"gateway": gateway})

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.lag, world.refuses, world.is_away = 0, "", False
        super().teardown()
        world.settle()  # what waited for a person may have ended at its deadline
        status, routes = world.deployment.status, [k for k, _ in world.children if k != "Service"]
        if world.deployment.spec.traffic.gateway is None:
            assert not world.children and not world.in_force
            return
        assert routes == ["HTTPRoute"]
        assert sum(world.in_force.values()) == 100
        if status.canary is None and status.stable.artifact.sha256 not in world.broken:
            told = (world.route or {}).get("status"), world.route
            assert world.in_force == {status.stable.revision: 100}, (world.in_force, told)


TestGatewayRollouts = GatewayRollouts.TestCase
TestGatewayRollouts.settings = settings(tried(80), stateful_step_count=30, derandomize=True)


class StaleGatewayRollouts(StaleRollouts, GatewayRollouts):
    """The same of an operator that hears of half of what happens at each look, or less."""

    WORLD: ClassVar[type[World]] = StaleGatewayWorld


TestStaleGatewayRollouts = StaleGatewayRollouts.TestCase
TestStaleGatewayRollouts.settings = settings(tried(60), stateful_step_count=30, derandomize=True)


def test_what_is_wanted_after_an_abort_is_tried_in_time_though_the_gateway_is_away() -> None:
    state: Any = GatewayRollouts()
    nothing = {"analysis": {"none": {}}, "bake": None, "kept_failed": None, "kept": "0s"}
    strategy = {"canary": {"steps": [{"setWeight": 0}]}}
    many = {"replicas": 2, "surge": "100%", "tells_room": False}
    state.begin(on_new="Finish", strategy=strategy, follows=False, **many, **nothing)
    state.block_metrics(pods=1, silent={"stable"})
    state.new_model(broken="", passes=14, sha="c" * 64)
    state.ask(verb="abort")
    state.new_settings(cpu="1")
    state.other_route(timeout="1s")
    state.restart_the_gateway(is_away=True, passes=3)
    state.teardown()
