"""A shop on a real cluster: rewards decide what is shown first, and what may take over.

``python -m shop.demo --values FILE`` replays the shop's invoices of 2011. What was learned competes
with what was popular, and takes over; a bad release is taken back by what it earns; then the
catalogue has moved on, and what was learned is learned anew. It is left running to explore.
"""

import argparse
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import obstore
import pandas as pd
import yaml
from obstore.store import S3Store

from flights.demo import install, kubectl, remove, run_script, say, store_settings, wait
from perennial_artifact.store import publish
from shop.diary import Counted, Diary
from shop.months import months, rows, to_learn
from shop.picture import picture
from shop.rankings import FEATURES, POPULARITY, RANDOM, SIGNATURE, Step, write_artifact

EXAMPLES = Path(__file__).resolve().parent
NAMESPACE = "shop"
TRAFFIC = "traffic"
"""The pod that asks as customers do."""
URL = f"http://shop.{NAMESPACE}/v2/models/shop"
API = "perennial.dev/v1alpha1"
WINTER, AUTUMN = ("2011-01", "2011-04"), ("2011-10", "2011-11")


def get(kind: str, name: str = "shop") -> dict[str, Any]:
    """Return an object."""
    found: dict[str, Any] = json.loads(kubectl("get", kind, name, "-n", NAMESPACE, "-o", "json"))
    return found


def status() -> dict[str, Any]:
    """Return the ModelDeployment's status."""
    found: dict[str, Any] = get("md").get("status", {})
    return found


def is_true(kind: str, wanted: str, value: str = "True") -> bool:
    """Tell whether a condition has a status."""
    conditions = get(kind).get("status", {}).get("conditions", [])
    return any(c["type"] == wanted and c["status"] == value for c in conditions)


def serves() -> str:
    """Return the version that is stable, '' where none is alone."""
    found = status().get("revisions", [])
    if any(r["role"] == "Canary" for r in found):
        return ""
    return next((str(r["version"]) for r in found if r["role"] == "Stable"), "")


def decisions() -> list[dict[str, Any]]:
    """Return what was decided of rollouts, with its numbers, the newest last."""
    found: list[dict[str, Any]] = status().get("rollout", {}).get("decisions", [])
    return found


def show(*kinds: str) -> None:
    """Print kubectl get."""
    print(kubectl("get", ",".join(kinds), "-n", NAMESPACE), end="", flush=True)


def apply(name: str) -> None:
    """Apply a manifest of this example."""
    kubectl("apply", "-f", str(EXAMPLES / f"{name}.yaml"))


def clear() -> None:
    """Remove what an earlier run has left."""
    remove(NAMESPACE, [("data", "shop")])


def put(tables: dict[str, pd.DataFrame]) -> None:
    """Upload tables into the store's bucket for data."""
    with store_settings() as settings:
        bucket = S3Store("data", config=settings, client_options={"allow_http": True})
        for name, found in tables.items():
            content = io.BytesIO()
            found.to_parquet(content, index=False)
            obstore.put(bucket, f"{name}.parquet", content.getvalue(), use_multipart=False)


def asked(table: pd.DataFrame) -> pd.DataFrame:
    """Return what customers' requests are made of."""
    return table[[*FEATURES, "bought"]]


def import_version(name: str, steps: Sequence[Step], origin: str) -> None:
    """Publish a ranking that nobody trained, and record it as a ModelVersion."""
    with store_settings() as settings, tempfile.TemporaryDirectory() as place:
        secret, directory = Path(place, "secret"), Path(place, "artifact")
        secret.mkdir()
        for key, value in settings.items():
            (secret / key).write_text(value)
        write_artifact(steps, directory)
        uri, digest, size = publish(directory, "s3://models", secret)
    spec = {
        "source": {"imported": {"origin": origin}},
        "artifact": {"uri": uri, "sha256": digest, "sizeBytes": size},
        "signature": json.loads(SIGNATURE.to_json()),
    }
    metadata = {"name": name, "namespace": NAMESPACE}
    body = {"apiVersion": API, "kind": "ModelVersion", "metadata": metadata, "spec": spec}
    kubectl("apply", "-f", "-", stdin=json.dumps(body))


def start_traffic(*parts: str) -> None:
    """Start the pod that replays parts of the year, and wait until it does."""
    arguments = [URL, *(f"s3://data/shop-live/{part}.parquet" for part in parts)]
    run_script(EXAMPLES / "traffic.py", TRAFFIC, arguments, NAMESPACE, TRAFFIC)
    wait("customers come", lambda: bool(counted()), 120)
    last = counted()[-1]
    if not last.versions:
        raise RuntimeError(f"no customer's request was answered: {last.why}")


def signal_traffic(number: str) -> None:
    """Send the traffic's program a signal, by its name."""
    program = f"import os, signal; os.kill(1, signal.{number})"
    kubectl("exec", TRAFFIC, "-n", NAMESPACE, "--", "python3", "-c", program)


def counted() -> list[Counted]:
    """Return what the traffic counted so far, second by second."""
    try:
        lines = kubectl("logs", TRAFFIC, "-n", NAMESPACE).splitlines()
    except RuntimeError:
        return []  # its container has not begun
    return [Counted.read(line) for line in lines if line.startswith("{")]


def end_traffic() -> list[Counted]:
    """End the traffic; return what it counted."""
    # Not deleted first: a deleted pod's last line could not be read.
    signal_traffic("SIGTERM")
    wait("no more customers", lambda: get("pod", TRAFFIC)["status"]["phase"] == "Succeeded", 30)
    found = counted()
    kubectl("delete", "pod", TRAFFIC, "-n", NAMESPACE, "--now")
    return found


def told_of(found: Counted, before: Counted | None = None) -> None:
    """Print what versions earned in a part of the year."""
    for version, (requests, rewards) in found.versions.items():
        old = before.versions.get(version, (0, 0)) if before is not None else (0, 0)
        asked, earned = requests - old[0], rewards - old[1]
        if asked:
            print(f"  {version}: {asked:,} requests, {earned / asked:.3f} of them sold")
    if found.failed:
        print(f"  {found.failed} requests failed; of the last one: {found.why}")


def looking(diary: Diary, reached: Callable[[], bool]) -> Callable[[], bool]:
    """Return a question that is asked of the cluster, with a look at the experiment before it."""

    def ask() -> bool:
        diary.look(status())
        return reached()

    return ask


def compete(diary: Diary) -> None:
    """Let what was learned compete with what is popular, until it has taken over."""
    say("What is popular serves; what was learned competes with it for rewards")
    has_begun = lambda: bool(status().get("experiment", {}).get("startTime"))  # noqa: E731
    wait("the traffic is divided", has_begun, 120)
    diary.note("an experiment begins")
    has_ended = lambda: "result" in status().get("experiment", {})  # noqa: E731
    wait("the experiment has ended", looking(diary, has_ended), 240)
    known = status()["experiment"]
    diary.note(f"{known.get('winner') or 'nobody'} wins")
    print(f"  {known['message']}")
    wait("the winner has taken over", looking(diary, lambda: serves() == "shop-1"), 180)
    diary.note("it takes over")
    # The same model, by its training from now on: nothing is rolled out.
    apply("deployment")
    wait("it follows its training", lambda: is_true("md", "Ready"), 30)
    show("md")


def ship_something_bad(diary: Diary) -> None:
    """Ship what fails no request and earns little; see it taken back."""
    say("Somebody ships what fails no request, and shows what nobody wants")
    manifest = yaml.safe_load((EXAMPLES / "deployment.yaml").read_text())
    manifest["spec"]["model"] = {"versionRef": {"name": "random"}}
    kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    diary.note("a bad release")
    outcome = lambda: get("mv", "random").get("status", {}).get("outcome", {})  # noqa: E731
    is_back = lambda: outcome().get("reason") == "RolledBack"  # noqa: E731
    wait("it was rolled back", looking(diary, is_back), 300)
    diary.note("rolled back")
    print(f"  {decisions()[-1]['message']}")
    apply("deployment")
    wait("shop-1 serves alone", lambda: serves() == "shop-1", 60)


def move_on(diary: Diary, directory: Path) -> None:
    """Let autumn come, as data and as traffic, until what is learned anew has taken over."""
    say("Autumn comes: of the hundred products in most invoices, four in ten are new")
    put({"shop/2011": to_learn(rows(directory, "2011-01", "2011-10"))})
    winter = counted()[-1]
    signal_traffic("SIGUSR1")
    diary.note("autumn")
    told_of(winter)
    wait("the drift was seen", looking(diary, lambda: is_true("dm", "Drifted")), 180)
    diary.note("drift is seen")
    show("dm")
    newest = lambda: get("mt")["status"]["champion"]["version"]  # noqa: E731
    wait("it learned anew", looking(diary, lambda: newest() == "shop-2"), 240)
    diary.note("learned anew")
    wait("the new version has taken over", looking(diary, lambda: serves() == "shop-2"), 300)
    diary.note("it takes over")
    show("mt", "mv", "md", "dm")
    diary.counted = end_traffic()
    told_of(diary.counted[-1], winter)


def begin(values: str, directory: Path) -> None:
    """Install the chart, learn from 2010, and bring what was there before."""
    say("Install Perennial with Helm")
    install("-f", values)
    clear()
    apply("namespace")

    say("Learn from the invoices of 2010 what a customer is about to buy")
    put({"shop/2010": to_learn(rows(directory, "2010-03", "2010-12"))})
    apply("training")
    # Meanwhile, what is popular is served; the experiment waits for what is learned.
    import_version("popularity", POPULARITY, "what most invoices of the last 30 days have")
    apply("experiment")
    live = {"winter": WINTER, "autumn": AUTUMN}
    put({f"shop-live/{name}": asked(rows(directory, *part)) for name, part in live.items()})
    import_version("random", RANDOM, "a release that somebody made by hand")
    wait("popularity answers", lambda: is_true("md", "Ready"), 120)
    start_traffic(*live)
    wait("a model was proven", lambda: is_true("mt", "Ready"), 180)
    show("mt", "mv")


def play(values: str) -> Diary:
    """Play the story on the cluster; return what happened."""
    directory, diary = months(), Diary()
    begin(values, directory)
    compete(diary)
    apply("monitor")
    wait("winter is like what was learned", lambda: is_true("dm", "Drifted", "False"), 90)
    ship_something_bad(diary)
    move_on(diary, directory)
    return diary


@contextmanager
def verdicts_beside() -> Iterator[subprocess.Popen[str]]:
    """Ask meanwhile, and whenever there is nothing else to do, what experiments say of pairs."""
    command = ["nice", "-n", "10", sys.executable, "-m", "shop.verdicts"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()  # nobody waits for it any more


def main() -> None:
    """Play the story, draw it, and show what experiments find of other pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--values", required=True, help="chart values that name the images")
    parser.add_argument("--picture", type=Path, help="an SVG file to write")
    chosen = parser.parse_args()
    # Told to end, it ends what it has started, as by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    months()  # made once, before anything else needs them
    began = time.monotonic()
    with verdicts_beside() as beside:
        diary = play(chosen.values)
        if chosen.picture is not None:
            chosen.picture.write_text(picture(diary))
        say(f"The story took {time.monotonic() - began:.0f} s")
        say("What the same decisions say of pairs, over a year whose every reward is known")
        print(beside.communicate()[0], end="")
    say("It is left running. Look around:")
    if chosen.picture is not None:
        print(f"  {chosen.picture}  # the story as a picture")
    print(f"  export KUBECONFIG={os.environ.get('KUBECONFIG', '')}")
    print(f"  kubectl get mt,mv,md,dm -n {NAMESPACE}")
    print(f"  kubectl get events -n {NAMESPACE} --sort-by=.metadata.creationTimestamp")
    print("  make cluster-down")


if __name__ == "__main__":
    main()
