"""A client inside the cluster that asks models through the Gateway."""

import contextlib
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flights import demo
from localcluster import gateway

POD = "gateway-client"
USER = "x-user-id"
SCRIPT = Path(__file__).with_name("many_requests.py")


@dataclass
class Answers:
    """What requests were answered."""

    by_version: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    """Requests without an answer of 200, by what was told."""
    users: dict[str, list[str]] = field(default_factory=dict)
    """The versions that each user met."""
    seconds: float = 0.0

    def share(self, version: str) -> float:
        """Return how many percent of the answers a version gave."""
        return 100 * self.by_version[version] / self.by_version.total()


def start() -> None:
    """Start the client's pod, and wait for it."""
    operator = demo.kubectl("get", "deploy", "perennial", "-n", demo.SYSTEM, "-o", "json")
    container = json.loads(operator)["spec"]["template"]["spec"]["containers"][0]
    settings = {e["name"]: e.get("value", "") for e in container["env"]}
    idle = "import signal; signal.sigwait([signal.SIGTERM])"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD, "namespace": demo.NAMESPACE},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "client",
                    "image": settings["PERENNIAL_TRAINER_IMAGE"],
                    "command": ["python3", "-c", idle],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }
    demo.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    ready = ("--for=condition=Ready", f"pod/{POD}", "-n", demo.NAMESPACE, "--timeout=60s")
    demo.kubectl("wait", *ready)


def end() -> None:
    """Remove the client's pod."""
    demo.kubectl("delete", "pod", POD, "-n", demo.NAMESPACE, "--now", "--ignore-not-found")


def host(model: str) -> str:
    """Return the name by which a model is asked for at the Gateway."""
    return f"{model}.example"


@contextlib.contextmanager
def load(model: str, *options: str, requests: int = 0) -> Iterator[Answers]:
    """Ask a model through the Gateway while the block runs, and at least so often.

    What is yielded is filled at the block's end.

    Args:
        model: a ModelDeployment of the client's namespace.
        options: more of the script's.
        requests: at least so many.
    """
    script = [SCRIPT.read_text(), f"{gateway.URL}/v2/models/{model}/infer", host(model)]
    command = [os.environ.get("KUBECTL", "kubectl"), "exec", "-i", POD, "-n", demo.NAMESPACE, "--"]
    command += ["python3", "-c", *script, "--requests", str(requests), *options]
    found = Answers()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield found
        finally:
            # A line, for containerd may lose an end of input that comes before the process runs.
            printed, _ = process.communicate("end\n")
    told = json.loads(printed)
    found.by_version, found.failed = Counter(told["answers"]), Counter(told["failed"])
    found.users, found.seconds = told["users"], told["seconds"]


def ask(model: str, requests: int, *options: str) -> Answers:
    """Ask a model so often."""
    with load(model, *options, requests=requests) as found:
        pass
    return found
