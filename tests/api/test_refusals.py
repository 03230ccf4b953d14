"""Objects that are refused, quota-bound or broken: each says what to do. `docs/refusals.md`.

Against Kubernetes' own controllers. Run with ``PERENNIAL_WRITE_DOCS=1`` to write the page anew.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import ROOT, Kubectl
from controllers import controlled
from operators import install, only, running
from test_kinds import SHA, body
from test_operator import answers, wait

from localcluster.apiserver import ApiServer
from perennial.api import ModelDeployment
from perennial.api.crd import definition

PAGE = ROOT / "docs" / "refusals.md"
SPACE = "troubled"
ARTIFACT = {"artifact": {"uri": f"s3://models/sha256/{SHA}/", "sha256": SHA}}


def named(kind: str, name: str, **changes: Any) -> dict[str, Any]:
    made = body(kind, name, **changes)
    made["metadata"]["namespace"] = SPACE
    return made


def deployment(name: str, **changes: Any) -> dict[str, Any]:
    return named("ModelDeployment", name, **{"model": ARTIFACT, **changes})


def quota(name: str, **hard: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": SPACE}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": {"hard": hard}}


def foreign(kind: str, name: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": SPACE, "labels": {"owner": "somebody-else"}}
    if kind == "Service":
        spec: Any = {"ports": [{"port": 80}]}
        return {"apiVersion": "v1", "kind": kind, "metadata": meta, "spec": spec}
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none"}]}
    return {"apiVersion": "batch/v1", "kind": kind, "metadata": meta,
            "spec": {"template": {"spec": pod}}}  # fmt: skip


POLICY = [
    {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "costs"},
        "spec": {
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": ["apps"],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["deployments"],
                    }
                ]
            },
            "matchConditions": [
                {"name": "one", "expression": "object.metadata.name.startsWith('policy')"}
            ],
            "validations": [
                {
                    "expression": "'cost-centre' in object.metadata.labels",
                    "message": "every Deployment needs the label cost-centre",
                }
            ],
        },
    },
    {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "costs"},
        "spec": {"policyName": "costs", "validationActions": ["Deny"]},
    },
]

PODLESS = named("ModelTraining", "podless", job__resources={"requests": {"cpu": "64"}})
"""It has its Job before another quota lets nobody have one."""

# What is at fault, what is beside it, and what its Stalled (or another) condition must say.
Case = tuple[str, dict[str, Any], list[dict[str, Any]], str, str, list[str]]
CASES: list[Case] = [
    (
        "A quota leaves no room for the pods of a training's Job",
        PODLESS,
        [quota("cpu", **{"requests.cpu": "32"}), PODLESS],
        "Ready",
        "PodsRefused",
        ["exceeded quota: cpu", "allow them, or ask for less"],
    ),
    (
        "A policy of the cluster refuses what is made of it",
        deployment("policy"),
        POLICY,
        "Stalled",
        "WriteRefused",
        ["every Deployment needs the label cost-centre", "correct what it names"],
    ),
    (
        "A Service of its name is somebody else's",
        deployment("taken"),
        [foreign("Service", "taken")],
        "Stalled",
        "NameConflict",
        ["Service taken exists and is not ours", "rename the ModelDeployment"],
    ),
    (
        "It names a version that is not there",
        deployment("absent", model={"versionRef": {"name": "fraud-9"}}),
        [],
        "Stalled",
        "VersionNotFound",
        ["there is no ModelVersion fraud-9: create it, or name another"],
    ),
    (
        "Its model is where the chart lets nobody read",
        deployment("afar", model={"artifact": {"uri": "https://elsewhere/x/", "sha256": SHA}}),
        [],
        "Stalled",
        "InvalidSpec",
        ["allowed are", "chart value allowedSchemes"],
    ),
    (
        "A person asks for something that cannot be recorded",
        {
            **deployment("wordy"),
            "metadata": {
                "name": "wordy",
                "namespace": SPACE,
                "annotations": {"perennial.dev/request": "promote/" + "x" * 300},
            },
        },
        [],
        "Stalled",
        "RequestTooLong",
        ["253 are allowed", "a short token"],
    ),
    (
        "It has a field that only a newer operator knows",
        deployment("newer", rollout__mirror={"percent": 10}),
        [],
        "Stalled",
        "UnknownField",
        ["does not know spec.rollout.mirror", "upgrade the operator"],
    ),
    (
        "A quota leaves no room for its pods",
        deployment("bound", serving={"resources": {"requests": {"cpu": "64"}}}),
        [quota("cpu", **{"requests.cpu": "32"})],
        "Ready",
        "PodsRefused",
        ["exceeded quota: cpu", "allow them, or ask for less"],
    ),
    (
        "No node has room for its pods",
        deployment("waits"),
        [],
        "Ready",
        "Unschedulable",
        ["no nodes available", "add a node, or ask for less"],
    ),
    (
        "It follows a training that is not there",
        deployment("follows", model={"trainingRef": {"name": "nobody"}}),
        [],
        "Ready",
        "TrainingNotFound",
        ["there is no ModelTraining nobody yet: create it"],
    ),
    (
        "A quota lets a training have no Job",
        named("ModelTraining", "jobless"),
        [quota("jobs", **{"count/jobs.batch": "2"})],
        "Stalled",
        "QuotaExceeded",
        ["Job jobless-1 could not be written", "exceeded quota: jobs", "raise the quota"],
    ),
    (
        "A Job of a run's name is somebody else's",
        named("ModelTraining", "shared"),
        [foreign("Job", "shared-1")],
        "Stalled",
        "NameConflict",
        ["Job shared-1 exists and is not ours", "rename it or the ModelTraining"],
    ),
    (
        "A schedule is in no time zone",
        named("ModelTraining", "mars", schedule={"cron": "0 3 * * *", "timeZone": "Mars/Olympus"}),
        [],
        "Stalled",
        "InvalidSpec",
        ["is no IANA time zone", "such as Europe/Berlin"],
    ),
    (
        "A monitor watches what is not there",
        named("DriftMonitor", "blind", deploymentRef={"name": "nobody"}),
        [],
        "Ready",
        "DeploymentNotFound",
        ["there is no ModelDeployment nobody: create it"],
    ),
]


def condition(kubectl: Kubectl, made: dict[str, Any], type: str) -> dict[str, str]:
    asked = ("get", made["kind"], made["metadata"]["name"], "-n", SPACE, "-o", "json")
    status = json.loads(kubectl(*asked).out).get("status", {})
    return next((c for c in status.get("conditions", []) if c["type"] == type), {})


def newer() -> dict[str, Any]:
    """The CRD of a release to come."""
    crd = definition(ModelDeployment)
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    rollout = schema["properties"]["spec"]["properties"]["rollout"]["properties"]
    rollout["mirror"] = {"type": "object", "properties": {"percent": {"type": "integer"}}}
    return crd


@pytest.fixture(scope="module")
def troubled(
    server: ApiServer, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    place: Path = tmp_path_factory.mktemp("troubled")
    apply = ("apply", "--server-side", "--force-conflicts", "-f", "-")
    assert kubectl("create", "namespace", SPACE).code == 0
    assert kubectl(*apply, body=newer()).code == 0
    objects = install(kubectl, *only(SPACE))
    with controlled(server, place), running(server, kubectl, objects, place, "patient") as operator:
        wait("it is ready", lambda: answers(operator, "readyz"), 60)
        for _, _, beside, *_ in CASES:
            for other in beside:
                done = kubectl(*apply, body=other)
                assert done.code == 0, done.error
        jobs = ("get", "resourcequota", "jobs", "-n", SPACE, "-o", "jsonpath={.status.used}")
        wait("the quota counts", lambda: "2" in kubectl(*jobs).out, 60)
        for _, made, *_ in CASES:
            done = kubectl("apply", "-f", "-", body=made)
            assert done.code == 0, done.error
        yield
    assert kubectl(*apply, body=definition(ModelDeployment)).code == 0
    kubectl("delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", "costs")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[1]["metadata"]["name"])
def test_it_says_what_to_do(troubled: None, kubectl: Kubectl, case: Case) -> None:
    what, made, _, type, reason, words = case
    wait(what, lambda: condition(kubectl, made, type).get("reason") == reason, 60)
    message = condition(kubectl, made, type)["message"]
    assert all(word in message for word in words), message
    assert condition(kubectl, made, "Ready")["status"] == "False"
    kind, name = made["kind"].lower(), made["metadata"]["name"]
    shown = kubectl("describe", kind, name, "-n", SPACE).out
    assert message[:60] in " ".join(shown.split())
    if os.environ.get("PERENNIAL_WRITE_DOCS"):
        write(what, f"$ kubectl describe {kind} {name} -n {SPACE}", shown)

    def is_as_written() -> bool:
        told = conditions(kubectl("describe", kind, name, "-n", SPACE).out)
        return steady(told) == steady(written(what))

    wait("docs/refusals.md is current (PERENNIAL_WRITE_DOCS=1 writes it)", is_as_written, 60)


def test_the_page_tells_what_is_tried_and_no_more() -> None:
    told = re.findall(r"^## (.+)$", PAGE.read_text(), re.MULTILINE)
    assert sorted(told) == sorted(what for what, *_ in CASES)
    assert PAGE.read_text().startswith(HEAD)


HEAD = """# What is told of objects that are refused, quota-bound or broken

Each says in its conditions what is wrong, in the API server's own sentence where that refused
something, and what to do; an Event tells it, too, and counts how often it came again. What does
not depend on the refused write is done all the same, and what was refused is tried again with
growing delays: nothing has to be deleted once the cause is gone.

`Stalled=True` waits for somebody; `Reconciling=True` passes by itself. A cluster that lacks
something (a node, a quota, an image, a Secret) never rejects a version.

What follows is written by `tests/api/test_refusals.py` on a real API server: `kubectl describe`,
of which only the Events are left and those conditions that say something.
"""
PARTS = re.compile(
    r"^ +Message: +(\S.*)\n +Observed Generation: .*\n"
    r" +Reason: +(\w+)\n +Status: +(\w+)\n +Type: +(\w+)$",
    re.MULTILINE,
)
VOLATILE = re.compile(r"-[0-9a-f]{8,10}(-[a-z0-9]{5})?\b|used: [^;]+?(?=, limited)")
"""What another run calls otherwise: generated names, and what a quota has counted so far."""


def steady(lines: list[str]) -> list[str]:
    """Return what every run tells."""
    return [VOLATILE.sub("…", line) for line in lines]


def conditions(shown: str) -> list[str]:
    """Return the conditions that say something, a line each."""
    return [f"  {m[4]}={m[3]} {m[2]}: {m[1]}" for m in PARTS.finditer(shown)]


def written(what: str) -> list[str]:
    """Return the conditions that the page has of a case."""
    section = PAGE.read_text().partition(f"## {what}\n")[2].partition("\n## ")[0]
    return re.findall(r"^  \w+=\w+ \w+: .+$", section, re.MULTILINE)


def write(what: str, command: str, shown: str) -> None:
    """Put a case onto the page."""
    page = PAGE.read_text() if PAGE.exists() else HEAD
    before, _, rest = page.partition(f"## {what}\n")
    after = rest[rest.index("\n## ") + 1 :] if "\n## " in rest else ""
    lines = [
        *conditions(shown),
        "Events:",
        *(e.rstrip() for e in shown.partition("\nEvents:")[2].splitlines() if e),
    ]
    section = "\n".join([f"## {what}", "", "```", command, *lines, "```", ""])
    PAGE.write_text("\n".join(filter(None, [before.rstrip() + "\n", section, after])))
