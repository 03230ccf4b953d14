"""Requests lost while versions come and go: ``python -m benchmarks.rollout_losses`` (10 min).

On the running cluster, after ``make demo``: while 100,000 requests are made as fast as eight
clients can, new versions, all of them good, are promoted and taken back in turn. Told: how many
requests were not answered by 200, and how many rollouts there were.
"""

import itertools
import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import onnx
from bad_models import publish_changed
from trial import NAME, apply, artifact_of, condition

from benchmarks.way import TRAFFIC, URL
from flights import demo
from localcluster import binaries
from localcluster.state import locate

REQUESTS, CLIENTS = 100_000, 8
LOAD = Path(__file__).with_name("steady_load.py")
STEPS = [{"setWeight": 50}, {"pause": {"duration": "3s"}}]
WAITING = [{"setWeight": 50}, {"pause": {}}]
TEXT = {"origin": "JFK", "carrier": "AA"}
NUMBERS = ("hour", "distance", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")


def body() -> str:
    """Return a request of one row."""
    values = {**TEXT, **dict.fromkeys(NUMBERS, 1.0)}
    inputs = [
        {"name": n, "shape": [1, 1], "data": [v], "datatype": "BYTES" if n in TEXT else "FP32"}
        for n, v in values.items()
    ]
    return json.dumps({"inputs": inputs})


def another(number: int) -> dict[str, str]:
    """Publish a version that answers as the good one does."""

    def changed(content: bytes) -> bytes:
        model = onnx.load_from_string(content)
        model.doc_string = f"another {number}"
        return bytes(model.SerializeToString())

    return publish_changed(artifact_of("flights-1"), changed)


def promoted(artifact: dict[str, str], goes_on: Callable[[], bool]) -> bool:
    """Let a version take over; tell whether it did while it was asked for."""
    apply(artifact, replicas=2, latency="5s", traffic=TRAFFIC, steps=STEPS)
    return _reached(lambda: _serves(artifact), goes_on)


def taken_back(artifact: dict[str, str], goes_on: Callable[[], bool]) -> bool:
    """Give a version half of the requests, and take them back; tell whether it was in time."""
    apply(artifact, replicas=2, latency="5s", traffic=TRAFFIC, steps=WAITING)
    if not _reached(lambda: condition("Paused").get("status") == "True", goes_on):
        return False
    request = f"perennial.dev/request=abort/{time.time_ns()}"
    demo.kubectl("annotate", "md", NAME, "-n", demo.NAMESPACE, "--overwrite", request)
    return _reached(lambda: not demo.revision("Canary", NAME), goes_on)


def _serves(artifact: dict[str, str]) -> bool:
    stable = demo.revision(name=NAME)
    is_over = not demo.revision("Canary", NAME)
    return is_over and stable.get("artifact", {}).get("sha256") == artifact["sha256"]


def _reached(so: Callable[[], bool], goes_on: Callable[[], bool]) -> bool:
    while not so():
        if not goes_on():
            return False
        time.sleep(0.5)
    return True


def main() -> None:
    """Print what was asked, what was lost, and what happened meanwhile."""
    os.environ["KUBECONFIG"] = str(locate().kubeconfig)
    os.environ["KUBECTL"] = str(binaries.path("kubectl"))
    apply(artifact_of("flights-1"), replicas=2, latency="5s", traffic=TRAFFIC)
    demo.wait("trial serves", lambda: condition("Ready").get("status") == "True", 90)
    demo.send_traffic("load", ["01"], "--per-second", "0.1", model=NAME)
    command = [os.environ["KUBECTL"], "exec", "-i", "load", "-n", demo.NAMESPACE, "--", "python3"]
    asked = [URL, body(), str(REQUESTS), str(CLIENTS)]
    done: Counter[str] = Counter()
    try:
        with subprocess.Popen(
            [*command, "-c", LOAD.read_text(), *asked], stdout=subprocess.PIPE, text=True
        ) as load:
            ways = itertools.cycle({"promotions": promoted, "rollbacks": taken_back}.items())
            for number, (what, way) in enumerate(ways):
                if not way(another(number), lambda: load.poll() is None):
                    break
                done[what] += 1
                print(f"{what}: {done[what]}", flush=True)
            told, _ = load.communicate()
    finally:
        demo.kubectl("delete", "pod", "load", "-n", demo.NAMESPACE, "--now")
        demo.kubectl("delete", "md", NAME, "-n", demo.NAMESPACE)
    found = json.loads(told)
    answered, lost = sum(found["answers"].values()), found["lost"]
    print(
        f"{answered} of {REQUESTS} answered in {found['seconds']} s by {len(found['answers'])} "
        f"versions, through {done['promotions']} promotions and {done['rollbacks']} rollbacks; "
        f"{sum(lost.values())} lost {lost or ''}"
    )


if __name__ == "__main__":
    main()
