"""Build the images where Docker is absent: debootstrap for the base, buildah for the rest.

An image is built only when one of its inputs changed; archives are kept in the cache.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from localcluster import binaries

ROOT = Path(__file__).resolve().parents[2]
PARTS = {
    "operator": ("operator/perennial", "artifact/perennial_artifact"),
    "trainer": ("training/perennial_training", "artifact/perennial_artifact"),
    "serving": ("serving/perennial_serving", "artifact/perennial_artifact"),
}
BASE = "localhost/perennial/base:bookworm"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def _say(message: str) -> None:
    print(f"images: {message}", file=sys.stderr, flush=True)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def directory() -> Path:
    """Return where image archives are kept."""
    return binaries.cache() / "images"


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for top in paths for p in ([top] if top.is_file() else top.rglob("*"))):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def base() -> None:
    """Make the base image from Debian's packages, once."""
    rootfs = binaries.cache() / "base" / "rootfs"
    if not (rootfs / "usr" / "bin" / "python3").exists():
        _say("making the base image from Debian's packages (about 75 s)")
        shutil.rmtree(rootfs, ignore_errors=True)
        rootfs.parent.mkdir(parents=True, exist_ok=True)
        include = "--include=python3,python3-venv,ca-certificates"
        _run("debootstrap", "--variant=minbase", include, "bookworm", str(rootfs))
    present = subprocess.run(["buildah", "images", "-q", BASE], capture_output=True, text=True)
    if present.returncode == 0 and present.stdout.strip():
        return
    with tempfile.TemporaryDirectory() as context:
        excluded = ["var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man"]
        flags = [f"--exclude=./{path}/*" for path in excluded]
        _run("tar", "-C", str(rootfs), *flags, "-cf", f"{context}/rootfs.tar", ".")
        recipe = str(ROOT / "images" / "base.Dockerfile")
        _run("buildah", "bud", "--isolation=chroot", "-t", BASE, "-f", recipe, context)


def _archive(name: str, context: Path, recipe: str, digest: str, **arguments: str) -> Path:
    target = directory() / f"{name}-{digest}.tar"
    if target.exists():
        return target
    _say(f"building perennial/{name}")
    base()
    directory().mkdir(parents=True, exist_ok=True)
    tag = f"docker.io/perennial/{name}:dev"
    command = ["buildah", "bud", "--isolation=chroot", "--layers", "-t", tag]
    command += ["--build-arg", f"BASE_IMAGE={BASE}"]
    for key, value in arguments.items():
        command += ["--build-arg", f"{key}={value}"]
    if CERTIFICATES.exists():
        # Builds behind a private authority trust what the host trusts; the image keeps nothing.
        command += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
    _run(*command, "-f", str(ROOT / "images" / recipe), str(context))
    partial = target.with_suffix(".part")
    partial.unlink(missing_ok=True)
    _run("buildah", "push", tag, f"docker-archive:{partial}:{tag}")
    for old in directory().glob(f"{name}-*.tar"):
        old.unlink()
    partial.rename(target)
    return target


def _base_archive() -> Path:
    target = directory() / "base-bookworm.tar"
    if not target.exists():
        base()
        directory().mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".part")
        partial.unlink(missing_ok=True)
        _run("buildah", "push", BASE, f"docker-archive:{partial}:{BASE}")
        partial.rename(target)
    return target


def build() -> list[Path]:
    """Return the archives of all images, building those whose inputs changed."""
    archives = [_base_archive()]
    for name, packages in PARTS.items():
        requirements = ROOT / "images" / "requirements" / f"{name}.txt"
        inputs = [ROOT / p for p in packages]
        shared = [requirements, ROOT / "images" / "bin", ROOT / "images" / "python.Dockerfile"]
        with tempfile.TemporaryDirectory() as place:
            context = Path(place)
            for package in inputs:
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(package, context / "app" / package.name, ignore=ignored)
            shutil.copytree(ROOT / "images" / "bin", context / "bin")
            (context / "requirements").mkdir()
            shutil.copy(requirements, context / "requirements")
            digest = _digest([*inputs, *shared])
            archives.append(_archive(name, context, "python.Dockerfile", digest, PART=name))
    with tempfile.TemporaryDirectory() as place:
        shutil.copy(binaries.path("versitygw"), f"{place}/versitygw")
        digest = _digest([ROOT / "images" / "versitygw.Dockerfile"]) + binaries.VERSITYGW
        archives.append(_archive("versitygw", Path(place), "versitygw.Dockerfile", digest))
    return archives


if __name__ == "__main__":
    binaries.ensure()
    for archive in build():
        print(archive)
