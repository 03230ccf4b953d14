"""Experiments amid all that may happen to a rollout: what must never be, and where it ends."""

from typing import Any, ClassVar

from experiment_world import LETTERS, ExperimentWorld, variants
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from rollout_world import World
from test_rollout_machine import Rollouts

from effort import tried
from perennial.plan.rollout import plan_deployment
from perennial.plan.rollout.experiment import is_on

ALLOCATIONS: list[dict[str, Any]] = [
    {"thompsonSampling": {"minimumShare": 0.2, "maximumStep": 10}},
    {"thompsonSampling": {"minimumShare": 0.1, "maximumStep": 100}},
    {"fixed": {}},
]
FEWEST = 60


def experiment(count: int, allocation: dict[str, Any], then: str, first: int = 0) -> dict[str, Any]:
    return {
        "variants": variants(4)[first : first + count],
        "allocation": allocation,
        "outcome": {"reward": {}},
        "batch": "20s",
        "stop": {"after": "4m", "minimumOutcomes": FEWEST},
        "then": then,
    }


class Experiments(Rollouts):
    """One ModelDeployment's life, with experiments that come and go."""

    WORLD: ClassVar[type[World]] = ExperimentWorld
    world: ExperimentWorld

    @initialize(
        replicas=st.sampled_from([1, 2, 4]),
        count=st.integers(1, 3),
        allocation=st.sampled_from(ALLOCATIONS),
        then=st.sampled_from(["Report", "Promote"]),
        follows=st.booleans(),
        on_new=st.sampled_from(["Finish", "Restart"]),
        surge=st.sampled_from(["100%", "50%", 3]),
        analysis=st.sampled_from([{"none": {}}, {"planned": 60, "waitAtMost": "20s"}]),
    )
    def begin(  # type: ignore[override]
        self,
        replicas: int,
        count: int,
        allocation: dict[str, Any],
        then: str,
        follows: bool,
        on_new: str,
        surge: int | str,
        analysis: Any,
    ) -> None:
        steps = [{"setWeight": 50}, {"pause": {"duration": "3s"}}]
        rollout: dict[str, Any] = {"canary": {"steps": steps}, "progressDeadline": "20s"}
        rollout |= {"onNewVersion": on_new, "maxSurge": surge, "analysis": analysis}
        spec: dict[str, Any] = {"rollout": rollout, "replicas": replicas}
        spec |= {"serving": {"receipts": {}}, "experiment": experiment(count, allocation, then)}
        if follows:
            spec["model"] = {"trainingRef": {"name": "flights"}}
        self.world = ExperimentWorld(**spec)
        self.world.instant = False
        self.world.requests = 5.0
        self.follows = follows
        self.versions = self.tokens = 0
        self.world.train(0, "a" * 64)
        self.work(8)

    @rule(seconds=st.sampled_from([30, 90, 300]))
    def time_passes(self, seconds: int) -> None:
        """Let feedback come for a while."""
        for _ in range(seconds // 5):
            self.world._earn(4.0)
            self.world.step(seconds=5.0)
            self.world.grow(1)

    @rule(cpu=st.sampled_from(["1", "2"]))
    def new_settings(self, cpu: str) -> None:
        resources = {"requests": {"cpu": cpu}}
        self.world.change(serving={"resources": resources, "receipts": {}})

    @rule(
        count=st.integers(1, 3),
        first=st.integers(0, 1),
        allocation=st.sampled_from(ALLOCATIONS),
        then=st.sampled_from(["Report", "Promote"]),
    )
    def edit_the_experiment(
        self, count: int, first: int, allocation: dict[str, Any], then: str
    ) -> None:
        self.world.change(experiment=experiment(count, allocation, then, first))

    @rule()
    def forget_the_experiment(self) -> None:
        self.world.change(experiment=None)

    @rule(rate=st.sampled_from([0.1, 0.9]), letter=st.sampled_from(f"a{LETTERS}"))
    def earn_otherwise(self, rate: float, letter: str) -> None:
        self.world.rewards[letter * 64] = rate

    @rule(letter=st.sampled_from(LETTERS), rate=st.sampled_from([0.0, 0.6]))
    def fail(self, letter: str, rate: float) -> None:
        self.world.bad_variants = {letter * 64: rate}

    @rule(silent=st.booleans())
    def tell_nothing(self, silent: bool) -> None:
        self.world.unheard = set(self.world.workloads) if silent else set()

    @invariant()
    def arms_shares_sum_to_100_and_none_has_less_than_the_least(self) -> None:
        known = self.world.experiment
        asked = self.world.deployment.spec.experiment
        if known is None or asked is None:
            return
        found = [arm.share.asked for arm in known.arms if arm.share is not None]
        assert sum(found) in (0, 100)
        if found and known.key and asked.sampling is not None and self.is_up_to_date():
            assert min(found) >= 1

    def is_up_to_date(self) -> bool:
        deployment = self.world.deployment
        return deployment.status.observed_generation == deployment.metadata.generation

    @invariant()
    def nothing_is_decided_from_too_little(self) -> None:
        known = self.world.experiment
        if known is not None and known.result in ("Winner", "NoDifference"):
            counted = [a.outcomes for a in known.arms if a.state != "Out"]
            assert min(counted) >= FEWEST

    @invariant()
    def no_outcome_is_counted_twice(self) -> None:
        known = self.world.experiment
        if known is None:
            return
        for arm in known.arms:
            told = sum(n for _, sha, n, _ in self.world.arrivals if sha == arm.sha256)
            assert arm.outcomes <= told

    @invariant()
    def only_variants_that_take_part_have_a_share(self) -> None:
        status = self.world.deployment.status
        names = {r.revision for r in status.variants}
        known = self.world.experiment
        if known is not None and is_on(status):
            running = {a.revision for a in known.arms if a.share is not None and a.name != "stable"}
            assert running <= names

    def teardown(self) -> None:
        """Left alone, experiments end, and stable alone serves."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.broken, world.refused = {}, {}
        world.unheard, world.silent, world.room = set(), set(), 1000
        for _ in range(150):
            world._earn(4.0)
            world.step(seconds=5.0)
            world.grow()
        world.settle()
        status = world.deployment.status
        world.seconds += 100_000
        writes = world.writes
        plan = plan_deployment(world.snapshot())
        world.carry_out(plan)
        if status.canary is not None or world.deployment.spec.replicas == 0:
            return
        assert world.writes == writes and not plan.events
        assert status.stable is not None and not status.variants
        known = status.experiment
        if world.deployment.spec.experiment is not None:
            assert known is not None
            assert known.result is not None or known.message, "it waits, and says not for what"
        assert world.service is not None
        chosen = world.service["spec"]["selector"]["perennial.dev/revision"]
        assert chosen == status.stable.revision


TestExperiments = Experiments.TestCase
TestExperiments.settings = settings(tried(40), stateful_step_count=20, derandomize=True)
