"""Envoy Gateway on the local cluster, and one Gateway that takes routes of every namespace.

Chart and kinds are those inside the pinned modules. The controller is built of its module and Envoy
is the binary that its makers publish; where Docker is, both are upstream's images.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from localcluster import binaries
from localcluster.cluster import kubectl, say
from localcluster.images import GatewayImages
from localcluster.state import State, locate

NAMESPACE = "envoy-gateway-system"
NAME = "public"
"""Of the Gateway, and of the Service in front of its proxy."""
URL = f"http://{NAME}.{NAMESPACE}"
"""Where a client inside the cluster finds the Gateway."""
CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"
LOST = (
    "%START_TIME% %REQ(:AUTHORITY)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% "
    "%UPSTREAM_HOST%\n"
)
"""What the proxy's log says of a request that had no answer, or an error; of others nothing."""


def install(images: GatewayImages) -> None:
    """Install or upgrade all of it on the cluster that is up; wait until the proxy serves."""
    state = locate()
    chart = binaries.source("envoy-gateway") / "charts" / "gateway-helm"
    _kinds(state, binaries.source("gateway-api") / "config" / "crd" / "standard")
    _kinds(state, chart / "charts" / "crds" / "crds" / "generated")
    _helm(state, chart, images)
    _apply(state, _objects(images))
    ready = ("--for=condition=Programmed", f"gateway/{NAME}", "-n", NAMESPACE, "--timeout=180s")
    kubectl(state, "wait", *ready)
    say(f"the Gateway {NAMESPACE}/{NAME} is programmed; in the cluster it is {URL}")


def _kinds(state: State, directory: Path) -> None:
    """Apply a directory of CRDs, and wait until they are served."""
    found = kubectl(state, "apply", "--server-side", "--force-conflicts", "-f", str(directory))
    names = [line.split()[0] for line in found.splitlines()]
    kinds = [name for name in names if name.startswith("customresourcedefinition")]
    get = ("get", *kinds, "-o", "json")
    deadline = time.monotonic() + 60
    # Not by kubectl wait, which fails where a kind is so new that it has no condition at all.
    while not all(map(_is_served, json.loads(kubectl(state, *get))["items"])):
        if time.monotonic() > deadline:
            sys.exit(f"the API server does not serve the kinds of {directory}")
        time.sleep(0.2)


def _is_served(kind: dict[str, Any]) -> bool:
    found = {c["type"]: c["status"] for c in kind.get("status", {}).get("conditions") or []}
    return found.get("Established") == "True"


def _helm(state: State, chart: Path, images: GatewayImages) -> None:
    controller = {"image": images.controller, "pullPolicy": "IfNotPresent"}
    values = {
        "global": {"images": {"envoyGateway": controller}},  # its shutdown manager has it, too
        "crds": {"enabled": False},
        "topologyInjector": {"enabled": False},
    }
    file = state.directory / "gateway.json"
    file.write_text(json.dumps(values))
    # The module's chart has a template of values only, whose variables the second file replaces.
    given = ["-f", str(chart / "values.tmpl.yaml"), "-f", str(file)]
    command = [str(binaries.path("helm")), "upgrade", "--install", "envoy-gateway", str(chart)]
    command += ["-n", NAMESPACE, "--create-namespace", "--wait", "--timeout", "180s", *given]
    environment = {**os.environ, "KUBECONFIG": str(state.kubeconfig)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"Envoy Gateway's chart cannot be installed: {done.stderr.strip()}")


def _apply(state: State, objects: list[dict[str, Any]]) -> None:
    body = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    kubectl(state, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=body)


def _objects(images: GatewayImages) -> list[dict[str, Any]]:
    """Return how a proxy is run, the class of Gateways that run so, and one Gateway."""
    metadata = {"name": NAME, "namespace": NAMESPACE}
    standard, own = "gateway.networking.k8s.io/v1", "gateway.envoyproxy.io"
    lost = {
        "matches": ["response.code >= 500 || response.code == 0"],
        "format": {"type": "Text", "text": LOST},
        "sinks": [{"type": "File", "file": {"path": "/dev/stdout"}}],
    }
    proxy = {
        "provider": {
            "type": "Kubernetes",
            "kubernetes": {
                # Here: a class' own EnvoyProxy replaces the one of the chart's values.
                "envoyDeployment": {"container": {"image": images.proxy}},
                "envoyService": {"name": NAME, "type": "ClusterIP"},
            },
        },
        "telemetry": {"accessLog": {"settings": [lost]}},
    }
    reference = {"group": own, "kind": "EnvoyProxy", "name": NAME, "namespace": NAMESPACE}
    listener = {
        "name": "http",
        "protocol": "HTTP",
        "port": 80,
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    return [
        {
            "apiVersion": f"{own}/v1alpha1",
            "kind": "EnvoyProxy",
            "metadata": metadata,
            "spec": proxy,
        },
        {
            "apiVersion": standard,
            "kind": "GatewayClass",
            "metadata": {"name": "envoy"},
            "spec": {"controllerName": CONTROLLER, "parametersRef": reference},
        },
        {
            "apiVersion": standard,
            "kind": "Gateway",
            "metadata": metadata,
            "spec": {"gatewayClassName": "envoy", "listeners": [listener]},
        },
    ]
