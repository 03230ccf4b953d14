"""Claims of pvc:// URIs as volumes of pods: what is mounted, for whom, and what may be written."""

from typing import Any

import pytest
from builders import NOW, SETTINGS, SHA, conditions, deployment, run, run_children, training
from manifests import golden, made, pod_of
from rollout_world import REVISION, World, wanted_sha
from test_rollout import NEW_SHA
from training_world import World as TrainingWorld

from perennial.api.deployment import RequestLogLocation
from perennial.api.training import RunStatus
from perennial.plan.pods.volumes import Opens, with_claims
from perennial.plan.rollout import DeploymentSnapshot, plan_deployment
from perennial.plan.training import INDEX_LABEL, TrainingSnapshot, plan_training
from perennial_artifact.volumes import claim_of

CLAIMED: dict[str, Any] = {
    "dataset": {"uri": "pvc://data/flights/*.parquet", "target": "y"},
    "store": {"uri": "pvc://models/team"},
}
ARTIFACT = {"uri": f"pvc://models/team/sha256/{SHA}/", "sha256": SHA}


def pod(*names: str) -> dict[str, Any]:
    containers = [{"name": name, "volumeMounts": []} for name in names]
    return {"containers": containers, "volumes": [], "securityContext": {"fsGroup": 1}}


def volumes(found: dict[str, Any]) -> dict[str, bool]:
    """Return whether a pod's claims are there to be read only."""
    claims = (v["persistentVolumeClaim"] for v in found["volumes"] if "persistentVolumeClaim" in v)
    return {c["claimName"]: c.get("readOnly", False) for c in claims}


def mounts(found: dict[str, Any]) -> dict[str, dict[str, bool]]:
    """Return each container's claims, and whether it may only read them."""
    claims = {
        v["name"]: v["persistentVolumeClaim"]["claimName"]
        for v in found["volumes"]
        if "persistentVolumeClaim" in v
    }
    mounted: dict[str, dict[str, bool]] = {}
    for container in (*found.get("initContainers", []), *found["containers"]):
        own = [m for m in container["volumeMounts"] if m["name"] in claims]
        for m in own:
            assert m["mountPath"] == f"/perennial-volumes/{claims[m['name']]}"
        mounted[container["name"]] = {claims[m["name"]]: m.get("readOnly", False) for m in own}
    return mounted


def test_other_stores_change_nothing() -> None:
    before = pod("a")
    assert with_claims(before, a=Opens(("s3://data/x", "file:///x"), ("gs://models",))) is before


def test_the_pod_that_was_given_is_left_as_it_was() -> None:
    before = pod("a")
    with_claims(before, a=Opens(writes=("pvc://x",)))
    assert before == pod("a")


def test_what_is_only_read_is_mounted_once_and_to_be_read_only() -> None:
    found = with_claims(pod("a"), a=Opens(("pvc://data/1.csv", "pvc://data/2/", "pvc://more")))
    assert volumes(found) == {"data": True, "more": True}
    assert mounts(found) == {"a": {"data": True, "more": True}}
    assert found["securityContext"] == {"fsGroup": 1}  # the kubelet lets its files be


def test_a_claim_that_is_read_and_written_is_mounted_once_and_to_be_written() -> None:
    found = with_claims(pod("a"), a=Opens(reads=("pvc://all/data/",), writes=("pvc://all/models",)))
    assert volumes(found) == {"all": False} and mounts(found) == {"a": {"all": False}}
    assert found["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"


def test_each_container_has_its_own_claims_and_rights() -> None:
    found = with_claims(
        pod("a", "b", "c"), a=Opens(reads=("pvc://one/x", "pvc://two")), b=Opens((), ("pvc://one",))
    )
    assert volumes(found) == {"one": False, "two": True}
    assert mounts(found) == {"a": {"one": True, "two": True}, "b": {"one": False}, "c": {}}


@pytest.mark.parametrize("claim", ["a", "team-a.models", "7", "x" * 253])
def test_any_name_that_a_claim_may_have_is_mounted(claim: str) -> None:
    assert claim_of(f"pvc://{claim}") == claim_of(f"pvc://{claim}/") == claim
    assert claim_of(f"pvc://{claim}/..a/b../[0-9]?.csv") == claim
    found = with_claims(pod("a"), a=Opens((f"pvc://{claim}/x",)))
    (volume,) = found["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim and len(volume["name"]) <= 63


AMISS = ["pvc:///x", "pvc://Data/x", "pvc://a_b", "pvc://-a", "pvc://a-", "pvc://a:b/x",
         f"pvc://{'x' * 254}", "pvc://a/..", "pvc://a/../b/x", "pvc://a/b/../../etc"]  # fmt: skip


@pytest.mark.parametrize("uri", AMISS)
def test_a_uri_that_names_no_claim_or_leaves_it_is_refused_with_a_sentence(uri: str) -> None:
    assert claim_of(uri) == ""
    store = {"uri": uri}
    trained = plan_training(TrainingSnapshot(training({"store": store}), NOW, SETTINGS))
    artifact = {"model": {"artifact": {**store, "sha256": SHA}}}
    logged = {"serving": {"requestLog": {"store": store}}}
    served = (DeploymentSnapshot(deployment(s), NOW, SETTINGS) for s in (artifact, logged))
    for plan in (trained, *map(plan_deployment, served)):
        assert plan.apply == () and conditions(plan)["Stalled"] == ("True", "InvalidSpec")
        ready = next(c for c in plan.status.conditions if c.type == "Ready")  # type: ignore
        assert "write pvc://CLAIM/PATH" in ready.message


def job(
    spec: dict[str, Any],
    log: RequestLogLocation | None = None,
    champion: dict[str, Any] | None = None,
) -> dict[str, Any]:
    under_way = RunStatus.model_validate({**run().to_json(), "champion": champion})
    return pod_of(run_children(training(spec), under_way, log)[1])


def test_a_training_pod() -> None:
    golden("job-claims.yaml", job(CLAIMED))


def test_a_training_pod_reads_the_champion_and_the_log_where_they_are() -> None:
    metric = {"name": "roc_auc", "value": 0.9}
    champion = {"version": "flights-1", "metric": metric, "uri": "pvc://old/x/", "sha256": SHA}
    feedback = {"feedback": {"deploymentRef": {"name": "flights"}}}
    spec = {**CLAIMED, "dataset": {**CLAIMED["dataset"], **feedback}}
    found = job(spec, RequestLogLocation(uri="pvc://logs/x"), champion=champion)
    assert mounts(found) == {"train": {"data": True, "logs": True, "models": False, "old": True}}


def test_a_serving_pod_may_write_nothing_but_its_log() -> None:
    log = {"requestLog": {"features": ["hour"], "store": {"uri": "pvc://logs"}}}
    found = pod_of(made({"model": {"artifact": ARTIFACT}, "serving": log}))
    golden("serving-claims.yaml", found)
    assert mounts(found) == {"fetch": {"models": True}, "ship": {"logs": False}, "server": {}}


def test_a_log_beside_its_model() -> None:
    log = {"requestLog": {"store": {"uri": "pvc://models"}}}
    found = pod_of(made({"model": {"artifact": ARTIFACT}, "serving": log}))
    assert volumes(found) == {"models": False}
    assert mounts(found) == {"fetch": {"models": True}, "ship": {"models": False}, "server": {}}


def waiting(claim: str = "models", **labels: str) -> dict[str, Any]:
    """Return a pod that the scheduler lets wait."""
    told = (
        f'0/1 nodes are available: persistentvolumeclaim "{claim}" not found. preemption: 0/1 '
        "nodes are available: 1 Preemption is not helpful for scheduling."
    )
    scheduled = {"type": "PodScheduled", "status": "False", "message": told}
    status = {"phase": "Pending", "conditions": [scheduled]}
    return {"metadata": {"name": "p", "labels": labels}, "status": status}


class WithoutClaim(World):
    """A cluster in which the pods of broken models wait for a claim."""

    def pods(self) -> list[dict[str, Any]]:
        broken = [r for r, live in self.workloads.items() if wanted_sha(live) in self.broken]
        return [waiting(**{REVISION: revision}) for revision in broken]


def test_a_missing_claim_is_told_and_not_the_versions_fault() -> None:
    world = WithoutClaim()
    world.steps(3)
    world.broken[NEW_SHA] = "silent"
    world.wish(NEW_SHA)
    told = world.steps(70)
    assert "ClaimNotFound" in told and not world.deployment.status.rejected
    del world.broken[NEW_SHA]
    assert "CanaryPromoted" in world.steps(60)


def test_a_first_deployment_whose_claim_is_missing_says_what_to_do() -> None:
    world = WithoutClaim()
    world.broken[SHA] = "silent"
    world.steps(3)
    ready = next(c for c in world.deployment.status.conditions if c.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "ClaimNotFound")
    assert "there is no PersistentVolumeClaim models" in ready.message
    assert "create it" in ready.message and "pvc://models/" in ready.message
    assert conditions(world.step())["Stalled"][0] == "False"


def mine(pod: dict[str, Any], owned: dict[str, Any]) -> dict[str, Any]:
    return {**pod, "metadata": {**pod["metadata"], **owned}}


def test_a_run_whose_claim_is_missing_says_so_and_remembers_when_its_job_is_over() -> None:
    world = TrainingWorld(CLAIMED)
    for _ in range(3):
        world.step()
    owned = {"ownerReferences": [{"controller": True, "uid": "uid-Job-flights-1"}]}
    index = {INDEX_LABEL: "0", "perennial.dev/run": "1"}
    world.pods = [mine(waiting("data", **index), owned)]
    found = world.step().status
    ready, training_, *_ = found.conditions  # type: ignore[union-attr]
    assert (ready.status, ready.reason) == ("False", "ClaimNotFound")
    assert training_.status == "True" and "no PersistentVolumeClaim data" in training_.message
    running = {"metadata": {"labels": index, **owned}, "status": {"phase": "Running"}}
    world.pods = [running]
    assert conditions(world.step())["Ready"] == ("False", "FirstRun")
    assert world.training.status.run.candidates[0].message == ""  # type: ignore[union-attr]

    world.pods = [mine(waiting("data", **index), owned)]
    world.step()
    world.pods = []  # the Job ends its pods before it says that it failed
    world.step()
    failed = {"type": "Failed", "status": "True"}
    world.objects[("Job", "flights-1")]["status"] = {"conditions": [failed]}
    world.step()
    last = world.training.status.last_run
    assert last is not None and "no PersistentVolumeClaim data" in last.candidates[0].message
    assert "no PersistentVolumeClaim" not in last.candidates[1].message
