"""A whole experiment against a real API server; Kubernetes' controllers and the pods are played."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from asking import Kubectl
from builders import SETTINGS
from kubernetes.aio import client
from test_kinds import body

from perennial.api import ModelDeployment
from perennial.cluster.client import Cluster
from perennial.handlers.carry import carry_out
from perennial.handlers.observe import deployment
from perennial.handlers.observe.sources import Sources
from perennial.plan.core.questions import Answer, Question
from perennial.plan.core.signature import Signature, SignatureAnswer, SignatureQuestion, Tensor
from perennial_artifact.outcomes import Known, Outcomes, Rewards
from perennial_artifact.windows import Requests, Window

Json = dict[str, Any]
SPACE, NAME = "experiments", "shop"
A, B = "a" * 64, "b" * 64
RATES = {A: 0.12, B: 0.30}
EACH = 400
"""Rewards of each model that a pod is told at a time."""
SIGNATURE = Signature((Tensor("x", "FP32", (-1, 1)),), (Tensor("y", "FP32", (-1,)),))


class PlayedPods:
    """Pods that answer what they are asked; the first one was told all rewards."""

    async def ask(self, questions: Sequence[Question]) -> tuple[Answer, ...]:
        return tuple(self._window(n, q) for n, q in enumerate(questions))

    def _window(self, n: int, q: Question) -> Answer:
        told = [
            Outcomes(version=sha[:12], score="None", known=[
                Known(age=60, rewards=Rewards(EACH, EACH * rate, EACH * rate))])
            for sha, rate in RATES.items()
        ]  # fmt: skip
        window = Window(
            model=NAME, version="1", since=0, clock=float(q.end), start=q.start, end=q.end,
            requests=Requests([0.1], []) if "requests" in q.parts else None,
            outcomes=(told if n == 0 else []) if "outcomes" in q.parts else None,
        )  # fmt: skip
        return Answer(q.pod, q.revision, window)

    async def signatures(self, about: Sequence[SignatureQuestion]) -> tuple[SignatureAnswer, ...]:
        return tuple(SignatureAnswer(q.pod, q.revision, SIGNATURE) for q in about)

    async def drain(self, address: str) -> bool:
        return True


OPTIONAL = "gateway."
"""What the API groups begin with that a cluster may do without."""


class WithoutRoutes(Cluster):
    """The client of an operator that knows of no Gateway, as its cache would tell it."""

    async def select(
        self, api_version: str, kind: str, namespace: str, selector: str = ""
    ) -> list[Json]:
        if api_version.startswith(OPTIONAL):
            return []
        return await super().select(api_version, kind, namespace, selector)


def manifest(**more: Any) -> Json:
    def at(sha: str) -> Json:
        return {"artifact": {"uri": f"s3://models/{sha[0]}/", "sha256": sha}}

    made = body(
        "ModelDeployment",
        NAME,
        model=at(A),
        replicas=2,
        serving={"receipts": {"reward": {"minimum": 0, "maximum": 1}}},
        rollout={"canary": {"steps": [{"setWeight": 50}]}, "analysis": {"none": {}}},
        experiment={
            "variants": [{"name": "other", "model": at(B)}],
            "outcome": {"reward": {}},
            "batch": "1m",
            "then": "Promote",
            **more,
        },
    )
    made["metadata"]["namespace"] = SPACE
    return made


async def play(cluster: Cluster) -> None:
    """Do what the controllers and the kubelet do: pods come and go, and are ready at once."""
    label = f"perennial.dev/deployment={NAME}"
    live = await cluster.select("apps/v1", "Deployment", SPACE, label)
    pods = {p["metadata"]["name"]: p for p in await cluster.select("v1", "Pod", SPACE, label)}
    wanted: dict[str, Json] = {}
    for of in live:
        replicas = of["spec"]["replicas"]
        status = {"replicas": replicas, "readyReplicas": replicas, "updatedReplicas": replicas,
                  "availableReplicas": replicas,
                  "observedGeneration": of["metadata"]["generation"]}  # fmt: skip
        await put_status(cluster, of, status)
        for n in range(replicas):
            name = f"{of['metadata']['name']}-h-{n}"
            wanted[name] = pod(of, name)
    path = cluster.path("v1", "Pod", SPACE)
    for name in pods.keys() - wanted.keys():
        await cluster.call("DELETE", f"{path}/{name}", {"gracePeriodSeconds": 0})
    for n, (name, made) in enumerate(sorted(wanted.items())):
        if name not in pods:
            made = await cluster.call("POST", path, {}, made)
            ready = {"type": "Ready", "status": "True"}
            status = {"phase": "Running", "podIP": f"10.0.0.{n + 1}", "conditions": [ready]}
            await put_status(cluster, made, status)


async def put_status(cluster: Cluster, of: Json, status: Json) -> None:
    kind = {"apiVersion": of.get("apiVersion", "v1"), "kind": of.get("kind", "Pod")}
    path = cluster.path(kind["apiVersion"], kind["kind"], SPACE, of["metadata"]["name"], "status")
    await cluster.call("PUT", path, {}, {**kind, "metadata": of["metadata"], "status": status,
                                         "spec": of["spec"]})  # fmt: skip


def pod(of: Json, name: str) -> Json:
    template = of["spec"]["template"]
    labels = {**template["metadata"]["labels"], "pod-template-hash": "h"}
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{of['metadata']['name']}-h",
             "uid": of["metadata"]["uid"], "controller": True}  # fmt: skip
    meta = {"name": name, "namespace": SPACE, "labels": labels, "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}


async def test_an_experiment_from_its_beginning_to_the_winners_promotion(
    cluster: Cluster, kubectl: Kubectl
) -> None:
    cluster = WithoutRoutes(client.ApiClient())  # by the configuration that the fixture loaded
    assert kubectl("create", "namespace", SPACE).code == 0
    kubectl("create", "serviceaccount", "default", "-n", SPACE)
    assert kubectl("apply", "-f", "-", body=manifest()).code == 0
    now = datetime.now(UTC)
    pods: Any = PlayedPods()
    web = pods  # of which nothing is asked
    results: list[str] = []
    for _ in range(120):
        now += timedelta(seconds=10)
        owner: ModelDeployment = await cluster.read_own(ModelDeployment, SPACE, NAME)
        plan = await deployment.plan(Sources(cluster, pods, web, SETTINGS, now), owner)
        await carry_out(cluster, owner, plan, now)
        await play(cluster)
        known = owner.status.experiment
        if known is not None and (not results or results[-1] != (known.result or "")):
            results.append(known.result or "")
        stable = owner.status.stable
        if stable is not None and stable.artifact.sha256 == B and owner.status.canary is None:
            break
    assert results == ["", "Winner"]
    shown = json.loads(kubectl("get", "md", NAME, "-n", SPACE, "-o", "json").out)
    told = shown["status"]["experiment"]
    assert told["winner"] == "other" and told["replaces"] == A
    assert [arm["name"] for arm in told["arms"]] == ["stable", "other"]
    assert told["arms"][1]["mean"] > told["arms"][0]["mean"]
    roles = {r["role"]: r["artifact"]["sha256"] for r in shown["status"]["revisions"]}
    assert roles["Stable"] == B and "Variant" not in roles
    events = kubectl("get", "events", "-n", SPACE, "-o", "jsonpath={.items[*].reason}").out.split()
    for reason in ("ExperimentStarted", "ExperimentEnded", "WinnerPromoted", "CanaryPromoted"):
        assert reason in events
    assert kubectl("apply", "-f", "-", body=manifest(then="Report")).code == 0
    await cluster.close()
