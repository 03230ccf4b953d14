"""Whatever the cache is behind by: no write takes capacity away, and all ends where it should."""

from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from stale_world import StaleWorld
from test_rollout_machine import Rollouts

from effort import tried


class StaleRollouts(Rollouts):
    """The same life, of an operator that hears of half of what happens at each look, or less."""

    WORLD: ClassVar = StaleWorld

    @precondition(lambda self: self.world.workloads)
    @rule(which=st.integers(0, 2), left=st.integers(0, 2), passes=st.integers(1, 6))
    def lose_pods_unheard(self, which: int, left: int, passes: int) -> None:
        world: Any = self.world
        revisions = sorted(world.workloads)
        world.lose(revisions[which % len(revisions)], left)
        world.received = 0.0
        self.work(passes)
        world.received = 0.5


TestStaleRollouts = StaleRollouts.TestCase
TestStaleRollouts.settings = settings(tried(60), stateful_step_count=30, derandomize=True)

CANARY = {"canary": {"steps": [{"setWeight": 50}]}, "analysis": {"none": {}}}


@pytest.mark.parametrize("left", [0, 1])
@pytest.mark.parametrize("whose", [0, 1])
def test_pods_that_are_lost_unheard_at_any_moment_cost_nothing(whose: int, left: int) -> None:
    """What the world itself checks at each write: capacity never falls by one of ours."""
    for moment in range(40):
        world = StaleWorld(replicas=4, rollout=CANARY)
        world.wish("a" * 64)
        world.settle()
        world.wish("b" * 64)
        world.received = 1.0
        for _ in range(moment):
            world.step()
        revisions = sorted(world.workloads, key=lambda r: world.born[r])
        world.lose(revisions[whose % len(revisions)], left)
        world.received, world.instant = 0.0, False
        for _ in range(4):
            world.step()
        world.received = 0.5
        world.settle()
        assert world.deployment.status.stable is not None
        assert world.deployment.status.stable.artifact.sha256 == "b" * 64
