"""What a pod that does not become ready says about itself."""

import json
from typing import Any

import pytest
from builders import later

from perennial.plan.core import Finding
from perennial.plan.pods.health import not_made, not_starting, refused, trouble, unattended


def pod(*containers: dict[str, Any], init: bool = False, **status: Any) -> dict[str, Any]:
    field = "initContainerStatuses" if init else "containerStatuses"
    return {"metadata": {"name": "p"}, "status": {field: list(containers), **status}}


def ended(message: str = "", code: int = 1, when: str = "state", **more: Any) -> dict[str, Any]:
    terminated = {"exitCode": code, "message": message, "reason": "Error"}
    return {"name": "server", "ready": False, when: {"terminated": terminated}, **more}


def waiting(reason: str, **more: Any) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": "why"}}
    return {"name": "server", "ready": False, "state": state, **more}


def said(reason: str) -> str:
    return json.dumps({"reason": reason, "message": "what happened"})


def test_sound_pods_say_nothing() -> None:
    assert trouble([]) is None
    ready = {"name": "server", "ready": True, "lastState": {"terminated": {"exitCode": 1}}}
    starting = pod(waiting("ContainerCreating"))
    done = pod(ended(code=0), init=True)
    assert (
        trouble([pod(ready), starting, done, {"metadata": {"name": "new"}, "status": {}}]) is None
    )


@pytest.mark.parametrize(
    "reason", ["DigestMismatch", "ArtifactNotFound", "ArtifactInvalid", "ModelInvalid"]
)
def test_what_waiting_cannot_help_is_fatal(reason: str) -> None:
    found = trouble([pod(ended(said(reason)), init=True)])
    assert found == Finding(reason, "what happened", "Model", final=True)


def test_a_store_out_of_reach_is_not_the_models_fault() -> None:
    crashing = ended(said("StoreUnreachable"), restartCount=9)
    assert trouble([pod(crashing, init=True)]) == Finding(
        "ArtifactUnavailable", "what happened", "Store"
    )


@pytest.mark.parametrize(("restarts", "fatal"), [(0, False), (2, False), (3, True)])
def test_a_crash_is_fatal_when_it_comes_again(restarts: int, fatal: bool) -> None:
    again = ended(when="lastState", state={"waiting": {"reason": "CrashLoopBackOff"}})
    found = trouble([pod({**again, "restartCount": restarts})])
    assert found == Finding("CrashLoop", "server ended with Error, see its log", "Model", fatal)


@pytest.mark.parametrize("text", ["", "no json", "[]", '"text"', '{"reason": "X"}', "{}"])
def test_a_message_that_is_none_of_ours_is_a_crash(text: str) -> None:
    found = trouble([pod(ended(text))])
    assert found is not None and (found.reason, found.final) == ("CrashLoop", False)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("ErrImagePull", "ImagePullFailed"),
        ("ImagePullBackOff", "ImagePullFailed"),
        ("InvalidImageName", "ImagePullFailed"),
        ("CreateContainerConfigError", "ConfigInvalid"),
    ],
)
def test_what_keeps_a_container_from_starting(word: str, reason: str) -> None:
    found = trouble([pod(waiting(word))])
    assert found is not None and (found.reason, found.blame) == (reason, "Cluster")
    assert found.message.startswith(f"{word}: why; it is tried again: ")


def test_a_pod_without_a_node() -> None:
    scheduled = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: too little cpu"}
    found = trouble([pod(conditions=[scheduled])])
    assert found == Finding(
        "Unschedulable",
        "0/1 nodes: too little cpu; it waits: add a node, or ask for less",
        "Cluster",
    )


def test_a_pod_without_its_claim() -> None:
    told = '0/1 nodes are available: persistentvolumeclaim "data.x" not found. preemption: no.'
    scheduled = {"type": "PodScheduled", "status": "False", "message": told}
    found = trouble([pod(conditions=[scheduled])])
    assert found is not None and (found.reason, found.final) == ("ClaimNotFound", False)
    assert found.blame == "Store" and "PersistentVolumeClaim data.x" in found.message


def test_only_pods_that_wait_do_not_start() -> None:
    found = not_starting([pod(waiting("ErrImagePull"), phase="Pending")])
    assert found is not None and found.reason == "ImagePullFailed"
    assert not_starting([pod(ended(), phase="Failed"), {"metadata": {"name": "new"}}]) is None


def test_the_gravest_comes_first() -> None:
    pods = [pod(waiting("ErrImagePull")), pod(ended(said("ModelInvalid"))), pod(ended())]
    found = trouble(pods)
    assert found is not None and found.reason == "ModelInvalid"


def test_a_pod_that_ended_or_goes_says_nothing_any_more() -> None:
    evicted = pod(ended(code=137), phase="Failed", reason="Evicted")
    going = pod(ended(code=1), init=True)
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert trouble([evicted, going]) is None


@pytest.mark.parametrize(("seconds", "told"), [(29, False), (31, True)])
def test_containers_that_are_not_made_are_told_with_the_secrets_that_they_wait_for(
    seconds: int, told: bool
) -> None:
    waits = pod(waiting("ContainerCreating"), init=True, startTime="2026-01-01T12:00:00Z")
    waits["spec"] = {"volumes": [{"name": "s", "secret": {"secretName": "keys"}}, {"name": "e"}]}
    found = trouble([waits], later(seconds))
    assert (found is not None) == told
    if found is not None:
        assert (found.reason, found.blame) == ("ContainersNotMade", "Cluster")
        assert "Secrets keys" in found.message and "kubectl describe pod p" in found.message


def test_pods_that_a_quota_refuses_are_the_clusters_trouble() -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: team"}
    found = refused({"status": {"conditions": [failure]}})
    assert found is not None and (found.reason, found.blame) == ("PodsRefused", "Cluster")
    assert "exceeded quota: team" in found.message
    assert refused({"status": {"conditions": [{**failure, "status": "False"}]}}) is None
    assert refused(None) is None


def test_a_jobs_pods_that_are_refused_are_told_alike_at_each_try() -> None:
    sentence = "is forbidden: exceeded quota: team, requested: pods=1"
    tries = [
        {"note": f'Error creating: pods "a-1-0-{end}" {sentence}'} for end in ("x2v9k", "7bcdf")
    ]
    first, second = (not_made([event]) for event in tries)
    assert first == second and first is not None
    assert (first.reason, first.blame) == ("PodsRefused", "Cluster")
    assert f'pods "a-1-0-…" {sentence}' in first.message
    assert not_made([]) is None


@pytest.mark.parametrize(
    ("after", "status", "told"),
    [(29, {}, False), (31, {}, True), (31, {"observedGeneration": 1}, False)],
)
def test_a_deployment_that_no_controller_looks_at_is_the_clusters_trouble(
    after: int, status: Any, told: bool
) -> None:
    live = {"metadata": {"creationTimestamp": "2026-01-01T12:00:00Z"}, "status": status}
    found = unattended(live, later(after))
    assert (found is not None) == told
    if found is not None:
        assert (found.reason, found.blame) == ("PodsNotMade", "Cluster")
    assert unattended(None, later(after)) is None
