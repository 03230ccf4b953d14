"""What a monitor sees of callers and their requests, and a rollout that it takes back."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from bad_models import opposite, publish_changed
from rollouts import apply, reason, sentences, serves, status
from trial import artifact_of

from flights import demo, traffic

NAME = "watched"
APP, PARTNER, WRONG = "app", "partner", "hour"
MONITOR = {
    "deploymentRef": {"name": NAME},
    "window": "30s",
    "interval": "3s",
    "minimumSamples": 200,
    "behaviour": {"mix": {"callers": {}, "errors": {}, "learn": "10s"}},
    "actions": {"rollback": {}},
}
SPEC: dict[str, Any] = {
    "replicas": 1,
    "serving": {"callerHeader": traffic.CALLER},
    "rollout": {"canary": {"steps": [{"setWeight": 50}, {"pause": {"duration": "3s"}}]}},
}


def seen() -> dict[str, Any]:
    """Return what the monitor says."""
    found: dict[str, Any] = demo.get("dm", NAME).get("status", {})
    return found


def condition(wanted: str) -> dict[str, str]:
    """Return one of its conditions, empty where it is not told."""
    return next((c for c in seen().get("conditions", []) if c["type"] == wanted), {})


def says(wanted: str, is_so: str) -> bool:
    """Tell whether a condition is so."""
    return condition(wanted).get("status") == is_so


def quality() -> str:
    """Return what it says of quality."""
    return condition("QualityPassed").get("message", "")


@pytest.fixture(scope="module")
def good(answers: Counter[str]) -> Iterator[dict[str, str]]:
    """Serve a good version to one caller, watched until all is known to be as usual."""
    good = artifact_of("flights-1")
    apply(NAME, good, **SPEC)
    demo.wait("it serves", lambda: serves(NAME, good), 60)
    demo.send_traffic(APP, ["01", "02"], "--caller", APP, model=NAME)
    demo.wait("requests come", lambda: demo.answers(APP).total() > 100, 30)
    metadata = {"name": NAME, "namespace": demo.NAMESPACE}
    monitor = {"apiVersion": "perennial.dev/v1alpha1", "kind": "DriftMonitor"}
    body = {**monitor, "metadata": metadata, "spec": MONITOR}
    demo.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    demo.wait("callers are as usual", lambda: says("MixUsual", "True"), 90)
    demo.wait("predictions are as learned", lambda: says("Drifted", "False"), 30)
    assert says("QualityPassed", "True")
    yield good
    demo.kubectl("delete", f"dm/{NAME}", f"md/{NAME}", "-n", demo.NAMESPACE)
    demo.kubectl("delete", "pod", APP, PARTNER, "-n", demo.NAMESPACE, "--now", "--ignore-not-found")


@pytest.fixture(scope="module")
def bad(good: dict[str, str]) -> dict[str, str]:
    """Begin both: a caller whose requests are refused, and the rollout of what decays."""
    bad = publish_changed(good, opposite)
    apply(NAME, bad, **SPEC)
    options = ("--caller", PARTNER, "--as-text", WRONG)
    demo.send_traffic(PARTNER, ["01"], *options, model=NAME)
    return bad


def test_a_monitor_takes_a_rollout_back_whose_predictions_drifted(
    good: dict[str, str], bad: dict[str, str]
) -> None:
    demo.wait("it asks to go back", lambda: "rollback" in seen(), 90)
    asked = seen()["rollback"]
    demo.wait("it went back", lambda: seen()["rollback"].get("outcome") == "WentBack", 60)
    demo.wait("the good one serves", lambda: serves(NAME, good), 30)
    assert reason(NAME, "RolledOut") == "Decayed"
    (told,) = sentences(NAME, "RolledBack")
    assert f"DriftMonitor {NAME} asked for it: " in told and asked["message"] in told
    decisions = status(NAME)["rollout"]["decisions"]
    (back,) = (d for d in decisions if d["decision"] == "RolledBack")
    assert back["revision"] == asked["revision"]
    assert demo.revision(name=NAME)["name"] == asked["to"]
    assert demo.answers(APP)["failed"] == 0


def test_a_new_caller_whose_requests_are_refused_is_told(bad: dict[str, str]) -> None:
    demo.wait("the mix is unusual", lambda: says("MixUsual", "False"), 90)
    demo.wait("too much is refused", lambda: "are refused" in quality(), 60)
    mixes = {mix["kind"]: mix for mix in seen()["mix"]}
    assert {m["verdict"] for m in mixes.values()} == {"Changed"}
    assert {m["value"] for m in mixes["Callers"]["moved"]} == {APP, PARTNER}
    assert f", mostly {WRONG})" in mixes["Errors"]["message"]
    breaches = [(b["check"], b["feature"]) for b in seen()["quality"]]
    assert ("Refused", WRONG) in breaches
    sentence = rf"% of [\d,]+ requests are refused .*WrongType .*mostly for {WRONG}.*, 1% may"
    assert re.search(sentence, quality())
    assert demo.answers(PARTNER).keys() == {"failed"}


def test_what_went_back_is_as_learned_again(good: dict[str, str], bad: dict[str, str]) -> None:
    demo.wait("predictions are as learned", lambda: says("Drifted", "False"), 60)
    assert seen()["rollbacks"] == 1 and serves(NAME, good)
