"""ModelDeployments by name: what is asked for, and what is seen of them."""

import json
import os
from collections import Counter
from typing import Any

from cluster.gateway.client import SCRIPT
from flights import demo


def apply(name: str, artifact: dict[str, str], **spec: Any) -> None:
    """Ask for an artifact; as people do: what is not in the spec any more is gone."""
    body = {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": demo.NAMESPACE},
        "spec": {"model": {"artifact": artifact}, **spec},
    }
    demo.kubectl("apply", "-f", "-", stdin=json.dumps(body))


def status(name: str) -> dict[str, Any]:
    """Return the status, empty before there is one."""
    found: dict[str, Any] = demo.get("md", name).get("status", {})
    return found


def reason(name: str, wanted: str) -> str:
    """Return a condition's reason, '' where it is not told."""
    found = status(name).get("conditions", [])
    return next((str(c["reason"]) for c in found if c["type"] == wanted), "")


def serves(name: str, artifact: dict[str, str]) -> bool:
    """Tell whether an artifact serves, with all pods, and nothing is on trial."""
    roles = {r["role"]: r for r in status(name).get("revisions", [])}
    stable = roles.get("Stable", {})
    is_it = stable.get("artifact", {}).get("sha256") == artifact["sha256"]
    is_whole = stable.get("readyReplicas", 0) == stable.get("replicas", 0) > 0
    return is_it and is_whole and "Canary" not in roles


def sentences(name: str, event: str) -> list[str]:
    """Return what Events of a reason say of this object, and of no earlier one of its name."""
    uid = demo.get("md", name)["metadata"]["uid"]
    found = json.loads(demo.kubectl("get", "events", "-n", demo.NAMESPACE, "-o", "json"))["items"]
    about = [e for e in found if e["involvedObject"]["uid"] == uid and e["reason"] == event]
    return [str(e["message"]) for e in about]


def request(name: str, verb: str) -> None:
    """Ask for a verb, as a person does."""
    asked = f"perennial.dev/request={verb}/{os.urandom(4).hex()}"
    demo.kubectl("annotate", "md", name, "-n", demo.NAMESPACE, "--overwrite", asked)


def ask(client: str, service: str, model: str, requests: int = 40) -> Counter[str]:
    """Ask a Service from a pod inside the cluster; return answers by version, and what failed."""
    url = f"http://{service}.{demo.NAMESPACE}/v2/models/{model}/infer"
    script = ("python3", "-c", SCRIPT.read_text(), url, service, "--requests", str(requests))
    told = json.loads(demo.kubectl("exec", client, "-n", demo.NAMESPACE, "--", *script))
    return Counter(told["answers"]) + Counter(told["failed"])


def pods(name: str, revision: str) -> list[str]:
    """Return the names of a revision's pods that are ready and are not about to end."""
    selector = f"perennial.dev/deployment={name},perennial.dev/revision={revision}"
    found = demo.kubectl("get", "pods", "-n", demo.NAMESPACE, "-l", selector, "-o", "json")
    return [
        pod["metadata"]["name"]
        for pod in json.loads(found)["items"]
        if "deletionTimestamp" not in pod["metadata"]
        and any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])
    ]
