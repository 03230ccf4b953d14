"""Build the images where Docker is absent: debootstrap for the base, buildah for the rest."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from localcluster import binaries
from localcluster.images import ROOT, Image

BASE = "localhost/perennial/base:bookworm"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
NOT_NEEDED = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man")
NOT_NEEDED += ("usr/share/locale",)


def _say(message: str) -> None:
    print(f"images: {message}", file=sys.stderr, flush=True)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def _base() -> None:
    """Make the base image from Debian's packages, once."""
    rootfs = binaries.cache() / "base" / "rootfs"
    if not (rootfs / "usr" / "bin" / "python3").exists():
        _say("making the base image from Debian's packages (about 75 s)")
        shutil.rmtree(rootfs, ignore_errors=True)
        rootfs.parent.mkdir(parents=True, exist_ok=True)
        partial = rootfs.with_suffix(".part")
        shutil.rmtree(partial, ignore_errors=True)
        include = "--include=python3,python3-venv,ca-certificates"
        _run("debootstrap", "--variant=minbase", include, "bookworm", str(partial))
        partial.rename(rootfs)
    present = subprocess.run(["buildah", "images", "-q", BASE], capture_output=True, text=True)
    if present.returncode == 0 and present.stdout.strip():
        return
    with tempfile.TemporaryDirectory() as context:
        flags = [f"--exclude=./{path}/*" for path in NOT_NEEDED]
        _run("tar", "-C", str(rootfs), *flags, "-cf", f"{context}/rootfs.tar", ".")
        recipe = str(ROOT / "images" / "base.Dockerfile")
        _run("buildah", "bud", "--isolation=chroot", "-t", BASE, "-f", recipe, context)


def _push(reference: str, target: Path) -> Path:
    """Write an image to an archive, whole or not at all."""
    partial = target.with_suffix(".part")
    partial.unlink(missing_ok=True)
    _run("buildah", "push", reference, f"docker-archive:{partial}:{reference}")
    partial.rename(target)
    return target


def _build(image: Image, directory: Path) -> Path:
    target = directory / f"{image.name}-{image.digest}.tar"
    if target.exists():
        return target
    _say(f"building perennial/{image.name}")
    _base()
    with image.context() as context:
        command = ["buildah", "bud", "--isolation=chroot", "--layers", *image.arguments(BASE)]
        if CERTIFICATES.exists():
            # Builds behind a private authority trust what the host trusts; the image keeps nothing.
            command += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
        _run(*command, str(context))
    for old in directory.glob(f"{image.name}-*.tar"):
        old.unlink()
    return _push(image.reference, target)


def archives(images: Sequence[Image]) -> list[Path]:
    """Return the archives of the images and of their base, building those whose inputs changed."""
    directory = binaries.cache() / "images"
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / "base-bookworm.tar"
    if not target.exists():
        _base()
        _push(BASE, target)
    return [target, *(_build(image, directory) for image in images)]
