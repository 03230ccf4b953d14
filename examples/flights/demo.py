"""The whole loop on a real cluster: train, prove, serve, watch, retrain on drift, roll out.

``python -m flights.demo`` installs the chart and leaves everything running to explore.
"""

import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import obstore
import pandas as pd
from obstore.store import S3Store

from flights import data
from flights.traffic import replay

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "flights"
NAMESPACE = "flights"
SYSTEM = "perennial-system"


def say(text: str) -> None:
    """Tell what happens, in the words of the domain."""
    print(f"\n\033[1m▸ {text}\033[0m" if sys.stdout.isatty() else f"\n> {text}", flush=True)


def run(*command: str, stdin: str | None = None) -> str:
    """Run a command and return what it prints.

    Raises:
        RuntimeError: it failed.
    """
    done = subprocess.run(command, capture_output=True, text=True, input=stdin)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:5])}: {done.stderr.strip()}")
    return done.stdout


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """Run kubectl, or the one that KUBECTL names."""
    return run(os.environ.get("KUBECTL", "kubectl"), *arguments, stdin=stdin)


def show(*kinds: str) -> None:
    """Print kubectl get."""
    print(kubectl("get", ",".join(kinds), "-n", NAMESPACE), end="", flush=True)


def get(kind: str, name: str = "flights") -> dict[str, Any]:
    """Return an object."""
    found: dict[str, Any] = json.loads(kubectl("get", kind, name, "-n", NAMESPACE, "-o", "json"))
    return found


def wait(what: str, reached: Callable[[], bool], seconds: float) -> None:
    """Wait until a state is reached.

    Raises:
        TimeoutError: it was not, in time.
    """
    began = time.monotonic()
    while not reached():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(1)
    print(f"  {what} ({time.monotonic() - began:.0f} s)", flush=True)


def condition(kind: str, wanted: str) -> str:
    """Return a condition's status."""
    found = get(kind).get("status", {}).get("conditions", [])
    return next((str(c["status"]) for c in found if c["type"] == wanted), "")


def install() -> None:
    """Install or upgrade the chart."""
    chart = ROOT / "charts" / "perennial"
    values = str(chart / "local-values.yaml")
    helm = os.environ.get("HELM", "helm")
    command = [helm, "upgrade", "--install", "perennial", str(chart), "-n", SYSTEM]
    run(*command, "--create-namespace", "-f", values, "--wait", "--timeout", "120s")


def store() -> S3Store:
    """Open the embedded store's data bucket."""
    secret = json.loads(kubectl("get", "secret", "perennial-store", "-n", SYSTEM, "-o", "json"))
    service = json.loads(kubectl("get", "svc", "perennial-store", "-n", SYSTEM, "-o", "json"))
    settings = {k: base64.b64decode(v).decode() for k, v in secret["data"].items()}
    settings["AWS_ENDPOINT_URL"] = f"http://{service['spec']['clusterIP']}:7070"
    return S3Store("data", config=settings, client_options={"allow_http": True})


def upload(months: list[str], directory: Path) -> None:
    """Upload months of flights."""
    bucket = store()
    for month in months:
        name = f"2013-{month}.parquet"
        obstore.put(bucket, f"flights/{name}", (directory / name).read_bytes())


def url() -> str:
    """Return where the model answers."""
    service = json.loads(kubectl("get", "svc", "flights", "-n", NAMESPACE, "-o", "json"))
    return f"http://{service['spec']['clusterIP']}/v2/models/flights/infer"


def months() -> Path:
    """Return the directory with the months, made once."""
    cache = Path(os.environ.get("PERENNIAL_CACHE", Path.home() / ".cache" / "perennial"))
    directory = cache / "flights"
    if not (directory / "2013-12.parquet").exists():
        cache.mkdir(parents=True, exist_ok=True)
        data.write(data.flights(data.download(cache)), directory)
    return directory


def loop() -> Counter[str]:
    """Go once round the loop; return what the live traffic's answers were."""
    began = time.monotonic()
    directory = months()
    say("Install Perennial with Helm")
    install()
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    namespace["metadata"] |= {  # type: ignore[operator]
        "labels": {"pod-security.kubernetes.io/enforce": "restricted"}
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(namespace))

    say("Train on the winter: January and February 2013")
    upload(["01", "02"], directory)
    kubectl("apply", "-f", str(EXAMPLES / "training.yaml"))
    wait("a champion was proven", lambda: condition("mt", "Ready") == "True", 120)
    show("mt", "mv")

    say("Serve it, and watch its traffic")
    kubectl("apply", "-f", str(EXAMPLES / "deployment.yaml"))
    wait("the model answers", lambda: condition("md", "Ready") == "True", 60)
    first = get("md")["status"]["stable"]["version"]
    winter = pd.concat([pd.read_parquet(directory / f"2013-{m}.parquet") for m in ("01", "02")])
    answers = replay(winter, url(), requests=60, rows_each=10, per_second=20)
    kubectl("apply", "-f", str(EXAMPLES / "monitor.yaml"))
    wait("winter is like winter", lambda: condition("dm", "Drifted") == "False", 30)
    show("md", "dm")

    say("Summer comes: July's flights arrive, as data and as traffic")
    upload(["07"], directory)
    summer = pd.read_parquet(directory / "2013-07.parquet")
    stop = threading.Event()

    def live() -> None:
        while not stop.is_set():
            answers.update(replay(summer, url(), requests=20, rows_each=10, per_second=20))

    traffic = threading.Thread(target=live, daemon=True)
    traffic.start()
    try:
        wait("the drift was seen", lambda: condition("dm", "Drifted") == "True", 60)
        show("dm")
        wait("it retrained", lambda: get("mt")["status"]["champion"]["version"] != first, 90)
        show("mt", "mv")
        say("The new version takes over by a canary, under live traffic")
        wait("the canary takes traffic", lambda: bool(get("md")["status"].get("weight")), 60)
        show("md")
        wait(
            "it was promoted",
            lambda: get("md")["status"]["stable"]["version"] != first,
            120,
        )
    finally:
        stop.set()
        traffic.join(30)
    show("mt", "mv", "md", "dm")
    say(f"The loop closed in {time.monotonic() - began:.0f} s; answers by version: {dict(answers)}")
    return answers


def main() -> None:
    """Go round the loop and say where to look next."""
    loop()
    say("It is left running. Look around:")
    print(f"  export KUBECONFIG={os.environ.get('KUBECONFIG', '')}")
    print("  kubectl get mt,mv,md,dm -n flights")
    print("  kubectl get events -n flights --sort-by=.metadata.creationTimestamp")
    print("  kubectl explain modeldeployment.spec.rollout")
    print("  make cluster-down")


if __name__ == "__main__":
    main()
