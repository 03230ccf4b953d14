"""What users see of a rollout: ``python -m benchmarks.rollout`` (20 min).

On the running cluster, after ``make demo`` (and ``make gateway``):

- ten times a version that fails every fifth request gets half of 50 requests a second: how long
  from asking for it to its first request, and from the first that failed to the last it answered;
- a good version is promoted, and another one is taken back at half of the traffic, while requests
  are sent as fast as they are answered: how many were lost.
"""

import argparse
import json
import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bad_models import fails_every_fifth, publish_changed
from trial import NAME, apply, artifact_of, condition, pods

from cluster.gateway import client
from flights import demo
from localcluster import binaries, gateway
from localcluster.state import locate

TIMES = 10
PER_SECOND = 50
SECONDS = 60
REQUESTS = 100_000
LOAD = Path(__file__).with_name("rollout_load.py")
HALF = [{"setWeight": 50}, {"pause": {"duration": "1m"}}]
STEPS = [{"setWeight": 50}, {"pause": {"duration": "10s"}}]


@dataclass(frozen=True)
class Time:
    """What users saw of one bad canary."""

    first: float
    """Seconds from asking for the version to the first request that it had."""
    bad: float
    """Seconds from the first request that failed to the last that it answered."""
    failed: int
    answered: int


@dataclass(frozen=True)
class Way:
    """How requests are divided, and where they are sent."""

    traffic: dict[str, Any] | None
    url: str
    host: str

    def ask_for(self, artifact: dict[str, str], steps: list[dict[str, Any]] = HALF) -> None:
        """Ask for a version."""
        apply(artifact, replicas=2, latency="5s", steps=steps, traffic=self.traffic)


def ways() -> dict[str, Way]:
    """Return the providers of traffic by name."""
    host = client.host(NAME)
    parent = {"name": gateway.NAME, "namespace": gateway.NAMESPACE}
    through = {"gateway": {"parentRefs": [parent], "hostnames": [host]}}
    own = f"{NAME}.{demo.NAMESPACE}"
    return {
        "replicas": Way(None, f"http://{own}", own),
        "gateway": Way(through, gateway.URL, host),
    }


def once(way: Way, n: int) -> Time:
    """Roll a bad version out once."""
    bad = publish_changed(
        artifact_of("flights-1"), lambda content: fails_every_fifth(content, f"bad {n}")
    )
    asked = [f"{way.url}/v2/models/{NAME}/infer", way.host, str(PER_SECOND), str(SECONDS)]
    command = [os.environ["KUBECTL"], "exec", "-i", client.POD, "-n", demo.NAMESPACE, "--"]
    with subprocess.Popen(
        [*command, "python3", "-c", LOAD.read_text(), *asked], stdout=subprocess.PIPE, text=True
    ) as load:
        time.sleep(3)
        began = time.time()
        way.ask_for(bad)
        told, _ = load.communicate()
    reason = condition("RolledOut").get("reason")
    assert reason == "AnalysisFailed", f"it was not rolled back: {reason}"
    stable = str(demo.revision(name=NAME)["name"])
    answers = sorted(json.loads(line) for line in told.splitlines())
    failed = [at for at, found in answers if found == "failed"]
    theirs = [at for at, found in answers if found != stable]
    assert failed, "no request failed"
    return Time(min(theirs) - began, max(theirs) - min(failed), len(failed), len(answers))


def promote(way: Way, requests: int) -> client.Answers:
    """Roll a good version out under load, to the end of the pods of the one before."""
    stable = str(demo.revision(name=NAME)["name"])
    with _load(way, requests) as found:
        way.ask_for(artifact_of("flights-2"), STEPS)
        demo.wait("it was promoted", lambda: demo.revision(name=NAME)["name"] != stable, 180)
        demo.wait("the old one has no pods", lambda: not pods(stable), 180)
    return found


def take_back(way: Way, requests: int) -> client.Answers:
    """Take a good version back at half of the traffic, under load, to the end of its pods."""
    with _load(way, requests) as found:
        way.ask_for(artifact_of("flights-1"))
        demo.wait("it has traffic", lambda: "share" in demo.revision("Canary", NAME), 90)
        canary = str(demo.revision("Canary", NAME)["name"])
        time.sleep(5)
        abort = f"perennial.dev/request=abort/{time.time():.0f}"
        demo.kubectl("annotate", "md", NAME, "-n", demo.NAMESPACE, "--overwrite", abort)
        demo.wait("it has no pods", lambda: not pods(canary), 180)
    return found


@contextmanager
def _load(way: Way, requests: int) -> Iterator[client.Answers]:
    with client.load(NAME, requests=requests, address=(way.url, way.host)) as found:
        time.sleep(2)
        yield found


def tell_lost(what: str, found: client.Answers) -> None:
    """Print how many requests were lost."""
    total = found.by_version.total() + found.failed.total()
    rate = total / found.seconds
    print(f"{what}: {found.failed.total()} of {total} lost, {rate:.0f} a second", flush=True)
    for told, n in found.failed.most_common():
        print(f"    {n} × {told}", flush=True)


def main() -> None:
    """Print a line each, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traffic", choices=list(ways()), default="replicas")
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    chosen = parser.parse_args()
    way = ways()[chosen.traffic]
    os.environ["KUBECONFIG"] = str(locate().kubeconfig)
    os.environ["KUBECTL"] = str(binaries.path("kubectl"))
    way.ask_for(artifact_of("flights-1"))
    demo.wait("trial serves", lambda: condition("Ready").get("status") == "True", 90)
    client.start()
    found = []
    try:
        for n in range(chosen.times):
            found.append(once(way, n))
            told = found[-1]
            print(
                f"first request after {told.first:.1f} s; bad for {told.bad:.1f} s, "
                f"{told.failed} of {told.answered} failed",
                flush=True,
            )
            demo.wait("it is over", lambda: not demo.revision("Canary", NAME), 60)
        tell_lost("promotion", promote(way, chosen.requests))
        tell_lost("taken back", take_back(way, chosen.requests))
    finally:
        client.end()
        demo.kubectl("delete", "md", NAME, "-n", demo.NAMESPACE)
    if found:
        first, bad = (statistics.median(getattr(t, n) for t in found) for n in ("first", "bad"))
        print(f"{chosen.traffic}: median to the first request {first:.1f} s, bad for {bad:.1f} s")


if __name__ == "__main__":
    main()
