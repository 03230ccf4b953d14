"""The same cluster by kind, where Docker's daemon answers."""

import json
import os
import shutil
import subprocess
import sys

from localcluster import binaries, images
from localcluster.images import ROOT
from localcluster.state import State, locate

CONFIG = ROOT / "kind-config.yaml"


def is_present() -> bool:
    """Tell whether Docker can be used: its daemon answers, not only its command is there."""
    if not shutil.which("docker"):
        return False
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, timeout=20)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _name(state: State) -> str:
    return f"perennial-{state.id}"


def _kind(state: State, *arguments: str) -> None:
    # From the checkout's top: kind takes the mounts' paths as relative to where it runs.
    environment = {**os.environ, "KIND_EXPERIMENTAL_PROVIDER": "docker"}
    command = [str(binaries.path("kind")), *arguments, "--name", _name(state)]
    if subprocess.run(command, cwd=ROOT, env=environment).returncode:
        sys.exit(f"kind {' '.join(arguments[:2])} failed: see above")


def _is_up(state: State) -> bool:
    command = [str(binaries.path("kind")), "get", "clusters"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return _name(state) in found


def up() -> None:
    """Bring the cluster up; does nothing where it is up."""
    state = locate()
    state.directory.mkdir(parents=True, exist_ok=True)
    if not _is_up(state):
        kubeconfig = ["--kubeconfig", str(state.kubeconfig)]
        _kind(state, "create", "cluster", "--config", str(CONFIG), "--wait", "180s", *kubeconfig)
    load()
    print(f"kind: the cluster is up; KUBECONFIG={state.kubeconfig}", file=sys.stderr)


def load() -> None:
    """Build the images with Docker and load those that the node does not have yet."""
    state, wanted = locate(), images.wanted()
    listed = ["docker", "exec", f"{_name(state)}-control-plane", "crictl", "images", "-o", "json"]
    found = json.loads(subprocess.run(listed, capture_output=True, check=True).stdout)
    present = {tag for image in found["images"] for tag in image["repoTags"]}
    for image in wanted:
        if image.reference in present:
            continue
        with image.context() as context:
            command = ["docker", "build", "-q", *image.arguments(""), str(context)]
            if subprocess.run(command).returncode:
                sys.exit(f"docker build of {image.reference} failed: see above")
        _kind(state, "load", "docker-image", image.reference)
    state.values.write_text(images.values(wanted))


def gateway_images() -> images.GatewayImages:
    """Return upstream's images of Envoy Gateway, which the node pulls by itself."""
    return images.UPSTREAM


def down() -> None:
    """Delete the cluster."""
    state = locate()
    _kind(state, "delete", "cluster", "--kubeconfig", str(state.kubeconfig))
    shutil.rmtree(state.directory, ignore_errors=True)


def status() -> int:
    """Print how the cluster is; return 1 where it is down."""
    state = locate()
    if not _is_up(state):
        print("kind: the cluster is down; bring it up with: make cluster-up", file=sys.stderr)
        return 1
    command = [str(binaries.path("kubectl")), "--kubeconfig", str(state.kubeconfig)]
    return subprocess.run([*command, "get", "nodes,pods", "-A", "-o", "wide"]).returncode


def audit_log(state: State) -> str:
    """Return the API server's audit log."""
    command = ["docker", "exec", f"{_name(state)}-control-plane"]
    command += ["cat", "/var/log/kubernetes/audit.log"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
