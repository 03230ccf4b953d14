"""A bad version is rolled back, and stable does not lose a request over it."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest
from bad_models import VISITS, Change, broken, demanding, failing, publish_changed, slow
from trial import NAME, answered, apply, artifact_of, condition

from flights import demo


@pytest.fixture(scope="module")
def stable(answers: Counter[str]) -> Iterator[str]:
    """Serve a good version under traffic; return its revision."""
    # With a budget, which the next version that is asked for goes without.
    apply(artifact_of("flights-1"), budget={"maxUnavailable": 1})
    demo.wait("trial serves", lambda: condition("Ready").get("status") == "True", 60)
    assert demo.get("pdb", NAME)["spec"]["maxUnavailable"] == 1
    demo.send_traffic("trial-traffic", ["01"], model=NAME)
    revision = demo.revision(name=NAME)["name"]
    demo.wait("traffic flows", lambda: answered(revision)["200"] > 0, 60)
    yield revision
    demo.kubectl("delete", "pod", "trial-traffic", "-n", demo.NAMESPACE, "--now")
    demo.kubectl("delete", "md", NAME, "-n", demo.NAMESPACE)


@pytest.mark.parametrize(
    ("change", "reason", "words", "numbers"),
    [
        (failing, "AnalysisFailed", "failed, 1% may; the limit is broken", "against 1% allowed"),
        (slow, "AnalysisFailed", "p90 may be 5 ms", "share slower than 5ms 100% against 10%"),
        (broken, "ModelInvalid", "ONNX", "model.onnx cannot be loaded"),
    ],
)
def test_a_bad_version_is_rolled_back_and_stable_loses_nothing(
    stable: str, change: Change, reason: str, words: str, numbers: str
) -> None:
    bad = publish_changed(artifact_of("flights-1"), change)
    apply(bad, latency="5ms" if change is slow else "500ms")

    def rolled_back() -> bool:
        found = condition("RolledOut")
        return found.get("reason") == reason and words in found["message"]

    demo.wait("it was rolled back", rolled_back, 90)
    assert demo.revision(name=NAME)["name"] == stable
    assert condition("Available")["status"] == "True"
    assert condition("Stalled")["reason"] == reason
    codes = answered(stable)
    assert codes["200"] > 0 and not [code for code in codes if code >= "500" and codes[code]]
    events = demo.kubectl("get", "events", "-n", demo.NAMESPACE, "-o", "json")
    told = [e for e in json.loads(events)["items"] if e["reason"] == "RolledBack"]
    assert any(numbers in e["message"] for e in told)


def test_a_version_that_needs_another_column_has_no_traffic_before_somebody_accepts_it(
    stable: str,
) -> None:
    apply(publish_changed(artifact_of("flights-1"), demanding, (VISITS,)))
    paused = "it waits for a person"
    demo.wait(paused, lambda: condition("Paused").get("reason") == "SignatureChanged", 90)
    assert "input 'visits' is new and required" in condition("Paused")["message"]
    canary = demo.revision("Canary", NAME)["name"]
    assert not answered(canary).total() and demo.revision(name=NAME)["name"] == stable
    demo.kubectl(
        *("annotate", "md", NAME, "-n", demo.NAMESPACE, "--overwrite"),
        "perennial.dev/request=promote/visits",
    )
    # It has traffic now, of clients that are not ready for it.
    refused = "it refuses what stable takes, and goes back"
    demo.wait(refused, lambda: condition("RolledOut").get("reason") == "AnalysisFailed", 90)
    assert demo.revision(name=NAME)["name"] == stable
    events = json.loads(demo.kubectl("get", "events", "-n", demo.NAMESPACE, "-o", "json"))["items"]
    assert any(e["reason"] == "SignatureAccepted" for e in events)
