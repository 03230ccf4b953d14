"""A rollout under load, in the midst of which the operator is killed, loses no request."""

from collections import Counter
from collections.abc import Iterator

import pytest
from trial import NAME, answered, apply, artifact_of, condition

from flights import demo


@pytest.fixture
def stable(alone: None, answers: Counter[str]) -> Iterator[str]:
    """Serve a good version; return its revision."""
    apply(artifact_of("flights-1"))
    demo.wait("trial serves", lambda: condition("Ready").get("status") == "True", 60)
    yield str(demo.revision(name=NAME)["name"])
    demo.kubectl("delete", "pod", "steady", "-n", demo.NAMESPACE, "--now", "--ignore-not-found")
    demo.kubectl("delete", "md", NAME, "-n", demo.NAMESPACE)


def test_a_rollout_under_load_loses_no_request_though_the_operator_is_killed(stable: str) -> None:
    demo.send_traffic("steady", ["02"], model=NAME)
    demo.wait("traffic flows", lambda: demo.answers("steady").total() > 0, 60)
    apply(artifact_of("flights-2"), kept="5s")
    demo.wait("the canary answers", lambda: "share" in demo.revision("Canary", NAME), 60)
    operator = "app.kubernetes.io/component=operator"
    kill = ["delete", "pod", "-n", demo.SYSTEM, "-l", operator, "--force", "--grace-period=0"]
    demo.kubectl(*kill)
    promoted = "it was promoted by the next operator"
    demo.wait(promoted, lambda: demo.revision(name=NAME)["name"] != stable, 120)
    old = f"{NAME}-{stable}"
    demo.wait(
        "the old one has no pods", lambda: demo.get("deploy", old)["spec"]["replicas"] == 0, 90
    )
    demo.kubectl(
        *("annotate", "md", NAME, "-n", demo.NAMESPACE, "--overwrite"),
        "perennial.dev/request=undo/1",
    )
    undone = "the old one serves again"
    demo.wait(undone, lambda: demo.revision(name=NAME)["name"] == stable, 60)
    assert condition("Stalled")["reason"] == "Undone"
    demo.wait("it answers", lambda: answered(stable)["200"] > 0, 60)
    found = demo.end_traffic("steady")
    assert found["failed"] == 0 and len(found) == 2 and found.total() > 100
