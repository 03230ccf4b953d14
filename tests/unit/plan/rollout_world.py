"""A cluster as far as a ModelDeployment sees it, whose operator may be killed at any write."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from api_server import Killed, Refusal, driven
from builders import SETTINGS, deployment, later, monitor, training

from perennial.api import DriftMonitor, ModelDeployment, ModelTraining, ModelVersion
from perennial.api.common import ApiModel, Kind
from perennial.api.deployment import DeploymentStatus
from perennial.api.values import Json
from perennial.cluster.client import Outdated
from perennial.cluster.queue import Later
from perennial.handlers.carry import carry_out
from perennial.handlers.observe.measured import Measured
from perennial.plan.core import Deletion, Event, Plan, Premise, lowers
from perennial.plan.core.golden import Answered, GoldenAnswer
from perennial.plan.core.golden import read as read_golden
from perennial.plan.core.outside import Measurement
from perennial.plan.core.premise import Name, name_of
from perennial.plan.core.questions import Answer, Answers
from perennial.plan.core.signature import Signature, SignatureAnswer, Tensor, differences
from perennial.plan.rollout import (
    DeploymentSnapshot,
    outside_questions,
    plan_deployment,
    wants_address,
    wants_golden,
    wants_metrics,
    web_asked,
)
from perennial.plan.rollout.analysis.later import is_asked as is_asked_later
from perennial.plan.rollout.analysis.later import span as later_span
from perennial.plan.rollout.analysis.look import closed, pair_of
from perennial.plan.rollout.golden import requests_of
from perennial.plan.rollout.signature_check import CHANGED, UNKNOWN, is_asked
from perennial.plan.rollout.state import is_undone
from perennial.plan.rollout.traffic.replicas import split
from perennial.plan.serving.revision import Record
from perennial_artifact.outcomes import Known, Outcomes
from perennial_artifact.windows import Bucket, Requests, Window

REVISION, ROLE = "perennial.dev/revision", "perennial.dev/role"
NAME, BUDGET = "flights", "PodDisruptionBudget"
ADDRESSES = ("-canary", "-preview")
"""By what the names of its other Services end."""
POLLED_SECONDS, LONG_SECONDS = 30.0, 600.0
"""What is looked at so often may be late by that; after the second all is looked at."""
WHY = {
    "crash": ("ModelInvalid", "the model cannot be loaded"),
    "store": ("StoreUnreachable", "the store does not answer"),
    "memory": ("", ""),  # it says nothing, and is killed
}


QUOTA = {
    "type": "ReplicaFailure",
    "status": "True",
    "reason": "FailedCreate",
    "message": 'pods "x" is forbidden: exceeded quota: team, requested: pods=1, limited: pods=4',
}


BOUNDS = (0.05, 0.25, 0.5)


def signature(*inputs: str, **more: Any) -> Signature:
    """Return what a model takes and gives whose inputs are numbers."""
    numbers = tuple(Tensor(name, "FP32", (-1, 1), **more) for name in inputs)
    return Signature(numbers, (Tensor("label", "INT64", (-1,)),))


USUAL = signature("hour", "distance")


class World:
    """Objects, pods, traffic and a clock. Every write is checked against what must never happen.

    ``broken`` models never become ready: "silent", with a pod that says "crash" or "store", or
    through no fault of theirs: "node" (none has room), "image", "secret" (neither is there),
    "quota" (pods are not even made), "controllers" (nobody looks at them). ``room`` is how many
    pods can be ready at a time. ``refused`` is what the API server refuses to write, by kind, by
    name or by role; "status" is the status. Each revision has ``pods_each`` pods that answer
    requests in turn. ``silent`` are roles, or names of pods, that do not answer their metrics port;
    ``signatures`` are those of models that do not take and give the usual, None where a model's
    pods do not tell theirs;
    ``behind`` and ``skewed`` are the seconds by which what they tell, or their clocks, are behind
    or ahead.
    """

    is_behind = False
    """Whether the operator may not know what is there."""

    def __init__(self, analysis: dict[str, Any] | None = None, **spec: Any) -> None:
        self._made = 0
        self.deployment = deployment(spec)
        if analysis is not None:
            rollout = {**self.deployment.spec.rollout.to_json(), "analysis": analysis}
            self.deployment = deployment({**spec, "rollout": rollout})
        self.training: ModelTraining | None = None
        self.version: ModelVersion | None = None
        self.stable_version: ModelVersion | None = None
        self.versions: list[ModelVersion] = []
        self.variant_versions: dict[str, ModelVersion] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.workloads: dict[str, dict[str, Any]] = {}
        self.service: dict[str, Any] | None = None
        self.services: dict[str, dict[str, Any]] = {}  # the others of ours, by name
        self.budget: dict[str, Any] | None = None
        self.foreign: set[str] = set()  # names of Services that somebody else has
        self.settings = SETTINGS
        self.monitors: tuple[DriftMonitor, ...] = ()
        self.refused: dict[str, Refusal] = {}
        self.told: list[Event] = []
        self.born: dict[str, float] = {}
        self.others: list[dict[str, Any]] = []  # pods that only somebody's event made
        self.scaled_by_us: set[str] = set()  # Deployments whose replicas field is ours
        self.silent: set[str] = set()
        self.signatures: dict[str, Signature | None] = {}
        self.accepted: set[tuple[str, str]] = set()  # pairs that a person let pass
        self.served: set[str] = set()  # revisions that were stable once
        self.numbers: dict[str, float | None] = {}  # what others answer, by metric or check
        self.asked_outside: list[str] = []  # the URLs that they were asked
        self.golden: dict[str, dict[str, int]] = {}  # labels of golden requests, by digest and name
        self.golden_map: Json | None = None
        self._asked_before: set[str] = set()
        self.behind: dict[str, int] = {}
        self.skewed: dict[str, float] = {}
        self.pods_each = 1
        self.broken: dict[str, str] = {}
        self.room = 1000
        self.tells_room = False  # pods that find no room say so
        self.instant = True
        self.error_rate = self.refusal_rate = 0.0
        self.wrong_labels = 0.05
        self.seconds_each = 0.01
        self.requests_per_pass = 20.0
        self.stable_requests = 20.0
        self.answered: dict[str, float] = {}
        self.counted: dict[str, dict[int, Bucket]] = {}  # by pod and second
        self.seconds = 0.0
        self.writes = 0
        self.measured = Measured()
        self.is_late = self.is_decided_anew = self.is_forbidden = False
        self.planned: DeploymentStatus | None = None  # by the pass whose writes are made
        self.spares = 0  # pods that the cluster cannot have, so that one goes before another comes

    @property
    def deployment(self) -> ModelDeployment:
        """The object that the operator decides about; each write of it has another version."""
        return self._deployment

    @deployment.setter
    def deployment(self, changed: ModelDeployment) -> None:
        self._made += 1
        meta = changed.metadata.model_copy(update={"resource_version": str(self._made)})
        self._deployment = changed.model_copy(update={"metadata": meta})

    def _uid(self, live: dict[str, Any] | None) -> str:
        """Return an object's uid; one that is made anew has another."""
        self._made += 1
        return live["metadata"]["uid"] if live is not None else f"uid-{self._made}"

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

    def train(self, number: int, sha: str, **spec: Any) -> None:
        """Let a training promote a version."""
        champion = {
            "version": f"flights-{number}",
            "uri": "s3://models/t/",
            "sha256": sha,
            "metric": {"name": "roc_auc", "value": 0.9},
        }
        self.training = training(spec, status={"champion": champion})

    def ask(self, request: str) -> None:
        meta = self.deployment.metadata
        told = meta.model_copy(update={"annotations": {"perennial.dev/request": request}})
        status = self.deployment.status
        if request.startswith("promote") and status.paused in (CHANGED, UNKNOWN):
            assert status.stable is not None and status.canary is not None
            self.accepted.add((status.stable.revision, status.canary.revision))
        self.deployment = self.deployment.model_copy(update={"metadata": told})

    def ask_back(self, **more: Any) -> None:
        """Let a monitor ask for what served before, or for what ``more`` says."""
        stable, earlier = self.deployment.status.stable, self.deployment.status.replaced
        asked = {
            "revision": stable.revision if stable else "none",
            "to": earlier.revision if earlier else "none",
            "time": later(self.seconds),
            "message": "flights-2 predicts worse",
            **more,
        }
        self.monitors = (monitor({"actions": {"rollback": {}}}, status={"rollback": asked}),)

    def upgrade(self, **settings: Any) -> None:
        """Let a new release of the chart change what the operator makes of new things."""
        self.settings = replace(self.settings, **settings)

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
            if self.broken.get(wanted_sha(live)) == "controllers":
                continue
            sound = 0 if wanted_sha(live) in self.broken else goal
            before = dict(status)
            status["replicas"] = status["updatedReplicas"] = goal
            room = max(0, self.room - sum(_up(w) for w in self.workloads.values()))
            more = min(pods, sound - status["readyReplicas"])
            status["readyReplicas"] += max(-pods, min(room, more) if more > 0 else more)
            status["observedGeneration"] = live["metadata"]["generation"]
            self._note_conditions(live)
            if before != status:
                self._touch(live)
                changed = True
        return changed

    def _note_conditions(self, live: dict[str, Any]) -> None:
        """Let a Deployment's controller say whether it has its pods, and since when."""
        status = live["status"]
        word = str(_up(live) >= live["spec"]["replicas"])
        told = next((c for c in status.get("conditions", []) if c["type"] == "Available"), {})
        if told.get("status") != word:
            since = f"{later(self.seconds):%Y-%m-%dT%H:%M:%SZ}"
            told = {"type": "Available", "status": word, "lastTransitionTime": since}
        is_refused = self.broken.get(wanted_sha(live)) == "quota"
        status["conditions"] = [told, QUOTA] if is_refused else [told]

    def _touch(self, live: dict[str, Any]) -> None:
        """Give an object that has changed another version."""
        self._made += 1
        live["metadata"]["resourceVersion"] = str(self._made)

    def running(self) -> list[str]:
        """Return the revisions that have, or ask for, pods."""
        return [r for r, w in self.workloads.items() if w["spec"]["replicas"] or self.ready(r)]

    def scale_child(self, revision: str, pods: int) -> None:
        """Scale a Deployment by a hand or an autoscaler, whose the field then is."""
        self.workloads[revision]["spec"]["replicas"] = pods
        self.scaled_by_us.discard(revision)
        self._touch(self.workloads[revision])

    def crash(self, revision: str) -> None:
        """Let all pods of a workload crash once; they come back."""
        if revision in self.workloads:
            self.workloads[revision]["status"]["readyReplicas"] = 0
            self._note_conditions(self.workloads[revision])
            self._touch(self.workloads[revision])

    def selected(self) -> list[str]:
        """Return the revisions that the Service sends requests to."""
        if self.service is None:
            return []
        chosen = self.service.get("spec", {}).get("selector", {}).get(REVISION)
        return [r for r in self.workloads if chosen in (None, r)]

    def capacity(self) -> int:
        """Return the ready pods behind the Service that are not about to be ended."""
        return sum(
            min(self.ready(r), self.workloads[r]["spec"]["replicas"]) for r in self.selected()
        )

    @property
    def replicas(self) -> int:
        """How many pods are asked for."""
        return self.deployment.spec.replicas

    # What the operator does.

    def snapshot(self) -> DeploymentSnapshot:
        self._serve()
        snapshot = self._observed()
        signatures = tuple(self._told()) if is_asked(snapshot) else ()
        answers = self.answers(snapshot.now) if wants_metrics(snapshot) else None
        snapshot = replace(snapshot, answers=answers, signatures=signatures)
        snapshot = replace(snapshot, golden_map=self.golden_map)
        golden = tuple(self._golden(snapshot)) if wants_golden(snapshot) else ()
        snapshot = replace(snapshot, outcomes=self._outcomes(snapshot))
        return replace(snapshot, measurements=tuple(self._measured(snapshot)), golden=golden)

    def _outcomes(self, s: DeploymentSnapshot) -> Answers | None:
        """Return the labels of the time that is asked for, where it is: ten a second and version.

        They are known at once, a twentieth of stable's and ``wrong_labels`` of the canary's wrong.
        """
        status = self.deployment.status
        stable, canary = status.stable, status.canary
        if (
            stable is None
            or canary is None
            or not is_asked_later(s.deployment.spec.rollout.judging)
        ):
            return None
        span = later_span(s.status.analysis, pair_of(stable.revision, canary.revision), s.now)
        if span is None:
            return None
        known = []
        for revision, wrong in ((stable, 0.05), (canary, self.wrong_labels)):
            has_answered = self.requests_of(revision.revision) > 0
            labels = 10 * (span[1] - span[0]) if has_answered else 0
            counts = {"yes": {50: round(labels * (1 - wrong))}, "no": {50: round(labels * wrong)}}
            known.append(
                Outcomes(
                    version=revision.artifact.sha256[:12],
                    score="Probability",
                    classes=["no", "yes"],
                    known=[Known(age=60, labels=counts if labels else {})],
                )
            )
        asked, heard = {}, []
        for revision in (stable, canary):
            name = revision.revision
            if self.ready(name):
                asked[name] = (f"pod-{name}-0",)
                told = known if revision is stable else []  # all feedback comes to one pod
                window = Window(
                    model="m", version="1", since=0, clock=span[1] + 1, start=span[0],
                    end=span[1], outcomes=told,
                )  # fmt: skip
                heard.append(Answer(f"pod-{name}-0", name, window))
        return Answers(asked, span[1], tuple(heard))

    def _measured(self, s: DeploymentSnapshot) -> Iterator[tuple[str, Measurement]]:
        """Yield what others answered: they take until the next pass."""
        asked = {q.id: q.url for q in (*outside_questions(s), *web_asked(s))}
        for id in asked.keys() & self._asked_before:
            name = next((name for name in self.numbers if name in id.split("/")), "")
            value = self.numbers.get(name)
            self.asked_outside.append(asked[id])
            yield id, Measurement(value, "" if value is not None else "it did not answer")
        self._asked_before = asked.keys() - self._asked_before

    def _golden(self, s: DeploymentSnapshot) -> Iterator[GoldenAnswer]:
        """Yield what pods make of the golden requests, once the canary has one: the label 1."""
        status = s.status
        assert status.stable is not None and status.canary is not None
        try:
            names = [request.name for request in requests_of(s)]
        except ValueError:
            return
        if not self.ready(status.canary.revision):
            return
        for role, revision in (("stable", status.stable), ("canary", status.canary)):
            if not self.ready(revision.revision):
                continue
            of = self.golden.get(wanted_sha(self.workloads[revision.revision]), {})
            found = [
                Answered(name, problem="did not answer its data port")
                if role in self.silent
                else read_golden(name, *_answer(of.get(name, 1)))
                for name in names
            ]
            yield GoldenAnswer(f"pod-{role}", revision.revision, tuple(found))

    def _observed(self) -> DeploymentSnapshot:
        measured = self.measured.recall(self.deployment)
        return DeploymentSnapshot(
            deployment=self.deployment,
            now=later(self.seconds),
            settings=self.settings,
            training=self.training,
            version=self.version,
            stable_version=self.stable_version,
            versions=tuple(self.versions),
            variant_versions=dict(self.variant_versions),
            records=tuple(Record.read(r) for r in self.records.values()),
            workloads=tuple(_sent(list(self.workloads.values()))),
            service=_sent(self.service),
            services=tuple(_sent(list(self.services.values()))),
            budgets=(_sent(self.budget),) if self.budget is not None else (),
            taken=frozenset(self.foreign) if self._looks_at_address() else frozenset(),
            pods=tuple(self.pods()),
            measured=measured.analysis,
            measured_experiment=measured.experiment,
            monitors=self.monitors,
        )

    def _looks_at_address(self) -> bool:
        return wants_address(self.deployment, self.deployment.status)

    def _told(self) -> Iterator[SignatureAnswer]:
        """Yield what the ready pods say that they take and give, once the canary has one."""
        status = self.deployment.status
        assert status.stable is not None and status.canary is not None
        if not self.ready(status.canary.revision):
            return
        for role, revision in (("stable", status.stable), ("canary", status.canary)):
            name = revision.revision
            if self.ready(name):
                told = self.signature_of(name) if role not in self.silent else None
                yield SignatureAnswer(f"pod-{name}", name, told, "" if told else "did not answer")

    def signature_of(self, revision: str) -> Signature | None:
        """Return what a revision's pods tell of their model."""
        return self.signatures.get(wanted_sha(self.workloads[revision]), USUAL)

    def _serve(self) -> None:
        """Let what the Service selects answer some requests; only the canary is ever bad."""
        canary = self.deployment.status.canary
        for revision in self.selected():
            if not self.ready(revision):
                continue
            bad = canary is not None and revision == canary.revision
            n = self.requests_per_pass if bad else self.stable_requests
            self._count(revision, n, self.error_rate * bad, self.refusal_rate * bad,
                        self.seconds_each if bad else 0.01)  # fmt: skip

    def _count(
        self, revision: str, n: float, failed: float, refused: float, seconds: float
    ) -> None:
        second = int(later(self.seconds).timestamp())
        pod = f"pod-{revision}-{second % self.pods_each}"
        of = self.counted.setdefault(pod, {})
        old = of.get(second) or Bucket(second, 1, 0, 0, 0, [0] * (len(BOUNDS) + 1))
        took = list(old.took)
        took[sum(seconds > bound for bound in BOUNDS)] += n
        self.answered[revision] = self.answered.get(revision, 0.0) + n
        good = n * (1 - failed - refused)
        of[second] = Bucket(
            second, 1, old.answered + good, old.refused + n * refused, old.failed + n * failed, took
        )

    def requests_of(self, revision: str) -> float:
        """Return how many requests a revision has answered, restarts or not."""
        return self.answered.get(revision, 0.0)

    def restart(self, revision: str) -> None:
        """Let all pods of a revision restart: what they counted is lost."""
        for pod in [p for p in self.counted if p.startswith(f"pod-{revision}-")]:
            del self.counted[pod]

    def answers(self, now: datetime) -> Answers:
        """Return what the ready pods say that they counted."""
        status, until = self.deployment.status, closed(now)
        roles = {"stable": status.stable, "canary": status.canary, "replaced": status.replaced}
        roles |= {f"variant {n}": r for n, r in enumerate(status.variants)}
        asked: dict[str, tuple[str, ...]] = {}
        heard = []
        for role, revision in roles.items():
            name = revision.revision if revision is not None else ""
            if not name or not self.ready(name):
                continue
            asked[name] = tuple(f"pod-{name}-{n}" for n in range(self.pods_each))
            for pod in asked[name]:
                if {role, pod} & self.silent:
                    heard.append(Answer(pod, name, problem="did not answer"))
                    continue
                skew = self.skewed.get(role, self.skewed.get(pod, 0.0))
                end = until - self.behind.get(role, self.behind.get(pod, 0))
                found = [b for b in self.counted.get(pod, {}).values() if b.start < end]
                window = Window(
                    model="m", version="1", since=0, clock=now.timestamp() + skew,
                    start=end - 540, end=end, requests=Requests(list(BOUNDS), found),
                )  # fmt: skip
                heard.append(Answer(pod, name, window, skew=skew))
        return Answers(asked, until, tuple(heard))

    def pods(self) -> list[dict[str, Any]]:
        """Return the pods that have something to say."""
        found = list(self.others)
        for revision, live in self.workloads.items():
            how = self.broken.get(wanted_sha(live), "")
            if not how and self._is_crowded(live):
                how = "node"
            if how in ("", "silent", "quota", "controllers"):
                continue
            labels = {REVISION: revision, "perennial.dev/deployment": "flights"}
            meta = {"name": f"p-{revision}", "labels": labels}
            status = _trouble(how)
            if how == "secret":
                status["startTime"] = later(self.born[revision]).isoformat()
            found.append({"metadata": meta, "spec": _pod_spec(live), "status": status})
        return found

    def _is_crowded(self, live: dict[str, Any]) -> bool:
        """Tell whether pods of a workload find no room."""
        if not self.tells_room:
            return False
        full = sum(_up(w) for w in self.workloads.values()) >= self.room
        return full and live["spec"]["replicas"] > _up(live)

    def carry_out(self, plan: Plan, cut: int = 99, owner: ModelDeployment | None = None) -> bool:
        """Do at most ``cut`` writes, in the plan's order; tell whether any changed something.

        ``owner`` is the object as it was when that was decided, where it has changed since.
        """
        self.planned = plan.status if isinstance(plan.status, DeploymentStatus) else None
        before, owner = self.writes, owner or self.deployment
        self.measured.note(owner, plan)
        # What an old leader adds late may be too much for a moment.
        version = self.deployment.metadata.resource_version
        self.is_late = owner.metadata.resource_version != version
        self.is_decided_anew = self.is_forbidden = False
        try:
            driven(carry_out(self.writer(cut), owner, plan, later(self.seconds)))
        except Killed:
            self.measured = Measured()  # it begins anew
            return True
        except Outdated:
            self.is_decided_anew = True
        except Later as refused:
            self._check_told(refused)  # and the queue would try again later
        return self.writes > before

    def writer(self, cut: int) -> "Writer":
        """Return what writes, until it is killed after so many writes."""
        return Writer(self, cut)

    def _spec(self, wanted: dict[str, Any], live: dict[str, Any] | None) -> dict[str, Any]:
        """Return the spec that an object has once it was applied."""
        spec = {**wanted["spec"]}
        if wanted["kind"] == "Deployment" and "replicas" not in spec:
            # A field that its only owner no longer applies falls back to its default.
            ours = _labels(wanted)[REVISION] in self.scaled_by_us
            spec["replicas"] = live["spec"]["replicas"] if live and not ours else 1
        return spec

    def live(self, wanted: dict[str, Any]) -> dict[str, Any] | None:
        if wanted["kind"] == BUDGET:
            return self.budget
        if wanted["kind"] == "Service":
            own = wanted["metadata"]["name"]
            return self.service if own == NAME else self.services.get(own)
        return self.workloads.get(_labels(wanted)[REVISION])

    def known(self, wanted: dict[str, Any]) -> dict[str, Any] | None:
        """Return what the operator believes to be there."""
        return self.live(wanted)

    def knew(self, revision: str) -> bool:
        """Tell whether the operator decided by a Deployment's pods as they are now."""
        return True

    def learn(self, revision: str) -> None:
        """Let the operator know a Deployment, or the Service (''), as it is."""

    def known_pods(self) -> dict[str, int]:
        """Return the pods that each Deployment asks for, as far as the operator knows."""
        return {r: live["spec"]["replicas"] for r, live in self.workloads.items()}

    def would_change(self, wanted: dict[str, Any]) -> bool:
        """Tell whether applying an object changes anything, as far as the operator knows."""
        live = self.known(wanted)
        same = live is not None and live["spec"] == self._spec(wanted, live)
        return not (same and live is not None and _labels(live) == _labels(wanted))

    def write(self, wanted: dict[str, Any]) -> None:
        """Apply an object."""
        revision = _labels(wanted).get(REVISION, "")
        live, capacity, selected = self.live(wanted), self.capacity(), self.selected()
        self.writes += 1
        if wanted["kind"] == BUDGET:
            meta = {**wanted["metadata"], "uid": self._uid(live)}
            self.budget = _sent({**wanted, "metadata": meta})
            self._touch(self.budget)
            return
        if wanted["kind"] == "Service":
            assert wanted["metadata"]["name"] not in self.foreign
            made = _sent({**wanted, "metadata": {**wanted["metadata"], "uid": self._uid(live)}})
            self._touch(made)
            if wanted["metadata"]["name"] != NAME:
                self.services[wanted["metadata"]["name"]] = made
                return  # no user's requests come by it
            self.service = made
        else:
            generation = live["metadata"]["generation"] + 1 if live else 1
            meta = {**wanted["metadata"], "uid": self._uid(live), "generation": generation}
            status = live["status"] if live else {"readyReplicas": 0}
            self.born.setdefault(revision, self.seconds)
            meta["creationTimestamp"] = later(self.born[revision]).isoformat()
            spec = self._spec(wanted, live)
            (self.scaled_by_us.add if "replicas" in wanted["spec"] else self.scaled_by_us.discard)(
                revision
            )
            self.workloads[revision] = _sent(
                {**wanted, "metadata": meta, "spec": spec, "status": status}
            )
            self._touch(self.workloads[revision])
        self._check(capacity, selected, f"{wanted['kind']} {revision}")
        if wanted["kind"] == "Service":
            self._check_signature(selected)
            self._check_share(selected)
        if wanted["kind"] == "Deployment":
            self._check_budget(revision, live["spec"]["replicas"] if live else 0)
        if self.instant:
            self.grow()

    def delete(self, revision: str) -> None:
        """Delete a Deployment, by the operator."""
        capacity, selected = self.capacity(), self.selected()
        self.writes += 1
        self.workloads.pop(revision)
        self._check(capacity, selected, f"deletion of {revision}")

    def _check_told(self, refused: Later) -> None:
        """Check that the status tells what was refused, or what stalls the object anyway."""
        conditions = self.deployment.status.conditions
        stalled = any(c.type == "Stalled" and c.status == "True" for c in conditions)
        told = any("could not be written" in c.message for c in conditions)
        assert told or stalled or "status" in self.refused, f"{refused} is told nowhere"

    def _check(self, capacity: int, selected: list[str], write: str) -> None:
        """Check what no write may do, whatever the operator knew."""
        status = self.deployment.status
        if status.promoted_time is None and status.observed_generation != -1:
            return  # nothing serves yet
        after = self.capacity()
        least = min(capacity, self.replicas) - self.spares
        assert after >= least, f"{write}: capacity fell to {after}"
        if write.startswith("Service") and capacity and self.replicas:
            # Stable may join without: its pods have traffic as they become ready.
            known = {*selected, status.stable.revision if status.stable is not None else ""}
            for revision in set(self.selected()) & set(self.running()) - known:
                assert self.ready(revision) > 0, f"{revision} has traffic before a pod"

    def _check_turn(self, plan: Plan) -> None:
        """Check that no pod is to go in a pass that turns requests: these still come to it.

        As far as the operator knows; what it does not is asked of the API server before the write.
        """
        if not any(self._leads_users(o) and self._turns(o) for o in plan.apply):
            return
        for wanted in plan.apply:
            live = self.known(wanted)
            if wanted["kind"] == "Deployment" and live is not None:
                least = live["spec"]["replicas"]
                assert wanted["spec"]["replicas"] >= least, "pods go before requests were turned"

    def _leads_users(self, wanted: Json) -> bool:
        """Tell whether users' requests come by an object."""
        return name_of(wanted)[1::2] == ("Service", NAME)

    def _turns(self, wanted: Json) -> bool:
        live = self.known(wanted)
        return live is not None and bool(live["spec"]["selector"] != wanted["spec"]["selector"])

    def _check_signature(self, before: list[str]) -> None:
        """Check that a canary has no traffic before it was found to take what stable does."""
        status = self.deployment.status
        self.served |= {status.stable.revision} if status.stable is not None else set()
        stable, canary = status.stable, status.canary
        if stable is None or canary is None or is_undone(status):
            return
        pair = (stable.revision, canary.revision)
        if canary.revision not in set(self.selected()) - set(before) - self.served:
            return
        if pair in self.accepted or not self.ready(stable.revision):
            return
        if stable.artifact.sha256 == canary.artifact.sha256:
            return
        old, new = (self.signature_of(revision) for revision in pair)
        assert old is not None and new is not None and not differences(old, new)

    def _check_share(self, before: list[str]) -> None:
        """Check that a canary does not begin with more than its share for want of stable's pods."""
        status = self.planned
        if status is None or status.stable is None or status.canary is None or self.is_late:
            return
        stable, canary, step = status.stable.revision, status.canary.revision, status.step
        opens = before == [stable] and {stable, canary} <= set(self.selected())
        if not opens or status.promoting or is_undone(status) or step is None:
            return
        steps = self.deployment.spec.rollout.steps[: step.index + 1]
        weight = next((t.set_weight for t in reversed(steps) if t.set_weight is not None), 0)
        if status.paused and status.weight is not None:
            weight = status.weight.asked
        if not status.paused:
            assert weight > 0, "requests reach it before its share is above 0"
        if not 0 < weight < 100:
            return
        most = self.replicas + self.deployment.spec.rollout.surge(self.replicas)
        live = self.workloads[stable]
        if not self.knew(stable) or not self._observed().gets_ready(stable):
            return
        part = min(split(self.replicas, (100 - weight, weight), most)[0], live["spec"]["replicas"])
        assert self.ready(stable) >= part, f"{self.ready(stable)} of stable's {part} are ready"

    def _check_budget(self, revision: str, before: int) -> None:
        """Check that no Deployment grows beyond maxSurge, but by its first pod."""
        goal = self.workloads[revision]["spec"]["replicas"]
        if goal > max(1, before) and not self.is_late:
            most = self.replicas + self.deployment.spec.rollout.surge(self.replicas)
            asked = sum({**self.known_pods(), revision: goal}.values())
            assert asked <= most, f"{asked} pods are asked for, {most} may be"

    def step(self, cut: int = 99, seconds: float = 1.0) -> Plan:
        """Let time pass and the operator look once."""
        self.seconds += seconds
        if self.instant:
            self.grow()
        plan = self._decided()
        self.carry_out(plan, cut)
        # Else it would be decided again and again, as fast as can be.
        assert self.is_behind or not self.is_forbidden, "what was just decided may not be done"
        return plan

    def _decided(self) -> Plan:
        s = self.snapshot()
        plan = plan_deployment(s)
        self._check_turn(plan)
        self._check_sleep(s, plan)
        return plan

    def _check_sleep(self, s: DeploymentSnapshot, plan: Plan) -> None:
        """Where nothing is to be done, nothing is to be done just before it is looked at again."""
        lasts = min(LONG_SECONDS, plan.requeue_after or LONG_SECONDS) - 2
        writes = plan.create or plan.delete or any(self.would_change(c) for c in plan.apply)
        if lasts <= POLLED_SECONDS or writes or plan.status != s.deployment.status:
            return
        later = plan_deployment(replace(s, now=s.now + timedelta(seconds=lasts)))
        done = (later.create, later.delete, later.apply)
        assert done == (plan.create, plan.delete, plan.apply), "it oversleeps"

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
            plan, before = self._decided(), dict(self.objects)
            wrote = self.carry_out(plan)
            grew = self.grow(1)
            same = not grew and before == self.objects and self.deployment.status.paused
            waiting = waiting + 1 if same else 0
            if waiting > 10:
                return plan
            if grew or wrote or self.is_decided_anew:
                self.seconds += 0.1
            elif plan.requeue_after is not None:
                # Who waits for a person comes to rest long before the rollout's deadline.
                longest = 5.0 if self.deployment.status.paused else plan.requeue_after
                self.seconds += min(longest, plan.requeue_after)
            else:
                return plan
        raise AssertionError(f"does not come to rest: {self.deployment.status!r}")

    @property
    def objects(self) -> dict[str, Any]:
        specs = {r: live["spec"] for r, live in self.workloads.items()}
        return {**specs, **self.services, "service": self.service, "budget": self.budget}


class Writer:
    """The API server as far as carrying out a plan sees it."""

    def __init__(self, world: World, cut: int) -> None:
        self._world, self._left = world, cut

    def _counted(self, changes: bool) -> bool:
        if changes and self._left == 0:
            raise Killed
        self._left -= changes
        return changes

    def _refuse(self, *names: str) -> None:
        for name in names:
            if (refusal := self._world.refused.get(name)) is not None:
                raise refusal.error(" ".join(names))

    async def create(self, wanted: Json) -> bool:
        name = wanted["metadata"]["name"]
        changes = self._counted(name not in self._world.records)
        if changes:
            self._refuse(wanted["kind"], name)
            self._world.writes += 1
            made = {"uid": self._world._uid(None), "resourceVersion": "1"}
            made |= {"creationTimestamp": f"{later(self._world.seconds):%Y-%m-%dT%H:%M:%SZ}"}
            self._world.records[name] = _sent({**wanted, "metadata": wanted["metadata"] | made})
        return changes

    async def apply(self, wanted: Json, premise: Premise | None = None) -> bool:
        world, meta = self._world, wanted["metadata"]
        if not world.would_change(wanted):
            return False
        known = world.known(wanted)
        if not _is_same(known, meta):
            raise Outdated(meta["name"])
        if known is not None and lowers(known, wanted):
            self._ask(premise, name_of(wanted), known, wanted)
        if not _is_same(world.live(wanted), meta):
            world.learn(key_of(meta["name"]))
            raise Outdated(meta["name"])
        self._counted(True)
        self._refuse(wanted["kind"], meta["name"], meta["labels"].get(ROLE, ""))
        world.write(wanted)
        return True

    def _ask(self, premise: Premise | None, name: Name, known: Json, then: Json | None) -> None:
        assert premise is not None
        if name not in premise.names:
            raise Outdated(name[3])
        world, meta = self._world, self._world.deployment.metadata
        owner = {"metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version}}
        now: dict[Name, Json | None] = {name: known}
        for other in premise.names:
            if other == name:
                continue
            if other[1] == "Deployment":
                revision = other[3].removeprefix("flights-")
                now[other] = world.workloads.get(revision)
                world.learn(revision)
            elif other[1] == "Service":
                now[other] = world.service if other[3] == NAME else world.services.get(other[3])
                world.learn(key_of(other[3]))
            else:
                now[other] = owner
        if not premise.allows(now, name, then):
            world.is_forbidden = True
            raise Outdated(name[3])

    async def delete(self, deletion: Deletion, premise: Premise | None = None) -> None:
        if deletion.kind == BUDGET:
            if self._counted(self._world.budget is not None):
                self._world.writes += 1
                self._world.budget = None
            return
        if deletion.kind == "Service":
            await self._delete_service(deletion, premise)
            return
        world, revision = self._world, deletion.name.removeprefix("flights-")
        seen = {"uid": deletion.uid, "resourceVersion": deletion.version}
        is_record = deletion.kind == "ControllerRevision"
        live = world.records.get(deletion.name) if is_record else world.workloads.get(revision)
        if not is_record and live is not None:
            name = (deletion.api_version, deletion.kind, deletion.namespace, deletion.name)
            self._ask(premise, name, live, None)
        if not self._counted(live is not None):
            world.learn(revision)
            return
        if not _is_same(live, seen):
            world.learn(revision)
            raise Outdated(deletion.name)
        self._refuse("deletion", deletion.name)
        if is_record:
            world.writes += 1
            del world.records[deletion.name]
        else:
            world.delete(revision)

    async def _delete_service(self, deletion: Deletion, premise: Premise | None) -> None:
        world, live = self._world, self._world.services.get(deletion.name)
        if live is not None:
            self._ask(premise, name_of(live), live, None)
        if not self._counted(live is not None):
            world.learn(key_of(deletion.name))
            return
        if not _is_same(live, {"uid": deletion.uid, "resourceVersion": deletion.version}):
            world.learn(key_of(deletion.name))
            raise Outdated(deletion.name)
        self._refuse("deletion", deletion.name)
        world.writes += 1
        del world.services[deletion.name]
        world.learn(key_of(deletion.name))

    async def write_status(self, owner: Kind, status: ApiModel) -> bool:
        world = self._world
        present = owner.status  # type: ignore[attr-defined]
        changes = self._counted(status.to_json() != present.to_json())
        if changes:
            if owner.metadata.resource_version != world.deployment.metadata.resource_version:
                raise Outdated
            if (refusal := self._world.refused.get("status")) and refusal.status == 409:
                raise Outdated
            self._refuse("status")
            world.writes += 1
            # As it comes back from the API server: what its schema refuses, it refuses here.
            again = type(world.deployment.status).model_validate(_sent(status.to_json()))
            world.deployment = world.deployment.model_copy(update={"status": again})
        return changes

    async def emit(self, owner: Kind, event: Event, now: datetime) -> None:
        self._world.told.append(event)


def _answer(label: int) -> tuple[int, bytes]:
    """Return status and body of an answer; one that is no label is the status of a refusal."""
    if label >= 100:
        return label, b'{"error": "refused"}'
    return 200, msgspec.json.encode({"outputs": [{"name": "label", "data": [label]}]})


def key_of(name: str) -> str:
    """Return by what a child of some name is held: its revision, and of a Service its address."""
    address = name.removeprefix(NAME)
    return "" if not address else address if address in ADDRESSES else address.removeprefix("-")


def _is_same(live: Json | None, seen: Json) -> bool:
    """Tell whether an object is the one, and the version, that was seen, if any."""
    known = live["metadata"] if live is not None else {}
    return all(known.get(f) == seen[f] for f in ("uid", "resourceVersion") if f in seen)


def _trouble(how: str) -> dict[str, Any]:
    """Return the status of a pod that does not become ready."""
    if how == "node":
        told = "0/1 nodes are available: 1 Insufficient cpu."
        unscheduled = {"type": "PodScheduled", "status": "False", "message": told}
        return {"phase": "Pending", "conditions": [unscheduled]}
    waiting = {"image": "ImagePullBackOff", "secret": "ContainerCreating"}
    if how in waiting:
        state = {"waiting": {"reason": waiting[how], "message": "not found"}}
        container = {"name": "server", "ready": False, "state": state}
        scheduled = {"type": "PodScheduled", "status": "True"}
        return {"phase": "Pending", "conditions": [scheduled], "containerStatuses": [container]}
    reason, message = WHY[how]
    ended: dict[str, Any] = {"exitCode": 137, "reason": "OOMKilled"}
    if reason:
        ended = {"exitCode": 1, "message": f'{{"reason": "{reason}", "message": "{message}"}}'}
    container = {"name": "fetch", "ready": False, "state": {"terminated": ended}}
    return {"initContainerStatuses": [container]}


def _pod_spec(live: dict[str, Any]) -> Any:
    return live["spec"]["template"]["spec"]


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
