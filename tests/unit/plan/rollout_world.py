"""A cluster as far as a ModelDeployment sees it, whose operator may be killed at any write."""

from typing import Any

import msgspec
from builders import SETTINGS, deployment, later, training

from perennial.api import ModelDeployment, ModelTraining, ModelVersion
from perennial.plan.analysis import PodMetrics
from perennial.plan.core import Plan
from perennial.plan.rollout import DeploymentSnapshot, plan_deployment, wants_metrics

REVISION, ROLE = "perennial.dev/revision", "perennial.dev/role"
WHY = {
    "crash": ("ModelInvalid", "the model cannot be loaded"),
    "store": ("StoreUnreachable", "the store does not answer"),
}


class World:
    """Objects, pods, traffic and a clock. Every write is checked against what must never happen.

    ``broken`` models never become ready: "silent", or with a pod that says "crash" or "store".
    ``room`` is how many pods can be ready at a time.
    """

    def __init__(self, analysis: dict[str, Any] | None = None, **spec: Any) -> None:
        self.deployment = deployment(spec)
        if analysis:
            rollout = {**self.deployment.spec.rollout.to_json(), "analysis": analysis}
            self.deployment = deployment({**spec, "rollout": rollout})
        self.training: ModelTraining | None = None
        self.version: ModelVersion | None = None
        self.workloads: dict[str, dict[str, Any]] = {}
        self.service: dict[str, Any] | None = None
        self.broken: dict[str, str] = {}
        self.room = 1000
        self.instant = True
        self.error_rate = 0.0
        self.requests_per_pass = 20.0
        self.answered = 0.0
        self.failed = 0.0
        self.seconds = 0.0
        self.writes = 0

    # What people and trainings do.

    def change(self, **spec: Any) -> None:
        """Change fields of the spec."""
        meta = self.deployment.metadata
        meta = meta.model_copy(update={"generation": meta.generation + 1})
        body = {**self.deployment.spec.to_json(), **spec}
        body = {key: value for key, value in body.items() if value is not None}
        self.deployment = ModelDeployment.read(
            {"metadata": meta, "spec": body, "status": self.deployment.status}
        )

    def wish(self, sha: str) -> None:
        self.change(model={"artifact": {"uri": "s3://models/a/", "sha256": sha}})

    def train(self, number: int, sha: str) -> None:
        """Let a training promote a version."""
        champion = {
            "version": f"flights-{number}",
            "uri": "s3://models/t/",
            "sha256": sha,
            "metric": {"name": "roc_auc", "value": 0.9},
        }
        self.training = training(status={"champion": champion})

    def ask(self, request: str) -> None:
        meta = self.deployment.metadata
        told = meta.model_copy(update={"annotations": {"perennial.dev/request": request}})
        self.deployment = self.deployment.model_copy(update={"metadata": told})

    def lose_status(self) -> None:
        self.deployment = ModelDeployment.read(
            {"metadata": self.deployment.metadata, "spec": self.deployment.spec}
        )

    # What Kubernetes does.

    def ready(self, revision: str) -> int:
        live = self.workloads.get(revision)
        return live["status"]["readyReplicas"] if live else 0

    def grow(self, pods: int = 1000) -> bool:
        """Let at most so many pods of each workload start or end; tell whether any did."""
        changed = False
        # What ends makes room first.
        shrinking = sorted(self.workloads.values(), key=lambda w: w["spec"]["replicas"] - _up(w))
        for live in shrinking:
            status, goal = live["status"], live["spec"]["replicas"]
            sound = 0 if wanted_sha(live) in self.broken else goal
            before = dict(status)
            status["replicas"] = status["updatedReplicas"] = goal
            room = max(0, self.room - sum(_up(w) for w in self.workloads.values()))
            more = min(pods, sound - status["readyReplicas"])
            status["readyReplicas"] += max(-pods, min(room, more) if more > 0 else more)
            status["observedGeneration"] = live["metadata"]["generation"]
            changed |= before != status
        return changed

    def running(self) -> list[str]:
        """Return the revisions that have, or ask for, pods."""
        return [r for r, w in self.workloads.items() if w["spec"]["replicas"] or self.ready(r)]

    def crash(self, revision: str) -> None:
        """Let all pods of a workload crash once; they come back."""
        if revision in self.workloads:
            self.workloads[revision]["status"]["readyReplicas"] = 0

    def selected(self) -> list[str]:
        """Return the revisions that the Service sends requests to."""
        if self.service is None:
            return []
        chosen = self.service["spec"]["selector"].get(REVISION)
        return [r for r in self.workloads if chosen in (None, r)]

    def capacity(self) -> int:
        """Return the ready pods behind the Service that are not about to be ended."""
        return sum(
            min(self.ready(r), self.workloads[r]["spec"]["replicas"]) for r in self.selected()
        )

    @property
    def replicas(self) -> int:
        """How many pods are asked for, by the spec or else by an autoscaler."""
        asked, stable = self.deployment.spec.replicas, self.deployment.status.stable
        if asked is not None:
            return asked
        live = self.workloads.get(stable.revision) if stable is not None else None
        return live["spec"]["replicas"] if live is not None else 1

    # What the operator does.

    def snapshot(self) -> DeploymentSnapshot:
        now = later(self.seconds)
        metrics = None
        canary = self.deployment.status.canary
        if canary is not None and canary.revision in self.selected():
            self.answered += self.requests_per_pass
            self.failed += self.requests_per_pass * self.error_rate
        if canary is not None and wants_metrics(self.deployment, now):
            metrics = (PodMetrics("p", canary.revision, self.answered, self.failed, {}),)
        return DeploymentSnapshot(
            deployment=self.deployment,
            now=now,
            settings=SETTINGS,
            training=self.training,
            version=self.version,
            workloads=tuple(_sent(list(self.workloads.values()))),
            service=_sent(self.service),
            pods=tuple(self.pods()),
            metrics=metrics,
        )

    def pods(self) -> list[dict[str, Any]]:
        """Return the pods that have something to say."""
        found = []
        for revision, live in self.workloads.items():
            why = WHY.get(self.broken.get(wanted_sha(live), ""))
            if why is None:
                continue
            message = f'{{"reason": "{why[0]}", "message": "{why[1]}"}}'
            ended = {"exitCode": 1, "message": message}
            container = {"name": "fetch", "ready": False, "state": {"terminated": ended}}
            labels = {REVISION: revision}
            status = {"initContainerStatuses": [container]}
            found.append(
                {"metadata": {"name": f"p-{revision}", "labels": labels}, "status": status}
            )
        return found

    def carry_out(self, plan: Plan, cut: int = 99) -> bool:
        """Do at most ``cut`` writes, in the plan's order; tell whether any changed something."""
        left, before = cut, self.writes
        for wanted in plan.apply:
            if left == 0:
                return True
            left -= self._write(wanted)
        for deletion in plan.delete:
            if left == 0:
                return True
            left -= 1
            self._delete(deletion.name.removeprefix("flights-"))
        if plan.status is not None and plan.status.to_json() != self.deployment.status.to_json():
            if left == 0:
                return True
            self.writes += 1
            self.deployment = self.deployment.model_copy(update={"status": plan.status})
        return self.writes > before

    def _write(self, wanted: dict[str, Any]) -> int:
        """Apply an object; return 1 where that changed something."""
        revision = wanted["metadata"]["labels"].get(REVISION, "")
        is_service = wanted["kind"] == "Service"
        live = self.service if is_service else self.workloads.get(revision)
        spec = {**wanted["spec"]}
        if not is_service:
            spec.setdefault("replicas", live["spec"]["replicas"] if live else 1)
        if live is not None and live["spec"] == spec and _labels(live) == _labels(wanted):
            return 0
        capacity, selected = self.capacity(), self.selected()
        self.writes += 1
        if is_service:
            self.service = _sent(wanted)
        else:
            generation = live["metadata"]["generation"] + 1 if live else 1
            meta = {**wanted["metadata"], "uid": f"uid-{revision}", "generation": generation}
            status = live["status"] if live else {"readyReplicas": 0}
            self.workloads[revision] = _sent(
                {**wanted, "metadata": meta, "spec": spec, "status": status}
            )
        self._check(capacity, selected, f"{wanted['kind']} {revision}")
        if self.instant:
            self.grow()
        return 1

    def _delete(self, revision: str) -> None:
        capacity, selected = self.capacity(), self.selected()
        self.writes += 1
        self.workloads.pop(revision)
        self._check(capacity, selected, f"deletion of {revision}")

    def _check(self, capacity: int, selected: list[str], write: str) -> None:
        """Check what no write may do, whatever the operator knew."""
        status = self.deployment.status
        if status.promoted_time is None and status.observed_generation != -1:
            return  # nothing serves yet
        after = self.capacity()
        assert after >= min(capacity, self.replicas), f"{write}: capacity fell to {after}"
        if write.startswith("Service") and capacity and self.replicas:
            for revision in set(self.selected()) & set(self.running()) - set(selected):
                assert self.ready(revision) > 0, f"{revision} has traffic before a pod"

    def step(self, cut: int = 99, seconds: float = 1.0) -> Plan:
        """Let time pass and the operator look once."""
        self.seconds += seconds
        if self.instant:
            self.grow()
        plan = plan_deployment(self.snapshot())
        self.carry_out(plan, cut)
        return plan

    def steps(self, count: int) -> list[str]:
        """Return the reasons of the events of so many passes."""
        return [event.reason for _ in range(count) for event in self.step().events]

    def settle(self, passes: int = 2000) -> Plan:
        """Let the operator sleep and wake as its queue would, until nothing wakes it any more.

        A canary that waits for a person is at rest, though it is measured on and on.

        Raises:
            AssertionError: there is no end to it.
        """
        waiting = 0
        for _ in range(passes):
            plan, before = plan_deployment(self.snapshot()), dict(self.objects)
            wrote = self.carry_out(plan)
            grew = self.grow(1)
            same = not grew and before == self.objects and self.deployment.status.paused
            waiting = waiting + 1 if same else 0
            if waiting > 10:
                return plan
            if grew or wrote:
                self.seconds += 0.1
            elif plan.requeue_after is not None:
                self.seconds += plan.requeue_after
            else:
                return plan
        raise AssertionError(f"does not come to rest: {self.deployment.status!r}")

    @property
    def objects(self) -> dict[str, Any]:
        return {**{r: live["spec"] for r, live in self.workloads.items()}, "service": self.service}


def _up(live: dict[str, Any]) -> int:
    return int(live["status"]["readyReplicas"])


def _sent(value: Any) -> Any:
    """Return a value as it comes out of the API server's JSON: a copy, and a quick one."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _labels(live: dict[str, Any]) -> Any:
    return live["metadata"]["labels"]


def wanted_sha(live: dict[str, Any]) -> str:
    env = live["spec"]["template"]["spec"]["initContainers"][0]["env"]
    return next(str(e["value"]) for e in env if e["name"] == "PERENNIAL_ARTIFACT_SHA256")
