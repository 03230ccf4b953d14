"""Logged requests and the labels that came later are what the next run learns from."""

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flights import demo, traffic

NAME = "logged"
PREFIX = f"logs/{demo.NAMESPACE}/{NAME}/"
ROWS = 60
# Known at departure, and allowed to be kept; the other inputs must not leave the pod.
PRIVATE = "carrier"


def manifest(kind: str, name: str, spec: dict[str, Any]) -> str:
    metadata = {"name": name, "namespace": demo.NAMESPACE}
    body = {"apiVersion": "perennial.dev/v1alpha1", "kind": kind}
    return json.dumps({**body, "metadata": metadata, "spec": spec})


@contextlib.contextmanager
def forwarded(target: str, port: int, model: str) -> Iterator[str]:
    command = [os.environ["KUBECTL"], "port-forward", "-n", demo.NAMESPACE, target, f":{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forward:
        assert forward.stdout is not None
        try:
            address = forward.stdout.readline().removeprefix("Forwarding from ").split(" ")[0]
            yield f"http://{address}/v2/models/{model}"
        finally:
            forward.terminate()


def post(url: str, content: bytes) -> dict[str, Any]:
    with urllib.request.urlopen(urllib.request.Request(url, data=content), timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def condition(kind: str, name: str, wanted: str) -> str:
    found = demo.get(kind, name).get("status", {}).get("conditions", [])
    return next((str(c["status"]) for c in found if c["type"] == wanted), "")


@pytest.fixture
def bucket(answers: Counter[str]) -> Iterator[Any]:
    """Give the store's bucket, without what an earlier run has logged."""
    with demo.store_settings() as settings:
        found = demo.S3Store("models", config=settings, client_options={"allow_http": True})
        for path in logged(found):
            demo.obstore.delete(found, path)
        yield found


def logged(bucket: Any) -> list[str]:
    return [item["path"] for item in demo.obstore.list(bucket, PREFIX).collect()]


def report_is_made_of_the_log(place: Path) -> None:
    """A monitor's Job reads it, the operator judges what it counted, and people get its page."""
    late = {"name": "right", "accuracy": {"minimum": 0.05}}
    performance = {"from": "Log", "window": "3m", "maturity": "1s", "metrics": [late]}
    asked = {"every": "2m", "deadline": "2m"}  # the first comes within a quarter of it
    spec = {"deploymentRef": {"name": NAME}, "interval": "5s"}
    spec |= {"report": asked, "performance": performance}
    demo.kubectl("apply", "-f", "-", stdin=manifest("DriftMonitor", NAME, spec))
    demo.wait("it is reported", lambda: condition("dm", NAME, "Reported") == "True", 120)
    demo.wait("it is judged", lambda: condition("dm", NAME, "PerformanceKept") == "True", 30)
    (right,) = demo.get("dm", NAME)["status"]["performance"]["metrics"]
    assert right["rows"] == ROWS and right["verdict"] == "Kept"
    page = place / "report.html"
    command = [sys.executable, "-m", "perennial.cli", "report", NAME, "-n", demo.NAMESPACE]
    subprocess.run([*command, "-o", str(page)], check=True, timeout=30)
    assert "<svg" in page.read_text() and f"{ROWS} " in page.read_text()
    demo.kubectl("delete", "dm", NAME, "-n", demo.NAMESPACE)


def test_feedback_is_learned_from_and_private_columns_stay(bucket: Any, tmp_path: Path) -> None:
    artifact = demo.get("mv", "flights-1")["spec"]["artifact"]
    features = [c for c in (*traffic.TEXT, *traffic.NUMBERS) if c != PRIVATE]
    model = {"artifact": {"uri": artifact["uri"], "sha256": artifact["sha256"]}}
    spec = {"model": model, "replicas": 1, "serving": {"requestLog": {"features": features}}}
    demo.kubectl("apply", "-f", "-", stdin=manifest("ModelDeployment", NAME, spec))
    demo.wait("it serves", lambda: condition("md", NAME, "Ready") == "True", 90)

    rows = pd.read_parquet(demo.months() / "2013-02.parquet").sample(ROWS, random_state=1)
    with forwarded(f"svc/{NAME}", 80, NAME) as url:
        for n in range(ROWS):
            body = {**json.loads(traffic.body(rows[n : n + 1])), "id": f"flight-{n}"}
            assert post(f"{url}/infer", json.dumps(body).encode())["id"] == f"flight-{n}"
        labels = [{"id": f"flight-{n}", "label": int(v)} for n, v in enumerate(rows["late"])]
        assert post(f"{url}/feedback", json.dumps(labels).encode()) == {"accepted": ROWS}

    # The pod's end takes what is logged to the store.
    selector = f"perennial.dev/deployment={NAME}"
    demo.kubectl("delete", "pod", "-n", demo.NAMESPACE, "-l", selector, "--timeout=90s")
    paths = logged(bucket)
    assert {p.removeprefix(PREFIX).split("/")[0] for p in paths} == {"requests", "feedback"}
    kept = b"".join(bytes(demo.obstore.get(bucket, p).bytes()) for p in paths)
    assert f"input.{PRIVATE}".encode() not in kept and b"input.origin" in kept

    report_is_made_of_the_log(tmp_path)

    training = demo.get("mt")["spec"]
    dataset = {**training["dataset"], "features": features}
    dataset["feedback"] = {"deploymentRef": {"name": NAME}}
    linear = {"name": "linear", "algorithm": "LogisticRegression"}
    wanted = {"task": training["task"], "dataset": dataset, "candidates": [linear]}
    wanted |= {"objective": training["objective"]}
    demo.kubectl("apply", "-f", "-", stdin=manifest("ModelTraining", NAME, wanted))
    demo.wait("it learned", lambda: condition("mt", NAME, "Ready") == "True", 120)
    learned = demo.get("mv", f"{NAME}-1")["spec"]["dataset"]
    assert learned["feedbackRows"] == ROWS
    demo.kubectl("delete", f"mt/{NAME}", f"md/{NAME}", f"mv/{NAME}-1", "-n", demo.NAMESPACE)
