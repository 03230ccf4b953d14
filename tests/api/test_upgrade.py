"""Today's kinds and today's operator, upgraded to from each base that was frozen."""

import copy
import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from asking import ROOT, Kubectl
from controllers import client
from operators import Operator, install, running
from test_operator import answers, requests, wait

from localcluster import apiserver
from localcluster.apiserver import ApiServer
from upgrade import scene, traffic
from upgrade.base import NETWORK, Base, bases, moved
from upgrade.record import missed, names
from upgrade.replay import Pod, answering
from upgrade.restore import put

Json = dict[str, Any]

AGO = scene.HALF_WAITS_SECONDS - 15
"""Seconds since the base was frozen, in which nobody was at work: what waits is soon to go on."""
ACTIVE = {"midway", "paused", "differs", "watching"}
"""What is not at rest: it is measured, and what was found is written now and then."""
CHANGED = "changed"
"""A namespace in which somebody has changed what was recorded."""


@dataclass
class Upgraded:
    """A cluster of the base's that today's operator has taken over."""

    base: Base
    server: ApiServer
    kubectl: Kubectl
    before: dict[tuple[str, str], Json]
    """What was there, by kind and name."""
    operator: Operator | None = None

    def now(self, namespace: str = "") -> dict[tuple[str, str], Json]:
        """Return what is there now of all kinds that there were."""
        kinds = ",".join(sorted({kind for kind, _ in self.before}))
        done = self.kubectl("get", kinds, "-n", namespace or self.base.namespace, "-o", "json")
        assert done.code == 0, done.error
        return by_name(json.loads(done.out)["items"])

    def get(self, kind: str, name: str) -> Json:
        done = self.kubectl("get", kind, name, "-n", self.base.namespace, "-o", "json")
        assert done.code == 0, done.error
        body: Json = json.loads(done.out)
        return body

    def writes(self) -> list[tuple[str, str, str, str]]:
        """Return what the operator wrote so far: verb, resource, namespace and name."""
        asked = (e for e in requests(self.server) if e["verb"] not in ("get", "list", "watch"))
        told = (
            [e["verb"], *(e["objectRef"].get(k, "") for k in ("resource", "namespace", "name"))]
            for e in asked
        )
        return [(verb, resource, space, name) for verb, resource, space, name in told]


def by_name(objects: list[Json]) -> dict[tuple[str, str], Json]:
    return {(body["kind"], body["metadata"]["name"]): body for body in objects}


def restarted(before: dict[tuple[str, str], Json], now: dict[tuple[str, str], Json]) -> list[str]:
    """Return whose pods an upgrade has ended, or will end, a sentence each."""
    found = []
    for (kind, name), was in before.items():
        body = now.get((kind, name))
        if body is None:
            found.append(f"{kind} {name} is gone")
        elif body["metadata"]["uid"] != was["metadata"]["uid"]:
            found.append(f"{kind} {name} was made anew")
        elif kind == "Deployment":
            spec, old = body["spec"], was["spec"]
            kept = ("template", "selector", "replicas")
            found += [f"{kind} {name} has another {k}" for k in kept if spec[k] != old[k]]
    return found


@pytest.fixture(scope="module", params=bases(), ids=lambda base: base.place.name)
def base(request: pytest.FixtureRequest) -> Base:
    found: Base = request.param
    return found


@pytest.fixture(scope="module")
def upgraded(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    """Bring in the base's kinds and objects, then today's kinds, then today's operator."""
    place = tmp_path_factory.mktemp("upgrade")
    with apiserver.running() as server:
        kubectl = client(server)
        bring(kubectl, base.place / "crds")
        # Addresses that no other test has, for pods have one port all over.
        network = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(256)}."
        text = moved(base.text(), base.until_now(AGO)).replace(f'"{NETWORK}', f'"{network}')
        objects = base.objects(text)
        for namespace in (base.namespace, CHANGED):
            assert kubectl("create", "namespace", namespace).code == 0
            kubectl("label", "namespace", namespace, "perennial.dev/default-store=allowed")
        put(server, [*objects, *somebody_has_changed(objects)])
        found = Upgraded(base, server, kubectl, by_name(objects))
        assert found.now().keys() == found.before.keys()  # all of it can be read
        bring(kubectl, ROOT / "crds")
        chart = install(kubectl)
        with answering(recorded(base, objects, text)):
            with running(server, kubectl, chart, place, "newer") as found.operator:
                wait("it is ready", lambda: answers(found.operator, "readyz"), 60)  # type: ignore[arg-type]
                yield found
            assert "reconcile failed" not in found.operator.log.read_text()


def bring(kubectl: Kubectl, crds: Path) -> None:
    """Apply kinds; those of the name that is there are replaced."""
    done = kubectl("apply", "--server-side", "--force-conflicts", "-f", str(crds))
    assert done.code == 0, done.error
    done = kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    assert done.code == 0, done.error


def somebody_has_changed(objects: list[Json]) -> list[Json]:
    """Return two ModelDeployments and their children in another namespace, not as recorded.

    Of one the pods were made of another image, of the other the canary is at a step of other steps.
    """
    names = ("resting", "midway", "imported")
    owned = [o for o in objects if o["metadata"]["name"].partition("-")[0] in names]
    bodies = json.loads(json.dumps(owned).replace(f'"{scene.NAMESPACE}"', f'"{CHANGED}"'))
    for body in bodies:
        if body["kind"] == "ControllerRevision" and body["metadata"]["name"].startswith("resting"):
            for container in body["data"]["template"]["spec"]["containers"]:
                container["image"] = "another"
        elif body["kind"] == "ModelDeployment" and body["metadata"]["name"] == "midway":
            status(body)["step"]["hash"] = "others"
    return list(bodies)


def recorded(base: Base, objects: list[Json], text: str) -> list[Pod]:
    """Return the base's serving pods, as they answered."""
    profile = (base.place / "artifact" / "profile.json").read_bytes()
    found = []
    for body in objects:
        answered = base.place / "pods" / body["metadata"]["name"]
        if body["kind"] == "Pod" and answered.is_dir():
            model = body["metadata"]["labels"]["perennial.dev/deployment"]
            metadata = (answered / "metadata.json").read_bytes()
            paths = {"/profile": profile, f"/v2/models/{model}": metadata, "/drain": b"{}"}
            window = json.loads((answered / "window.json").read_text())
            found.append(Pod(body["status"]["podIP"], window, paths))
    return found


def status(body: Json) -> Json:
    found: Json = scene.rollout(body["status"])
    return found


def test_nobody_restarts_and_nothing_is_deleted(upgraded: Upgraded) -> None:
    wait("it has looked at all", lambda: looked_at_all(upgraded), 60)
    assert restarted(upgraded.before, upgraded.now()) == []
    deleted = [w for w in upgraded.writes() if w[0].startswith("delete")]
    assert not deleted


def looked_at_all(upgraded: Upgraded) -> bool:
    """Tell whether the operator has been through all objects: the last ones that it writes."""
    monitor = upgraded.get("dm", "watching")["status"]
    before = upgraded.before["DriftMonitor", "watching"]["status"]
    return bool(monitor["checkedTime"] > before["checkedTime"])


def test_what_is_not_as_recorded_is_written_and_seen_to_be(upgraded: Upgraded) -> None:
    """The proof that the test above can fail: here the record says something else."""
    before = {
        key: body
        for key, body in upgraded.before.items()
        if key[0] == "Deployment" and key[1].startswith("resting-")
    }
    wait("it is written", lambda: restarted(before, upgraded.now(CHANGED)) != [], 60)
    (told,) = restarted(before, upgraded.now(CHANGED))
    assert told.endswith("has another template")
    assert restarted(before, {})[0].endswith("is gone")


def test_a_canary_that_begins_anew_is_seen_to(upgraded: Upgraded) -> None:
    """The proof that the test below can fail."""
    was = status(upgraded.before["ModelDeployment", "midway"])["step"]

    def begins_anew() -> bool:
        now = status(upgraded.now(CHANGED)["ModelDeployment", "midway"])["step"]
        # The step that it stood at lasts for minutes, and begins later now.
        return bool(now["index"] <= was["index"] and now.get("startTime", "") != was["startTime"])

    wait("it begins anew", begins_anew, 60)


def test_a_canary_goes_on_from_where_it_stood(upgraded: Upgraded) -> None:
    before = upgraded.before["ModelDeployment", "midway"]["status"]
    was = scene.rollout(before)
    assert was["step"]["index"] == scene.HALF_WAITS and "startTime" in was["step"]

    def has_gone_on() -> bool:
        index = status(upgraded.get("md", "midway"))["step"]["index"]
        assert index >= scene.HALF_WAITS  # it does not begin anew
        return bool(index == len(scene.STEPS) - 1)

    wait("it goes on", has_gone_on, 90)
    after = upgraded.get("md", "midway")["status"]
    now = scene.rollout(after)
    assert now["step"]["hash"] == was["step"]["hash"]
    assert role(after, "Canary")["startTime"] == role(before, "Canary")["startTime"]
    analysis, known = now["analysis"], was["analysis"]
    assert analysis["judgedUntil"] > known["judgedUntil"] and analysis["looks"] > known["looks"]
    counted = {m["name"]: m for m in known["metrics"]}
    for metric in analysis["metrics"]:
        assert metric["key"] == counted[metric["name"]]["key"]
        assert metric["requests"] > counted[metric["name"]]["requests"]
        assert metric["verdict"] in ("Successful", "Undecided")


def role(told: Json, wanted: str) -> Json:
    return next(r for r in told["revisions"] if r["role"] == wanted)


def test_nothing_is_promoted_or_rejected_or_trained_anew(upgraded: Upgraded) -> None:
    wait("it has looked at all", lambda: looked_at_all(upgraded), 60)
    now = upgraded.now()
    for (kind, name), body in upgraded.before.items():
        was, found = body.get("status", {}), now[kind, name].get("status", {})
        if kind == "ModelDeployment":
            assert named(found) == named(was), name
            for field in ("rejected", "paused", "promotedTime", "signature"):
                assert status(now[kind, name]).get(field) == status(body).get(field), (name, field)
        if "conditions" in was and body["apiVersion"] == scene.API and name not in ACTIVE:
            assert verdicts(found) == verdicts(was), name
        if kind == "ModelTraining":
            assert (found["champion"], found["lastRun"]) == (was["champion"], was["lastRun"])


def named(told: Json) -> list[tuple[str, str]]:
    """Return revisions and their roles."""
    return [(r["role"], r["name"]) for r in told["revisions"]]


def verdicts(told: Json) -> dict[str, tuple[str, str]]:
    """Return what conditions say."""
    return {c["type"]: (c["status"], c["reason"]) for c in told["conditions"]}


def test_a_monitor_judges_what_the_bases_servers_counted_and_keeps_its_history(
    upgraded: Upgraded,
) -> None:
    before = upgraded.before["DriftMonitor", "watching"]["status"]
    wait("it has looked", lambda: looked_at_all(upgraded), 60)
    after = upgraded.get("dm", "watching")["status"]
    assert all(known in after["history"] for known in before["history"][-3:])
    assert after["window"]["samples"] > 0 and after["window"]["pods"] == 1
    assert after["reference"] == before["reference"]
    assert verdicts(after) == verdicts(before)


def test_at_rest_nothing_is_written_but_the_lease(upgraded: Upgraded) -> None:
    def others() -> list[tuple[str, str, str, str]]:
        return [
            (verb, resource, space, name)
            for verb, resource, space, name in upgraded.writes()
            if space == upgraded.base.namespace and resource != "events" and name not in ACTIVE
        ]

    wait("it has looked at all", lambda: looked_at_all(upgraded), 60)
    quiet(others, 5)
    settled = len(others())
    time.sleep(8)
    assert others()[settled:] == []
    assert [w for w in upgraded.writes() if w[1] == "leases"]  # it is at work


def quiet(told: Callable[[], list[Any]], seconds: float) -> None:
    """Wait until nothing more was told for so long."""
    seen, since = len(told()), time.monotonic()
    deadline = since + 120
    while time.monotonic() - since < seconds:
        assert time.monotonic() < deadline, told()[-5:]
        time.sleep(0.5)
        if len(told()) != seen:
            seen, since = len(told()), time.monotonic()


def test_what_the_operator_tells_of_itself_is_still_told(upgraded: Upgraded) -> None:
    assert upgraded.operator is not None
    now = names(traffic.get(f"{upgraded.operator.metrics}/metrics").decode())
    assert missed(upgraded.base.json("operator/metrics.json"), now) == []


def fresh(kubectl: Kubectl, space: str, body: Json) -> str:
    """Apply an object and its status anew; return what is said against it."""
    meta = {k: v for k, v in body["metadata"].items() if k in ("name", "labels", "annotations")}
    new = {**body, "metadata": {**meta, "namespace": space}}
    told = new.pop("status", None)
    strict = ("--validate=strict",)
    done = kubectl("create", "-f", "-", *strict, body=new)
    if done.code == 0 and told is not None:
        patch = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": told}))
        done = kubectl("patch", body["kind"].lower(), meta["name"], "-n", space, *patch)
    return done.error


def test_what_was_valid_is_valid_and_what_is_not_is_told(kubectl: Kubectl, base: Base) -> None:
    space = f"base-{base.place.name}".replace(".", "-")
    assert kubectl("create", "namespace", space).code == 0
    ours = [o for o in base.objects() if o["apiVersion"].startswith("perennial.dev/")]
    assert len({o["kind"] for o in ours}) == 4
    assert [told for body in ours if (told := fresh(kubectl, space, body))] == []
    wrong = copy.deepcopy(ours[0])
    wrong["metadata"]["name"] = "wrong"
    wrong["status"]["conditions"][0]["status"] = "Perhaps"
    assert "Unsupported value" in fresh(kubectl, space, wrong)
