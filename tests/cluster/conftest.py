"""The real cluster with the chart installed, and the loop gone round once.

Most of these tests wait. So several processes run them, a lane each, on one cluster: whoever is
first brings it up and goes round the loop, and whoever is last ends it. What touches the operator
itself asks for ``alone``, and comes last.
"""

import fcntl
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from flights import demo
from localcluster import binaries
from localcluster.state import locate

ROOT = Path(__file__).resolve().parents[2]
ALONE = (
    "test_allowed_urls.py",
    "test_kept_connections.py",
    "test_operator_killed.py",
    "test_chart.py",
    "test_zz_audit.py",
)
LANES = (
    ("test_fraud.py", "test_alerts.py"),
    ("test_shop.py", "test_cleanup.py", "test_shown_first.py"),
    ("test_strategies.py", "test_claims.py"),
    ("test_bad_versions.py", "test_decay.py", "test_feedback.py", "test_loop.py"),
    ALONE,
)
"""Files one after another, the longest lane first."""
PLACES = {file: (n, m) for n, lane in enumerate(LANES) for m, file in enumerate(lane)}
NOWHERE = (len(LANES), 0)


class Lanes(LoadFileScheduling):
    """Gives each lane to one process."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.split("::")[0])
        lane, _ = PLACES.get(file.name, NOWHERE)
        return f"lane {lane}" if (lane, 0) != NOWHERE else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes:
    """Run lanes side by side."""
    return Lanes(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests of a lane; what is in none comes first."""
    ours = [item for item in items if item.path.parent == Path(__file__).parent]
    if strays := {item.path.name for item in ours} - PLACES.keys():
        raise pytest.UsageError(f"{', '.join(sorted(strays))} must be in a lane of LANES")
    others = [item for item in items if item not in ours]
    items[:] = others + sorted(ours, key=lambda item: PLACES[item.path.name])


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Give a directory of all processes of this run, and of no other run."""
    mine = tmp_path_factory.getbasetemp()
    return mine if worker_id == "master" else mine.parent


@contextmanager
def held(file: Path) -> Iterator[TextIO]:
    """Hold a lock until the end of the block."""
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def localcluster(verb: str) -> int:
    """Run a verb of the local cluster; return its exit code."""
    command = [sys.executable, "-m", "localcluster", verb]
    return subprocess.run(command, cwd=ROOT / "tests").returncode


@pytest.fixture(scope="session")
def cluster(run: Path) -> Iterator[TextIO]:
    """Bring the cluster up; the last to need one that was not up before ends it.

    What is given is a lock that all who have tests on it share.
    """
    ours = run / "cluster-is-ours"
    with (run / "needed").open("w") as needed, (run / "turn").open("w") as turn:
        with held(run / "begin"):
            if localcluster("status"):
                ours.touch()
            assert localcluster("up") == 0
            fcntl.flock(needed, fcntl.LOCK_SH)
            fcntl.flock(turn, fcntl.LOCK_SH)
        os.environ["KUBECONFIG"] = str(locate().kubeconfig)
        os.environ["KUBECTL"] = str(binaries.path("kubectl"))
        os.environ["HELM"] = str(binaries.path("helm"))
        yield turn
        fcntl.flock(turn, fcntl.LOCK_UN)
        # Not by the same lock: who waits to be alone has let go of that one.
        with suppress(BlockingIOError):
            fcntl.flock(needed, fcntl.LOCK_EX | fcntl.LOCK_NB)
            assert not ours.exists() or localcluster("down") == 0


@pytest.fixture(scope="session")
def alone(cluster: TextIO) -> None:
    """Wait until no other process has tests on the cluster."""
    fcntl.flock(cluster, fcntl.LOCK_EX)


@pytest.fixture(scope="session")
def values(cluster: TextIO, run: Path) -> str:
    """Give values for the chart that suit all lanes: who installs last changes nothing."""
    found = json.loads(locate().values.read_text())
    found["serving"]["requestLog"] = {"shipSeconds": 2}
    file = run / "values.json"
    with held(run / "begin"):
        file.write_text(json.dumps(found))
    return str(file)


@pytest.fixture(scope="session")
def answers(cluster: TextIO, run: Path, values: str) -> Counter[str]:
    """Go round the loop, once in a run; return how many answers each version gave."""
    told = run / "answers.json"
    with held(run / "loop"):
        if not told.exists():
            found = demo.loop(values)
            # What drifts further while other tests run is not to change what they look at.
            patch = '{"spec": {"actions": {"retrain": null}}}'
            demo.kubectl(
                "patch", "dm", "flights", "-n", demo.NAMESPACE, "--type=merge", "-p", patch
            )
            told.write_text(json.dumps(found))
    return Counter(json.loads(told.read_text()))
