"""Install, upgrade, test and uninstall the chart as a platform team does."""

import json
import os
from collections import Counter
from typing import Any

import pytest

from flights import demo
from localcluster.state import locate

pytestmark = pytest.mark.usefixtures("alone")


def helm(*arguments: str) -> str:
    return demo.run(os.environ["HELM"], *arguments, "-n", demo.SYSTEM)


def lease() -> dict[str, Any]:
    found = demo.kubectl("get", "lease", "perennial", "-n", demo.SYSTEM, "-o", "json")
    spec: dict[str, Any] = json.loads(found)["spec"]
    return spec


def test_helm_test_passes(answers: Counter[str]) -> None:
    assert "Succeeded" in helm("test", "perennial", "--timeout", "60s")


def test_another_replica_takes_the_lease_over(answers: Counter[str]) -> None:
    values = ("-f", str(locate().values))
    demo.install(*values, "--set", "operator.replicas=2")
    first = lease()["holderIdentity"]
    demo.kubectl("delete", "pod", first, "-n", demo.SYSTEM, "--wait=false")
    demo.wait("another one leads", lambda: lease()["holderIdentity"] not in (first, ""), 60)
    demo.install(*values)


def served() -> dict[str, Any]:
    """Return the pods that serve, by name, with what they were made of and how often they began."""
    selector = "perennial.dev/deployment=flights"
    found = demo.kubectl("get", "pods", "-n", demo.NAMESPACE, "-l", selector, "-o", "json")
    return {
        p["metadata"]["uid"]: [c["restartCount"] for c in p["status"]["containerStatuses"]]
        for p in json.loads(found)["items"]
        if "deletionTimestamp" not in p["metadata"]
    }


def records() -> list[str]:
    found = ("get", "controllerrevisions", "-n", demo.NAMESPACE, "-o", "name")
    return sorted(demo.kubectl(*found, "-l", "perennial.dev/deployment=flights").split())


def test_an_upgrade_of_the_chart_restarts_no_model(answers: Counter[str]) -> None:
    """With all that it makes of new pods changed: the image, how it is pulled, and with what."""
    values = ("-f", str(locate().values))
    before, known = served(), records()
    name = f"flights-{demo.revision()['name']}"
    made = demo.get("deploy", name)["metadata"]["generation"]
    demo.send_traffic("upgraded", ["07"])
    demo.wait("traffic flows", lambda: demo.answers("upgraded").total() > 0, 60)
    changed = ("serving.image.tag=next", "serving.image.pullPolicy=Always")
    secret = ("--set-json", 'global.imagePullSecrets=[{"name": "registry"}]')
    holder = lease()["holderIdentity"]
    demo.install(*values, *(f for c in changed for f in ("--set", c)), *secret)
    demo.wait("the new operator leads", lambda: lease()["holderIdentity"] not in (holder, ""), 60)
    outdated = "it has looked"
    demo.wait(outdated, lambda: bool(demo.get("md")["status"].get("servingImageOutdated")), 60)
    assert served() == before and records() == known
    assert demo.get("deploy", name)["metadata"]["generation"] == made
    demo.install(*values)
    found = demo.end_traffic("upgraded")
    assert found["failed"] == 0


def test_uninstalled_models_go_on_serving_and_a_new_release_takes_them_over(
    answers: Counter[str],
) -> None:
    demo.send_traffic("unattended", ["07"])
    demo.wait("traffic flows", lambda: demo.answers("unattended").total() > 0, 60)
    kept = demo.get("md")["metadata"]["uid"]
    helm("uninstall", "perennial", "--wait", "--timeout", "60s")
    before = demo.answers("unattended").total()
    demo.wait(
        "models answer without us", lambda: demo.answers("unattended").total() > before + 40, 30
    )
    demo.install("-f", str(locate().values))
    demo.wait("it is looked after again", lambda: demo.condition("md", "Ready") == "True", 60)
    assert demo.get("md")["metadata"]["uid"] == kept
    found = demo.end_traffic("unattended")
    assert found["failed"] == 0 and set(found) == {"flights-2"}
