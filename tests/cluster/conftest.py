"""The real cluster with the chart installed, and the loop gone round once."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from flights import demo
from localcluster import binaries
from localcluster.state import locate

ROOT = Path(__file__).resolve().parents[2]


def localcluster(verb: str) -> int:
    """Run a verb of the local cluster; return its exit code."""
    command = [sys.executable, "-m", "localcluster", verb]
    return subprocess.run(command, cwd=ROOT / "tests").returncode


@pytest.fixture(scope="session")
def cluster() -> Iterator[None]:
    """Bring the cluster up; one that was not up before ends with the session."""
    was_up = localcluster("status") == 0
    assert localcluster("up") == 0
    os.environ["KUBECONFIG"] = str(locate().kubeconfig)
    os.environ["KUBECTL"] = str(binaries.path("kubectl"))
    os.environ["HELM"] = str(binaries.path("helm"))
    yield
    if not was_up:
        assert localcluster("down") == 0


@pytest.fixture(scope="session")
def answers(cluster: None) -> Counter[str]:
    """Go round the loop once; return how many answers each version gave."""
    found = demo.loop(str(locate().values))
    # What drifts further while other tests run is not to change what they look at.
    patch = '{"spec": {"actions": {"retrain": null}}}'
    demo.kubectl("patch", "dm", "flights", "-n", demo.NAMESPACE, "--type=merge", "-p", patch)
    return found
