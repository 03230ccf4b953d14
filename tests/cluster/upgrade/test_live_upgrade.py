"""From a base's operator and images to today's on a real node, under load: nobody restarts."""

import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flights import demo
from localcluster.state import locate
from upgrade.base import Base, bases

ROOT = Path(__file__).resolve().parents[3]
LOAD = ("--per-second", "50", "--rows", "1")
LONG_SECONDS = 40
"""In which today's operator has looked at everything, and its Lease was renewed many times."""


@pytest.fixture(params=bases(), ids=lambda base: base.place.name)
def chart(request: pytest.FixtureRequest, cluster: None, tmp_path: Path) -> Iterator[Path]:
    """Install a base, as its own commit made it, where nothing of another version is left."""
    base: Base = request.param
    commit = base.json("base.json")["commit"]
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(tmp_path, filter="data")
    begin_anew()
    install(tmp_path)
    demo.kubectl("apply", "-f", str(demo.EXAMPLES / "namespace.yaml"))
    demo.upload(["01", "02"], demo.months())
    yield tmp_path
    begin_anew()
    install(ROOT)


def begin_anew() -> None:
    """Remove the release, and our kinds with all objects."""
    demo.kubectl("delete", "namespace", demo.NAMESPACE, "--ignore-not-found", "--wait=true")
    helm = os.environ["HELM"]
    demo.run(helm, "uninstall", "perennial", "-n", demo.SYSTEM, "--ignore-not-found", "--wait")
    found = demo.kubectl("get", "crd", "-o", "name").split()
    if ours := [name for name in found if name.endswith(".perennial.dev")]:
        demo.kubectl("delete", *ours, "--wait=true")


def install(checkout: Path) -> None:
    """Build a checkout's images into our cluster, and install or upgrade to its chart."""
    paths = {"PYTHONPATH": str(checkout / "tests"), "PERENNIAL_CLUSTER": str(locate().directory)}
    command = [sys.executable, "-m", "localcluster", "load"]
    subprocess.run(command, cwd=checkout, env={**os.environ, **paths}, check=True)
    helm = [os.environ["HELM"], "upgrade", "--install", "perennial"]
    values = ("-f", str(locate().values), "-n", demo.SYSTEM, "--create-namespace")
    demo.run(*helm, str(checkout / "charts" / "perennial"), *values, "--wait", "--timeout", "180s")


def serving() -> dict[str, str]:
    """Return the uids of the pods that serve, by name."""
    selected = ("-l", "perennial.dev/deployment=flights", "-o", "json")
    found = json.loads(demo.kubectl("get", "pods", "-n", demo.NAMESPACE, *selected))["items"]
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in found}


def test_an_upgrade_under_load_restarts_nobody_and_the_next_canary_is_judged(chart: Path) -> None:
    demo.kubectl("apply", "-f", str(demo.EXAMPLES / "training.yaml"))
    demo.wait("a champion was proven", lambda: demo.condition("mt", "Ready") == "True", 120)
    demo.kubectl("apply", "-f", str(demo.EXAMPLES / "deployment.yaml"))
    demo.wait("the model answers", lambda: demo.condition("md", "Ready") == "True", 60)
    demo.wait("with all pods", lambda: demo.revision()["readyReplicas"] == 2, 60)
    demo.kubectl("apply", "-f", str(demo.EXAMPLES / "monitor.yaml"))
    demo.send_traffic("load", ["01", "02"], *LOAD)  # as trained: else it drifts, and is retrained
    demo.wait("load flows", lambda: demo.answers("load").total() > 0, 60)
    before, first = serving(), demo.revision()["name"]

    install(ROOT)
    time.sleep(LONG_SECONDS)
    assert serving() == before and demo.revision()["name"] == first
    checked = demo.get("dm")["status"]["checkedTime"]
    demo.wait("it is watched", lambda: demo.get("dm")["status"]["checkedTime"] > checked, 60)

    # Today's server on trial beside the base's, which is judged by what both have counted.
    request = f"perennial.dev/request=refresh/{time.time():.0f}"
    demo.kubectl("annotate", "md", "flights", "-n", demo.NAMESPACE, "--overwrite", request)
    demo.wait("the refreshed one serves", lambda: demo.revision()["name"] != first, 180)
    demo.wait("it is whole", lambda: demo.condition("md", "Ready") == "True", 90)
    assert demo.get("md")["status"]["servingImageOutdated"] is False
    found = demo.end_traffic("load")
    assert found["failed"] == 0 and found.total() > 0, found
