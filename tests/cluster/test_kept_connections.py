"""A client that keeps its connection comes to the new version, and loses no request on the way."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest
from trial import NAME, apply, artifact_of, condition

from flights import demo

CLIENT, OTHERS = "kept", "others"


@pytest.fixture
def stable(alone: None, answers: Counter[str]) -> Iterator[str]:
    """Serve a good version to a client with one connection, and others; return its revision."""
    apply(artifact_of("flights-1"), kept="10m")
    demo.wait("trial serves", lambda: condition("Ready").get("status") == "True", 60)
    demo.send_traffic(CLIENT, ["01"], "--keep", "--rows", "1", model=NAME)
    demo.send_traffic(OTHERS, ["01"], model=NAME)  # by which the canary is judged
    demo.wait("it is answered", lambda: demo.answers(CLIENT).total() > 0, 60)
    yield str(demo.revision(name=NAME)["name"])
    demo.kubectl(
        "delete", "pod", CLIENT, OTHERS, "-n", demo.NAMESPACE, "--now", "--ignore-not-found"
    )
    demo.kubectl("delete", "md", NAME, "-n", demo.NAMESPACE)


def test_a_kept_connection_does_not_stay_with_pods_that_are_kept(stable: str) -> None:
    apply(artifact_of("flights-2"), kept="10m")
    demo.wait("it was promoted", lambda: demo.revision(name=NAME)["name"] != stable, 120)
    demo.wait("the client has moved", lambda: _has_moved(stable), 60)
    assert demo.get("deploy", f"{NAME}-{stable}")["spec"]["replicas"] == 1
    assert demo.end_traffic(CLIENT)["failed"] == 0


def _has_moved(old: str) -> bool:
    """Tell whether others than the old revision answer now, and only they."""
    before = demo.answers(CLIENT)
    time.sleep(3)
    after = demo.answers(CLIENT)
    return after[old] == before[old] and after.total() > before.total()
