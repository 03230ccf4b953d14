"""The Deployment of a revision."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from builders import NOW, SETTINGS, SHA, artifact_of, conditions, deployment, training
from manifests import golden, made, pod_of
from test_rollout import World, serving

from perennial.api import ModelDeployment
from perennial.api.values import byte_count
from perennial.plan.rollout import DeploymentSnapshot, plan_deployment
from perennial.plan.serving.revision import as_written

EVERY_OPTION: dict[str, Any] = {
    "batching": {"maxRows": 0},
    "driftWindows": "Disabled",
    "limits": {"maxBodySize": "1Mi", "maxInFlight": 8},
    "requestLog": {
        "sampleFraction": 0.25,
        "features": ["hour", "carrier"],
        "store": {"uri": "s3://logs/team/", "secretRef": {"name": "log-key"}},
    },
}


def env_of(container: dict[str, Any]) -> dict[str, str]:
    return {e["name"].removeprefix("PERENNIAL_"): e["value"] for e in container["env"]}


def test_without_options_it_is_as_ever() -> None:
    golden("workload.yaml", made())


def test_with_every_option() -> None:
    golden("workload-options.yaml", made({"serving": EVERY_OPTION}))


def test_logs_are_shipped_as_often_as_the_chart_says() -> None:
    log = {"serving": {"requestLog": {"store": {"uri": "s3://logs"}}}}
    for often, told in ((None, None), (3, "3")):
        pod = pod_of(made(log, settings=replace(SETTINGS, log_ship_seconds=often)))
        (ship,) = (c for c in pod["initContainers"] if c["name"] == "ship")
        assert env_of(ship).get("LOG_SHIP_SECONDS") == told


def test_receipts_take_a_key_that_the_pod_starts_without_all_the_same() -> None:
    pod = pod_of(made({"serving": {"receipts": {}}}))
    server, (volume,) = pod["containers"][0], (v for v in pod["volumes"] if v["name"] == "receipts")
    assert env_of(server)["RECEIPTS"] == "/perennial/receipts"
    assert not {"REWARD_MINIMUM", "REWARD_MAXIMUM"} & set(env_of(server))
    mount = {"name": "receipts", "mountPath": "/perennial/receipts", "readOnly": True}
    assert mount in server["volumeMounts"]
    assert volume["secret"] == {
        "secretName": "flights-receipts", "optional": True, "defaultMode": 0o440,
    }  # fmt: skip
    others = [*pod["initContainers"], *pod["containers"][1:]]
    assert all(mount["name"] not in str(other["volumeMounts"]) for other in others)
    within = {"receipts": {"reward": {"minimum": -1, "maximum": 2.5}}}
    told = env_of(pod_of(made({"serving": within}))["containers"][0])
    assert (told["REWARD_MINIMUM"], told["REWARD_MAXIMUM"]) == ("-1.0", "2.5")


def test_pairs_take_the_same_key_with_receipts_and_without() -> None:
    pod = pod_of(made({"serving": {"pairs": "Enabled"}}))
    told, (volume,) = (
        env_of(pod["containers"][0]),
        (v for v in pod["volumes"] if v["name"] == "receipts"),
    )
    assert told["PAIRS"] == "/perennial/receipts" and "RECEIPTS" not in told
    assert volume["secret"]["secretName"] == "flights-receipts"
    both = pod_of(made({"serving": {"pairs": "Enabled", "receipts": {}}}))
    told = env_of(both["containers"][0])
    assert told["PAIRS"] == told["RECEIPTS"] and both["volumes"] == pod["volumes"]
    off = pod_of(made({"serving": {"pairs": "Disabled"}}))
    assert "PAIRS" not in env_of(off["containers"][0]) and off["volumes"] != pod["volumes"]
    assert written({"serving": {"pairs": "Enabled"}}) != written()


def test_copies_of_requests_have_ports_of_their_own() -> None:
    server = pod_of(made())["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in server["ports"]}
    told = env_of(server)
    assert told["MIRROR_HTTP_PORT"] == str(ports["mirror-http"]) == "8082"
    assert told["MIRROR_GRPC_PORT"] == str(ports["mirror-grpc"]) == "8083"


@pytest.mark.parametrize("switch", ["receipts", "requestLog"])
def test_what_is_switched_on_by_being_there_is_a_new_revision(switch: str) -> None:
    assert written({"serving": {switch: {}}}) != written({"serving": {switch: None}}) == written()


def written(spec: dict[str, Any] | None = None) -> str:
    made = deployment(spec)
    return as_written(made, artifact_of(made))


CHOSEN: dict[str, Any] = {
    "serving": {"resources": {"requests": {"cpu": "1"}, "limits": {"memory": "2Gi"}}},
    "podOverrides": {
        "metadata": {"labels": {"team": "a"}},
        "spec": {"nodeSelector": {"disk": "ssd"}},
    },
}


def test_an_upgrade_of_the_operator_alone_is_no_new_revision() -> None:
    """The hashes are those of the release in which they began."""
    assert written() == "655b9beac3"
    assert written(CHOSEN) == "bc74d7ecd8"


@pytest.mark.parametrize(
    "same",
    [
        {"serving": {"resources": {"requests": {"cpu": "1000m"}, "limits": {"memory": "2048Mi"}}}},
        {"serving": {"resources": {"requests": {"cpu": 1}, "limits": {"memory": "2Gi"}},
                     "limits": None}},
        {"podOverrides": {**CHOSEN["podOverrides"], "spec": {"nodeSelector": {"disk": "ssd"},
                                                           "tolerations": []}}},
        {"model": {"artifact": {"uri": "s3://models/a", "sha256": SHA}}},
        {"replicas": 7},
        {"rollout": {"progressDeadline": "5m"}},
    ],
)  # fmt: skip
def test_another_spelling_is_no_new_revision(same: dict[str, Any]) -> None:
    assert written({**CHOSEN, **same}) == written(CHOSEN)


@pytest.mark.parametrize(
    "other",
    [
        {"model": {"artifact": {"uri": "s3://models/b/", "sha256": SHA}}},
        {"serving": {"resources": {"requests": {"cpu": "2"}}}},
        {"podOverrides": {}},
    ],
)
def test_what_the_user_wrote_is_the_revision(other: dict[str, Any]) -> None:
    assert written({**CHOSEN, **other}) != written(CHOSEN)


@pytest.mark.parametrize("option", EVERY_OPTION)
def test_every_option_is_part_of_the_revision(option: str) -> None:
    assert written({"serving": {option: EVERY_OPTION[option]}}) != written()


def test_the_server_is_told_only_what_the_user_wrote() -> None:
    pod = pod_of(made({"serving": {"limits": {"maxInFlight": 8}, "driftWindows": "Enabled"}}))
    told = env_of(pod["containers"][0])
    ours = {"MODEL_NAME", "MODEL_VERSION", "MIRROR_HTTP_PORT", "MIRROR_GRPC_PORT"}
    assert set(told) == {*ours, "MAX_IN_FLIGHT", "DRIFT"}
    assert (told["MAX_IN_FLIGHT"], told["DRIFT"]) == ("8", "1")


def test_new_settings_reach_stable_only_through_a_canary() -> None:
    world = serving()
    old = world.deployment.status.stable
    assert old is not None
    before = copy.deepcopy(world.workloads[old.revision]["spec"]["template"])
    world.deployment = deployment({"serving": EVERY_OPTION}, status=world.deployment.status)
    world.steps(4)
    canary = world.deployment.status.canary
    assert canary is not None
    assert world.workloads[old.revision]["spec"]["template"] == before
    assert len(pod_of(world.workloads[canary.revision])["initContainers"]) == 2
    assert "CanaryPromoted" in world.steps(60)
    assert world.running() == [canary.revision]


def test_a_deployment_without_a_record_is_adopted_as_it_runs() -> None:
    world = serving()
    (live,) = world.workloads.values()
    live["spec"]["template"]["metadata"]["creationTimestamp"] = None  # as servers wrote it once
    live["spec"]["template"]["spec"]["dnsPolicy"] = "ClusterFirst"
    world.records.clear()
    world.change(serving=EVERY_OPTION)
    plan = world.step()
    record = next(r for r in plan.create if r["metadata"]["name"] == live["metadata"]["name"])
    made = record["data"]["template"]
    assert made["spec"] == live["spec"]["template"]["spec"]
    assert "creationTimestamp" not in made["metadata"]
    assert [o["kind"] for o in plan.apply] == ["Service"], "before anything else it is recorded"
    world.settle()
    (stable,) = world.running()
    assert len(pod_of(world.workloads[stable])["initContainers"]) == 2


def log_of(workload: dict[str, Any]) -> tuple[str, str]:
    """Return URI and Secret of a workload's request log."""
    pod = pod_of(workload)
    volumes = {v["name"]: v for v in pod["volumes"]}
    secret = volumes.get("log-store", {"secret": {"secretName": ""}})["secret"]["secretName"]
    return env_of(pod["initContainers"][1])["LOG_URI"], secret


@pytest.mark.parametrize(
    ("own", "of_training", "place"),
    [
        (None, None, ("s3://models/logs/team/flights", "perennial-store")),
        (None, {"uri": "s3://theirs/x/"}, ("s3://theirs/x/logs/team/flights", "")),
        (
            None,
            {"uri": "s3://theirs", "secretRef": {"name": "key"}},
            ("s3://theirs/logs/team/flights", "key"),
        ),
        ({"uri": "gs://mine/"}, {"uri": "s3://theirs"}, ("gs://mine/logs/team/flights", "")),
    ],
)
def test_the_log_is_in_its_own_store_else_the_trainings_else_the_charts(
    own: Any, of_training: Any, place: tuple[str, str]
) -> None:
    log = {"requestLog": {"store": own} if own else {}}
    trained = training({"store": of_training} if of_training else {})
    assert log_of(made({"serving": log}, training=trained)) == place


def test_only_the_shipper_sees_the_logs_secret() -> None:
    pod = pod_of(made({"serving": EVERY_OPTION}))
    holders = [
        c["name"]
        for c in (*pod["initContainers"], *pod["containers"])
        if any(m["name"] == "log-store" for m in c["volumeMounts"])
    ]
    assert holders == ["ship"]
    shipper = pod["initContainers"][1]
    assert shipper["restartPolicy"] == "Always"
    assert shipper["securityContext"]["readOnlyRootFilesystem"]


@pytest.mark.parametrize(
    ("uri", "told"),
    [("ftp://x", "allowed are"), ("", "the chart has no default store")],
)
def test_a_log_that_has_no_store_stalls_with_a_sentence(uri: str, told: str) -> None:
    log = {"store": {"uri": uri}} if uri else {}
    settings = replace(SETTINGS, store_uri="")
    world = DeploymentSnapshot(deployment({"serving": {"requestLog": log}}), NOW, settings)
    plan = plan_deployment(world)
    assert plan.apply == () and conditions(plan)["Stalled"] == ("True", "InvalidSpec")
    ready = next(c for c in plan.status.conditions if c.type == "Ready")  # type: ignore[union-attr]
    assert told in ready.message and "spec.serving.requestLog.store.uri" in ready.message


@pytest.mark.parametrize("secret", [{}, {"secretRef": {"name": "log-key"}}])
def test_a_lost_status_is_rebuilt_with_its_log(secret: dict[str, Any]) -> None:
    log = {"store": {"uri": "s3://logs", **secret}}
    world = World()
    world.deployment = deployment({"serving": {"requestLog": log}})
    world.steps(3)
    before = world.deployment.status.stable
    world.deployment = ModelDeployment.read(
        {"metadata": world.deployment.metadata, "spec": world.deployment.spec}
    )
    (applied,) = [o for o in world.step().apply if o["kind"] == "Deployment"]
    after = world.deployment.status.stable
    assert before is not None and after is not None
    assert (after.request_log, after.secret) == (before.request_log, before.secret)
    assert log_of(applied) == ("s3://logs/logs/team/flights", "log-key" if secret else "")


@pytest.mark.parametrize(
    ("size", "count"),
    [("1024", 1024), ("512Ki", 524_288), ("16Mi", 16_777_216), ("1Gi", 2**30), ("2k", 2000),
     ("3M", 3_000_000), ("1G", 10**9)],
)  # fmt: skip
def test_byte_count(size: str, count: int) -> None:
    assert byte_count(size) == count


@pytest.mark.parametrize("size", ["", "Mi", "1.5Mi", "1Ti", "1mi", "-1", "1MM", "1 Mi"])
def test_what_is_no_size_is_refused(size: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        byte_count(size)


def test_callers_are_counted_by_the_header_that_is_named() -> None:
    (server,) = pod_of(made({"serving": {"callerHeader": "X-Caller"}}))["containers"]
    assert env_of(server)["CALLER_HEADER"] == "X-Caller"
    (without,) = pod_of(made())["containers"]
    assert "CALLER_HEADER" not in env_of(without)
