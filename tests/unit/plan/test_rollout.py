from typing import Any

import pytest
from builders import SETTINGS, conditions, deployment, later
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.api import ModelDeployment
from perennial.plan.analysis import PodMetrics, quantile
from perennial.plan.core import Plan
from perennial.plan.rollout import DeploymentSnapshot, plan_deployment
from perennial.plan.weights import split

NEW_SHA = "b" * 64
ANALYSIS = {
    "interval": "2s",
    "minimumRequests": 10,
    "failureLimit": 0,
    "metrics": [{"name": "errors", "errorRate": {"maximum": 0.1}}],
}


class World:
    """A cluster whose pods become ready at once, or never, and whose operator may be killed."""

    def __init__(self, analysis: dict[str, Any] | None = None) -> None:
        self.deployment = deployment()
        if analysis:
            rollout = {**self.deployment.spec.rollout.to_json(), "analysis": analysis}
            self.deployment = deployment({"rollout": rollout})
        self.workloads: dict[str, dict[str, Any]] = {}
        self.service: dict[str, Any] | None = None
        self.broken: set[str] = set()
        self.error_rate = 0.0
        self.seconds = 0.0
        self.answered = 0.0

    def wish(self, sha: str) -> None:
        spec = self.deployment.spec
        source = spec.model.artifact.model_copy(update={"sha256": sha})  # type: ignore[union-attr]
        model = spec.model.model_copy(update={"artifact": source})
        self.deployment = self.deployment.model_copy(
            update={"spec": spec.model_copy(update={"model": model})}
        )

    def ask(self, request: str) -> None:
        meta = self.deployment.metadata
        told = meta.model_copy(update={"annotations": {"perennial.dev/request": request}})
        self.deployment = self.deployment.model_copy(update={"metadata": told})

    def ready(self, revision: str) -> int:
        live = self.workloads.get(revision)
        return live["status"]["readyReplicas"] if live else 0

    def snapshot(self) -> DeploymentSnapshot:
        self.answered += 20
        canary = self.deployment.status.canary
        metrics = None
        if canary is not None:
            errors = self.answered * self.error_rate
            metrics = (PodMetrics("p", canary.revision, self.answered, errors, {}),)
        return DeploymentSnapshot(
            deployment=self.deployment,
            now=later(self.seconds),
            settings=SETTINGS,
            workloads=tuple(self.workloads.values()),
            service=self.service,
            metrics=metrics,
        )

    def carry_out(self, plan: Plan, cut: int = 99) -> None:
        writes = 0
        for wanted in plan.apply:
            if writes >= cut:
                return
            writes += 1
            if wanted["kind"] == "Service":
                self.service = wanted
            else:
                self._run(wanted)
            self.check()
        for deletion in plan.delete:
            if writes >= cut:
                return
            writes += 1
            revision = deletion.name.removeprefix("flights-")
            self.workloads.pop(revision)
            self.check()
        if plan.status is not None and writes < cut:
            self.deployment = self.deployment.model_copy(update={"status": plan.status})

    def _run(self, wanted: dict[str, Any]) -> None:
        revision = wanted["metadata"]["labels"]["perennial.dev/revision"]
        meta = {**wanted["metadata"], "uid": f"uid-{revision}", "generation": 1}
        wish = wanted["spec"]["replicas"]
        is_ready = 0 if wanted_sha(wanted) in self.broken else wish
        status = {"observedGeneration": 1, "replicas": wish}
        status |= {"readyReplicas": is_ready, "updatedReplicas": wish}
        self.workloads[revision] = {**wanted, "metadata": meta, "status": status}

    def check(self) -> None:
        """Once something served, somebody ready answers at every moment."""
        if self.service is None or self.deployment.status.promoted_time is None:
            return
        selector = self.service["spec"]["selector"]
        chosen = selector.get("perennial.dev/revision")
        ready = sum(self.ready(r) for r in self.workloads if chosen in (None, r))
        assert ready >= 2, "capacity fell below what was asked for"

    def step(self, cut: int = 99, seconds: float = 1.0) -> Plan:
        self.seconds += seconds
        plan = plan_deployment(self.snapshot())
        self.carry_out(plan, cut)
        return plan

    def steps(self, count: int) -> list[str]:
        return [event.reason for _ in range(count) for event in self.step().events]


def wanted_sha(wanted: dict[str, Any]) -> str:
    env = wanted["spec"]["template"]["spec"]["initContainers"][0]["env"]
    return next(e["value"] for e in env if e["name"] == "PERENNIAL_ARTIFACT_SHA256")


def stable_sha(world: World) -> str:
    stable = world.deployment.status.stable
    assert stable is not None
    return stable.artifact.sha256


def serving(analysis: dict[str, Any] | None = None) -> World:
    world = World(analysis)
    assert world.steps(3) == ["Serving"]
    return world


def test_the_first_deployment_serves_without_a_canary() -> None:
    world = serving()
    found = conditions(world.step())
    assert found["Ready"] == ("True", "Serving") and found["Reconciling"][0] == "False"


def test_steady_state_changes_nothing() -> None:
    world = serving()
    world.steps(3)
    before, workloads = world.deployment.status, dict(world.workloads)
    plan = world.step(seconds=1000)
    assert plan.status is not None and plan.status.to_json() == before.to_json()
    assert not plan.delete and not plan.events
    assert {w: o["spec"] for w, o in workloads.items()} == {
        w: o["spec"] for w, o in world.workloads.items()
    }


def test_a_good_canary_is_promoted_and_the_old_one_goes() -> None:
    world = serving(ANALYSIS)
    world.wish(NEW_SHA)
    told = world.steps(60)
    assert told == ["CanaryStarted", "WeightSet", "CanaryPromoted"]
    assert stable_sha(world) == NEW_SHA and len(world.workloads) == 1


@pytest.mark.parametrize("rate", [0.2, 1.0])
def test_errors_roll_back_and_it_is_not_tried_again(rate: float) -> None:
    world = serving(ANALYSIS)
    old = stable_sha(world)
    world.error_rate = rate
    world.wish(NEW_SHA)
    assert world.steps(60) == ["CanaryStarted", "WeightSet", "RolledBack"]
    assert stable_sha(world) == old and len(world.workloads) == 1
    found = conditions(world.step())
    assert found["RolledOut"] == ("False", "AnalysisFailed") and found["Stalled"][0] == "True"
    world.error_rate = 0.0
    world.ask("retry/1")
    assert "CanaryPromoted" in world.steps(60)


def test_a_canary_that_never_starts_is_rolled_back_at_its_deadline() -> None:
    world = serving()
    world.broken.add(NEW_SHA)
    world.wish(NEW_SHA)
    assert "RolledBack" in world.steps(70)
    assert world.deployment.status.rejected[0].reason == "ProgressDeadlineExceeded"


def test_going_back_to_stable_removes_the_canary_without_rejection() -> None:
    world = serving()
    old = stable_sha(world)
    world.wish(NEW_SHA)
    world.steps(4)
    world.wish(old)
    world.steps(4)
    assert len(world.workloads) == 1 and not world.deployment.status.rejected


def test_abort_and_unknown_verbs() -> None:
    world = serving()
    world.wish(NEW_SHA)
    world.steps(3)
    world.ask("abort/1")
    assert "RolledBack" in world.steps(2)
    world.ask("dance/1")
    assert world.steps(2) == ["UnknownRequest"]


def test_a_lost_status_is_rebuilt_and_nothing_is_scaled_down() -> None:
    world = serving()
    before = dict(world.workloads)
    world.deployment = ModelDeployment.read(
        {"metadata": world.deployment.metadata, "spec": world.deployment.spec}
    )
    world.steps(4)
    assert set(world.workloads) == set(before)


def test_a_foreign_service_is_never_adopted() -> None:
    world = World()
    world.service = {"kind": "Service", "metadata": {"name": "flights"}}
    plan = plan_deployment(world.snapshot())
    assert not plan.apply and conditions(plan)["Stalled"] == ("True", "NameConflict")


def test_few_requests_are_inconclusive_and_add_up() -> None:
    world = serving({**ANALYSIS, "minimumRequests": 100})
    world.wish(NEW_SHA)
    assert "CanaryPromoted" in world.steps(60)


def test_pods_are_restricted() -> None:
    world = serving()
    (live,) = world.workloads.values()
    pod = live["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
    for container in (*pod["initContainers"], *pod["containers"]):
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] and security["capabilities"] == {"drop": ["ALL"]}
    server = pod["containers"][0]
    assert all("secrets" not in m["mountPath"] for m in server["volumeMounts"])


@settings(max_examples=150, deadline=None)
@given(
    moves=st.lists(
        st.tuples(st.sampled_from(["a" * 64, "b" * 64, "c" * 64]), st.integers(1, 12)), max_size=6
    ),
    cuts=st.lists(st.integers(0, 4), max_size=40),
    broken=st.sets(st.sampled_from(["b" * 64, "c" * 64])),
)
def test_killed_anywhere_it_converges_without_losing_capacity(
    moves: list[tuple[str, int]], cuts: list[int], broken: set[str]
) -> None:
    world = serving()
    world.broken = broken
    left = list(cuts)
    for sha, passes in moves:
        world.wish(sha)
        for _ in range(passes):
            world.step(left.pop() if left else 99)
    world.steps(200)
    wish = world.deployment.spec.model.artifact.sha256  # type: ignore[union-attr]
    status = world.deployment.status
    assert status.canary is None and len(world.workloads) == 1
    refused = {r.revision for r in status.rejected}
    assert stable_sha(world) == wish or (wish in broken and refused)


@given(st.integers(1, 20), st.integers(1, 99))
def test_split_keeps_capacity(replicas: int, weight: int) -> None:
    stable, canary = split(replicas, weight)
    assert 1 <= stable <= replicas and 1 <= canary <= replicas and stable + canary >= replicas


def test_quantile_interpolates_as_prometheus_does() -> None:
    buckets = {0.1: 50.0, 0.2: 100.0, float("inf"): 100.0}
    assert quantile(0.75, buckets) == pytest.approx(0.15)
    assert quantile(0.999, {0.1: 0.0, float("inf"): 10.0}) == 0.1
