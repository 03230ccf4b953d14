"""Experiments and rollouts of each kind at once, behind a Gateway or by pods, as it changes."""

from typing import Any, ClassVar

from experiment_world import GatewayExperimentWorld
from gateway_world import GATEWAY
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from rollout_world import World
from test_experiment_machine import ALLOCATIONS, Experiments, experiment
from test_gateway_machine import GatewayRollouts

from perennial.plan.serving.route import unavailable

WAYS: list[dict[str, Any]] = [
    {"canary": {"steps": [{"setWeight": 50}, {"pause": {"duration": "3s"}}]}},
    {"canary": {"ramp": [10, 50, 80], "every": "2s"}},
    {"blueGreen": {}},
    {"shadow": {"duration": "3s"}},
]
KEPT: list[dict[str, Any]] = [
    {},
    {"bake": "10s", "keepReplaced": "60s"},
    {"keepFailed": "40s", "bake": "5s"},
]
BUDGETS: list[Any] = [None, {"minAvailable": 1}, {"maxUnavailable": "50%"}]


class Everything(GatewayRollouts, Experiments):
    """One ModelDeployment's life."""

    WORLD: ClassVar[type[World]] = GatewayExperimentWorld
    world: Any

    @initialize(
        replicas=st.sampled_from([1, 2, 4]),
        count=st.integers(1, 3),
        allocation=st.sampled_from(ALLOCATIONS),
        then=st.sampled_from(["Report", "Promote"]),
        follows=st.booleans(),
        surge=st.sampled_from(["100%", "50%", 3]),
    )
    def begin(  # type: ignore[override]
        self,
        replicas: int,
        count: int,
        allocation: dict[str, Any],
        then: str,
        follows: bool,
        surge: int | str,
    ) -> None:
        rollout = {**WAYS[0], "progressDeadline": "20s", "maxSurge": surge}
        spec: dict[str, Any] = {"rollout": {**rollout, "analysis": {"none": {}}}}
        spec |= {"replicas": replicas, "serving": {"receipts": {}}}
        spec["experiment"] = experiment(count, allocation, then)
        if follows:
            spec["model"] = {"trainingRef": {"name": "flights"}}
        self.world = GatewayExperimentWorld(**spec)
        self.world.instant = False
        self.world.requests = 5.0
        self.follows = follows
        self.versions = self.tokens = 0
        self.world.train(0, "a" * 64)
        self.work(8)

    @rule(
        way=st.sampled_from(WAYS),
        kept=st.sampled_from(KEPT),
        surge=st.sampled_from(["100%", "50%", 1]),
        on_new=st.sampled_from(["Finish", "Restart"]),
    )
    def roll_out_otherwise(
        self, way: dict[str, Any], kept: dict[str, Any], surge: int | str, on_new: str
    ) -> None:
        if "shadow" in way and self.world.deployment.spec.traffic.gateway is None:
            return  # refused at apply
        rollout = {"progressDeadline": "20s", "maxSurge": surge, "onNewVersion": on_new}
        self.world.change(rollout={**rollout, **way, **kept, "analysis": {"none": {}}})

    @rule(budget=st.sampled_from(BUDGETS))
    def other_budget(self, budget: Any) -> None:
        self.world.change(disruptionBudget=budget)

    @rule(way=st.sampled_from([GATEWAY, {"replicas": {}}]))
    def other_way(self, way: Any) -> None:
        if self.world.deployment.spec.rollout.shadow is None:
            self.world.change(traffic=way)

    @rule(is_allowed=st.booleans(), passes=st.integers(0, 5))
    def allow_routes(self, is_allowed: bool, passes: int) -> None:
        self.world.unlisted = None if is_allowed else unavailable("HTTPRoute", 403, "no")
        self.work(passes)

    @rule()
    def refuse_routes(self) -> None:  # type: ignore[override]
        """Nothing: by a route that was accepted before, what is in force cannot be told."""

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.unlisted = None
            super().teardown()


TestEverything = Everything.TestCase
TestEverything.settings = settings(max_examples=10, stateful_step_count=40, derandomize=True)
