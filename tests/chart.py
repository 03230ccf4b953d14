"""The chart, rendered by Helm."""

import functools
import json
import subprocess
from pathlib import Path
from typing import Any, cast

import yaml

from localcluster import binaries

CHART = Path(__file__).resolve().parents[1] / "charts" / "perennial"
RELEASE, NAMESPACE = "perennial", "perennial-system"


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(binaries.path("helm")), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def template(*settings: str) -> subprocess.CompletedProcess[str]:
    """Render the chart with values given as ``a.b=c``, or as JSON ``a.b:=[...]``."""
    return helm("template", RELEASE, str(CHART), "-n", NAMESPACE, *flags(*settings))


def flags(*settings: str) -> list[str]:
    """Return Helm's flags for values."""
    found = []
    for setting in settings:
        key, is_json, value = setting.partition(":=")
        found += ["--set-json", f"{key}={value}"] if is_json else ["--set", setting]
    return found


def render(*settings: str) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], json.loads(_rendered(*settings)))


@functools.cache
def _rendered(*settings: str) -> str:
    done = template(*settings)
    assert done.returncode == 0, done.stderr
    return json.dumps(parse(done.stdout))  # in a tenth of YAML's time it is read again


def parse(text: str) -> list[dict[str, Any]]:
    return [o for o in yaml.load_all(text, yaml.CSafeLoader) if o]


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the spec of every pod that the objects make, by kind and name."""
    found = {}
    for o in objects:
        spec = o.get("spec", {})
        pod = spec if o["kind"] == "Pod" else spec.get("template", {}).get("spec")
        if pod is not None and "containers" in pod:
            found[f"{o['kind']}/{o['metadata']['name']}"] = pod
    return found


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def environment(objects: list[dict[str, Any]]) -> dict[str, str]:
    """Return what the operator finds in its environment."""
    operator = pods(objects)[f"Deployment/{RELEASE}"]["containers"][0]
    return {e["name"]: e.get("value", "") for e in operator["env"]}


def select(objects: list[dict[str, Any]], kind: str, name: str = RELEASE) -> dict[str, Any] | None:
    found = (o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name)
    return next(found, None)
