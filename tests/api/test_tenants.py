"""What a tenant may not do to another, tried against the operator with the chart's own rights."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import Kubectl
from kubernetes.aio import client, config
from kubernetes.aio.client.exceptions import ApiException
from operators import USER, Operator, install, running
from test_kinds import SHA, body
from test_operator import answers, wait
from training_world import message

from chart import NAMESPACE, RELEASE
from localcluster import credentials
from localcluster.apiserver import ApiServer
from perennial.api import ModelDeployment
from perennial.cluster.client import Cluster, Outdated
from perennial.handlers.receipts import ReceiptKeys
from perennial.handlers.store import COPY_LABEL, StoreAccess
from perennial.plan.core import MANAGED_BY
from perennial.plan.pods.stores import ALLOWED_LABEL
from perennial.settings import read

TRUST = f"{ALLOWED_LABEL}=allowed"
STORE = "perennial-store"
MADE: set[str] = set()
"""The namespaces of this file's tests."""
ROWS = {"uri": "s3://data/x.parquet", "target": "y"}


@pytest.fixture(scope="module")
def objects(kubectl: Kubectl) -> Iterator[list[dict[str, Any]]]:
    yield install(kubectl)
    kubectl("delete", "clusterrolebinding", RELEASE)


def _space_of(line: str) -> str:
    """Return the namespace of the object that a line of the log is about."""
    try:
        return str(json.loads(line).get("object", "")).partition("/")[0]
    except ValueError:
        return ""


@pytest.fixture(scope="module")
def operator(
    server: ApiServer,
    kubectl: Kubectl,
    objects: list[dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Operator]:
    place: Path = tmp_path_factory.mktemp("tenants")
    with running(server, kubectl, objects, place, "landlord") as operator:
        wait("it is ready", lambda: answers(operator, "readyz"), 60)
        yield operator
        assert operator.process.poll() is None, operator.log.read_text()
        # What other files' tests left in this API server may be refused for all we care.
        ours = [line for line in operator.log.read_text().splitlines() if _space_of(line) in MADE]
        assert not [line for line in ours if "could not be written" in line]


@pytest.fixture
async def account(
    server: ApiServer, kubectl: Kubectl, objects: Any, tmp_path: Path
) -> AsyncIterator[Cluster]:
    """The API server with the rights that the chart gives the operator, and no others."""
    token = kubectl("create", "token", RELEASE, "-n", NAMESPACE).out.strip()
    file = tmp_path / "kubeconfig"
    file.write_text(credentials.kubeconfig(server.url, server.authority, token))
    mine = client.Configuration()
    await config.load_kube_config(str(file), client_configuration=mine)
    connected = Cluster(client.ApiClient(mine))
    yield connected
    await connected.close()


def namespace(kubectl: Kubectl, name: str, *labels: str) -> str:
    assert kubectl("create", "namespace", name).code == 0
    MADE.add(name)
    assert kubectl("create", "serviceaccount", "default", "-n", name).code == 0
    for label in labels:
        assert kubectl("label", "namespace", name, label).code == 0
    return name


def apply(kubectl: Kubectl, made: dict[str, Any], space: str) -> dict[str, Any]:
    made["metadata"]["namespace"] = space
    done = kubectl("apply", "-f", "-", "-o", "json", body=made)
    assert done.code == 0, done.error
    found: dict[str, Any] = json.loads(done.out)
    return found


def get(kubectl: Kubectl, kind: str, name: str, space: str) -> dict[str, Any]:
    done = kubectl("get", kind, name, "-n", space, "-o", "json")
    return json.loads(done.out) if done.code == 0 else {}


def stalled(kubectl: Kubectl, kind: str, name: str, space: str) -> tuple[str, str]:
    """Return why an object stalls: reason and sentence, empty where it does not."""
    found = get(kubectl, kind, name, space).get("status", {}).get("conditions", [])
    told = next((c for c in found if c["type"] == "Stalled" and c["status"] == "True"), {})
    return told.get("reason", ""), told.get("message", "")


def serving(name: str = "flights") -> dict[str, Any]:
    artifact = {"uri": f"s3://models/sha256/{SHA}/", "sha256": SHA}
    return body("ModelDeployment", name, model={"artifact": artifact})


def secret(labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
    meta = {"name": STORE, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data}


def test_a_namespace_is_handed_the_store_once_an_administrator_has_labelled_it(
    operator: Operator, kubectl: Kubectl
) -> None:
    space = namespace(kubectl, "untrusted")
    apply(kubectl, serving(), space)
    apply(kubectl, body("ModelTraining", "flights", dataset=ROWS), space)
    remedy = f"kubectl label namespace {space} {TRUST}"
    for kind in ("md", "mt"):

        def told(kind: str = kind) -> bool:
            reason, sentence = stalled(kubectl, kind, "flights", space)
            return reason == "StoreNotAllowed" and remedy in sentence

        wait(f"{kind} says what to do", told)
    assert not get(kubectl, "secret", STORE, space)
    assert kubectl("get", "deploy,job", "-n", space, "-o", "name").out == ""
    assert kubectl(*remedy.split()[1:]).code == 0
    for kind in ("deploy", "job"):
        find = ("get", kind, "-n", space, "-o", "name")
        wait(f"a {kind} is made", lambda find=find: kubectl(*find).out != "", 60)  # type: ignore[misc]
    copy, original = (get(kubectl, "secret", STORE, where) for where in (space, NAMESPACE))
    assert copy["data"] == original["data"]


def test_a_secret_of_our_name_is_left_alone_and_told(operator: Operator, kubectl: Kubectl) -> None:
    space = namespace(kubectl, "namesake", TRUST)
    before = apply(kubectl, secret(MANAGED_BY, mine="mine"), space)
    apply(kubectl, serving(), space)
    wait("it says so", lambda: stalled(kubectl, "md", "flights", space)[0] == "NameConflict")
    assert f"Secret {STORE} exists in namespace {space} and is not ours" in str(
        stalled(kubectl, "md", "flights", space)
    )
    after = get(kubectl, "secret", STORE, space)
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert {k: base64.b64decode(v) for k, v in after["data"].items()} == {"mine": b"mine"}
    kubectl("delete", "secret", STORE, "-n", space)
    find = ("get", "deploy", "-n", space, "-o", "name")
    wait("it goes on once that is gone", lambda: kubectl(*find).out != "", 60)


async def test_a_copy_is_taken_back_by_the_charts_rights_where_nothing_uses_it(
    account: Cluster, kubectl: Kubectl, objects: Any
) -> None:
    environment = {"PERENNIAL_NAMESPACE": NAMESPACE, "PERENNIAL_STORE_SECRET": STORE}
    access = StoreAccess(account, read(environment)[1])
    spaces = [namespace(kubectl, name, TRUST) for name in ("trusted", "left", "mounting")]
    for space in spaces:
        assert await access.denied(space) is None
    own = {**secret({"owner": "team"}, k="v"), "type": "Opaque"}
    foreign = namespace(kubectl, "foreign")
    apply(kubectl, own, foreign)
    volume = {"name": "s", "secret": {"secretName": STORE}}
    pod = {"containers": [{"name": "c", "image": "i"}], "volumes": [volume]}
    theirs = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "theirs"}, "spec": pod}
    apply(kubectl, theirs, "mounting")
    for space in ("left", "mounting"):
        kubectl("label", "namespace", space, f"{ALLOWED_LABEL}-")
    for _ in range(3):
        await access.take_back("")
    kept = {s for s in (*spaces, foreign) if get(kubectl, "secret", STORE, s)}
    assert kept == {"trusted", "mounting", "foreign"} and get(kubectl, "secret", STORE, NAMESPACE)
    kubectl("delete", "pod", "theirs", "-n", "mounting", "--force")
    for _ in range(2):
        await access.take_back("")
    assert not get(kubectl, "secret", STORE, "mounting")


async def test_a_rotated_secret_is_copied(account: Cluster, kubectl: Kubectl, objects: Any) -> None:
    environment = {"PERENNIAL_NAMESPACE": NAMESPACE, "PERENNIAL_STORE_SECRET": STORE}
    space = namespace(kubectl, "rotated", TRUST)
    apply(kubectl, secret({**MANAGED_BY, COPY_LABEL: NAMESPACE}, old="x"), space)
    assert await StoreAccess(account, read(environment)[1]).denied(space) is None
    original = get(kubectl, "secret", STORE, NAMESPACE)
    assert get(kubectl, "secret", STORE, space)["data"] == original["data"]


@pytest.mark.parametrize("seen", [None, "another"])
async def test_a_secret_that_came_in_between_is_not_overwritten(
    account: Cluster, kubectl: Kubectl, objects: Any, monkeypatch: pytest.MonkeyPatch, seen: Any
) -> None:
    environment = {"PERENNIAL_NAMESPACE": NAMESPACE, "PERENNIAL_STORE_SECRET": STORE}
    space = namespace(kubectl, f"raced-{seen}".lower(), TRUST)
    theirs = apply(kubectl, secret({"owner": "team"}, mine="mine"), space)
    real = account.get

    async def get_before(api: str, kind: str, where: str, name: str) -> Any:
        if (kind, where) != ("Secret", space):
            return await real(api, kind, where, name)
        labels = {**MANAGED_BY, COPY_LABEL: NAMESPACE}
        return seen and {"metadata": {"labels": labels, "uid": seen, "resourceVersion": "1"}}

    monkeypatch.setattr(account, "get", get_before)
    with pytest.raises(Outdated):
        await StoreAccess(account, read(environment)[1]).denied(space)
    assert get(kubectl, "secret", STORE, space)["metadata"] == theirs["metadata"]


def test_a_training_that_reads_another_tenants_log_has_no_job(
    operator: Operator, kubectl: Kubectl
) -> None:
    space = namespace(kubectl, "curious", TRUST)
    rows = {**ROWS, "uri": "s3://models/logs/other/flights/requests/*.parquet"}
    apply(kubectl, body("ModelTraining", "flights", dataset=rows), space)
    wait("it says so", lambda: stalled(kubectl, "mt", "flights", space)[0] == "InvalidSpec")
    assert "only those below s3://models/logs/curious/" in str(
        stalled(kubectl, "mt", "flights", space)
    )
    assert kubectl("get", "jobs,cm", "-n", space, "-l", "perennial.dev/run", "-o", "name").out == ""


def test_a_pod_with_our_labels_and_an_attackers_message_decides_nothing(
    operator: Operator, kubectl: Kubectl
) -> None:
    space = namespace(kubectl, "attacked", TRUST)
    candidates = [
        {"name": "boosted", "algorithm": "HistGradientBoostingClassifier"},
        {"name": "linear", "algorithm": "LogisticRegression"},
    ]
    spec = {"dataset": ROWS, "candidates": candidates, "objective": {"metric": "roc_auc"}}
    training = body("ModelTraining", "flights", **spec)
    training["spec"].pop("gates", None)
    apply(kubectl, training, space)
    wait("a run has its Job", lambda: bool(get(kubectl, "job", "flights-1", space)), 60)
    job = get(kubectl, "job", "flights-1", space)

    def ended(name: str, index: int, owner: dict[str, Any] | None) -> None:
        told = message(candidates[index]["name"], 0.99)
        made = pod(name, index, job["spec"]["template"]["metadata"]["labels"], owner)
        apply(kubectl, made, space)
        patch = json.dumps({"status": said(told)})
        done = kubectl("patch", "pod", name, "-n", space, "--subresource=status", "-p", patch)
        assert done.code == 0, done.error

    def verdicts() -> list[str]:
        run = get(kubectl, "mt", "flights", space)["status"]["run"]
        return [c["verdict"] for c in run["candidates"]]

    mine = {"apiVersion": "batch/v1", "kind": "Job", "name": "flights-1", "controller": True}
    ended("bare", 0, None)
    ended("of-another", 0, {**mine, "uid": "00000000-0000-0000-0000-000000000000"})
    ended("not-controlled", 0, {**mine, "uid": job["metadata"]["uid"], "controller": False})
    ended("genuine", 1, {**mine, "uid": job["metadata"]["uid"]})
    wait("our own pod is heard", lambda: verdicts()[1] == "Passed")
    assert verdicts()[0] == "Running"


def pod(
    name: str, index: int, labels: dict[str, str], owner: dict[str, Any] | None
) -> dict[str, Any]:
    labels = {**labels, "batch.kubernetes.io/job-completion-index": str(index)}
    meta = {"name": name, "labels": labels, "ownerReferences": [owner] if owner else []}
    spec = {"containers": [{"name": "train", "image": "attacker"}], "restartPolicy": "Never"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def said(told: str) -> dict[str, Any]:
    """Return the status of a pod whose container has ended with a message."""
    times = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z"}
    ended = {"exitCode": 0, "reason": "Completed", "message": told, **times}
    state = {"name": "train", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
    return {"phase": "Succeeded", "containerStatuses": [{**state, "state": {"terminated": ended}}]}


OWNED: dict[str, tuple[str, str]] = {
    "ModelTraining": ("perennial.dev/v1alpha1", "modeltrainings"),
    "ModelDeployment": ("perennial.dev/v1alpha1", "modeldeployments"),
    "Job": ("batch/v1", "jobs"),
}


@pytest.mark.parametrize("kind", OWNED)
def test_what_we_make_may_block_its_owners_deletion_where_that_needs_a_right(
    kubectl: Kubectl, objects: Any, kind: str
) -> None:
    """With OwnerReferencesPermissionEnforcement, as on OpenShift; no more than is needed."""
    owner = {"apiVersion": OWNED[kind][0], "kind": kind, "name": "o", "uid": "u"}
    reference = {**owner, "controller": True, "blockOwnerDeletion": True}
    meta = {"name": "child", "namespace": "default", "ownerReferences": [reference]}
    child = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
    create = ("create", "-f", "-", "--dry-run=server")

    def refused(user: str) -> str:
        return kubectl(*create, "--as", user, body=child).error

    assert refused(USER) == ""
    # What is there may be given another owner, as a run's ConfigMap becomes its Job's.
    owned = {**meta, "name": f"of-{kind.lower()}", "ownerReferences": []}
    apply(kubectl, {**child, "metadata": owned}, "default")
    patch = json.dumps({"metadata": {"ownerReferences": [reference]}})
    given = ("patch", "configmap", owned["name"], "-p", patch, "--type=merge", "--dry-run=server")
    assert kubectl(*given, "--as", USER).error == ""
    # Somebody who may do everything but that is refused: the API server does look.
    kubectl("create", "clusterrole", "writer", "--verb=create", "--resource=configmaps")
    kubectl("create", "clusterrolebinding", "writer", "--clusterrole=writer", "--user=writer")
    wait("the right is there", lambda: "cannot create resource" not in refused("writer"))
    assert "cannot set blockOwnerDeletion" in refused("writer")


async def test_a_receipts_key_is_made_by_who_cannot_read_it(
    account: Cluster, kubectl: Kubectl
) -> None:
    space = namespace(kubectl, "receipts")
    wanted = serving()
    wanted["spec"]["serving"] = {"receipts": {}}
    owner = ModelDeployment.read(apply(kubectl, wanted, space))
    name = "flights-receipts"
    assert await ReceiptKeys().missing(account, owner) is None
    made = get(kubectl, "secret", name, space)
    assert len(base64.b64decode(made["data"]["key"])) == 32
    assert made["metadata"]["ownerReferences"][0]["uid"] == owner.metadata.uid
    assert await ReceiptKeys().missing(account, owner) is None  # another operator's first look
    assert get(kubectl, "secret", name, space) == made
    with pytest.raises(ApiException) as refused:
        await account.get("v1", "Secret", space, name)
    assert refused.value.status == 403
