"""How long a bad canary is in front of users: ``python -m benchmarks.rollout`` (10 min).

On the running cluster, after ``make demo``: ten times a version that fails every fifth request gets
half of 50 requests a second. Told for each: seconds from its being asked for to the first request
that it answered, from the first request that failed to the last that it answered, and how many
failed.
"""

import json
import os
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bad_models import fails_every_fifth, publish_changed
from trial import NAME, apply, artifact_of, condition

from benchmarks.way import TRAFFIC, URL
from flights import demo
from localcluster import binaries
from localcluster.state import locate

TIMES = 10
PER_SECOND = 50
SECONDS = 60
LOAD = Path(__file__).with_name("rollout_load.py")


@dataclass(frozen=True)
class Time:
    """What users saw of one bad canary."""

    first: float
    """Seconds from the version's being asked for to its first request."""
    seconds: float
    """Seconds from the first request that failed to the last that it answered."""
    failed: int
    answered: int


def once(n: int) -> Time:
    """Roll a bad version out once."""
    bad = publish_changed(
        artifact_of("flights-1"), lambda content: fails_every_fifth(content, f"bad {n}")
    )
    asked = [URL, str(PER_SECOND), str(SECONDS)]
    command = [os.environ["KUBECTL"], "exec", "-i", "load", "-n", demo.NAMESPACE, "--"]
    with subprocess.Popen(
        [*command, "python3", "-c", LOAD.read_text(), *asked], stdout=subprocess.PIPE, text=True
    ) as load:
        time.sleep(3)
        asked_for = time.time()
        apply(
            bad,
            replicas=2,
            latency="5s",
            traffic=TRAFFIC,
            steps=[{"setWeight": 50}, {"pause": {"duration": "1m"}}],
        )
        told, _ = load.communicate()
    reason = condition("RolledOut").get("reason")
    assert reason == "AnalysisFailed", f"it was not rolled back: {reason}"
    stable = str(demo.revision(name=NAME)["name"])
    answers = sorted(json.loads(line) for line in told.splitlines())
    failed = [at for at, found in answers if found == "failed"]
    theirs = [at for at, found in answers if found != stable]
    assert failed, "no request failed"
    first, last = min(theirs) - asked_for, max(theirs) - min(failed)
    return Time(first, last, len(failed), len(answers))


def main() -> None:
    """Print a line each, and the median."""
    os.environ["KUBECONFIG"] = str(locate().kubeconfig)
    os.environ["KUBECTL"] = str(binaries.path("kubectl"))
    apply(artifact_of("flights-1"), replicas=2, latency="5s", traffic=TRAFFIC)
    demo.wait("trial serves", lambda: condition("Ready").get("status") == "True", 90)
    demo.send_traffic("load", ["01"], "--per-second", "0.1", model=NAME)
    found = []
    try:
        for n in range(TIMES):
            found.append(once(n))
            told = found[-1]
            failed = f"{told.failed} of {told.answered} failed"
            print(f"{told.first:5.1f} s, {told.seconds:5.1f} s, {failed}", flush=True)
            demo.wait("it is over", lambda: not demo.revision("Canary", NAME), 60)
    finally:
        demo.kubectl("delete", "pod", "load", "-n", demo.NAMESPACE, "--now")
        demo.kubectl("delete", "md", NAME, "-n", demo.NAMESPACE)
    first = statistics.median(t.first for t in found)
    last = statistics.median(t.seconds for t in found)
    print(f"median {first:.1f} s to its first request, {last:.1f} s from an error to none")


if __name__ == "__main__":
    main()
