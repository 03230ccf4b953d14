"""Build the images where Docker is absent: mmdebstrap for the base, buildah for the rest."""

import fcntl
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from localcluster import binaries
from localcluster.images import IMAGES, Image, pause

BASE = "localhost/perennial/debian:bookworm"
KEPT = 3
"""Archives of an image, those used last: other checkouts have others."""
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def _say(message: str) -> None:
    print(f"images: {message}", file=sys.stderr, flush=True)


def _run(*command: str) -> None:
    for _ in range(3):
        done = subprocess.run(command, capture_output=True, text=True)
        # Seen now and then: buildah copies itself before it starts, and the kernel was not ready.
        if "sealing memfd" not in done.stderr:
            break
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def _base() -> None:
    """Make the base image from Debian's packages, once."""
    present = subprocess.run(["buildah", "images", "-q", BASE], capture_output=True, text=True)
    if present.returncode == 0 and present.stdout.strip():
        return
    _say("making the base image from Debian's packages (about 30 s)")
    with tempfile.TemporaryDirectory() as context:
        # Wheels expect the C++ library of the system.
        packages = "--include=python3-venv,ca-certificates,libstdc++6"
        target = f"{context}/debian.tar"
        _run("mmdebstrap", "--quiet", "--variant=essential", packages, "bookworm", target)
        recipe = str(IMAGES / "base.Dockerfile")
        _run("buildah", "bud", "--isolation=chroot", "-t", BASE, "-f", recipe, context)


def _push(reference: str, target: Path) -> Path:
    """Write an image to an archive, whole or not at all."""
    partial = target.with_suffix(".part")
    partial.unlink(missing_ok=True)
    _run("buildah", "push", reference, f"docker-archive:{partial}:{reference}")
    partial.rename(target)
    return target


def _build(image: Image, directory: Path) -> Path:
    """Return an image's archive; of two that want it at once, one builds it."""
    target = directory / f"{image.name}-{image.digest}.tar"
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            target.touch()  # used last
            return target
        return _built(image, target)


def _built(image: Image, target: Path) -> Path:
    _say(f"building perennial/{image.name}")
    if image.has_base:
        _base()
    with image.context() as context:
        command = ["buildah", "bud", "--isolation=chroot", "--layers", *image.arguments(BASE)]
        if CERTIFICATES.exists():
            # Builds behind a private authority trust what the host trusts; the image keeps nothing.
            command += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
        _run(*command, str(context))
    known = sorted(target.parent.glob(f"{image.name}-{16 * '?'}.tar"), key=_last_used)
    for old in known[: -KEPT + 1]:
        old.unlink()
    return _push(image.reference, target)


def _last_used(archive: Path) -> float:
    return archive.stat().st_mtime


def archives(images: Sequence[Image]) -> list[Path]:
    """Return the archives of the images and of the pause image, building those that changed."""
    directory = binaries.cache() / "images"
    directory.mkdir(parents=True, exist_ok=True)
    return [_build(image, directory) for image in (pause(), *images)]
