"""The S3 server that the chart installs, with rows to learn from."""

import contextlib
import csv
import hashlib
import json
import os
import random
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localcluster import binaries
from localcluster.apiserver import free_ports

ROWS, SEED = 400, 17
COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Store:
    """A store whose buckets are directories."""

    buckets: Path
    settings: dict[str, str]
    """What a Secret says that opens it."""

    def digests(self) -> list[str]:
        """Return the artifacts that were published."""
        return sorted(path.name for path in (self.buckets / "models" / "sha256").iterdir())

    def artifact(self, digest: str) -> Path:
        """Return the directory of an artifact."""
        return self.buckets / "models" / "sha256" / digest

    def publish(self, files: dict[str, bytes]) -> str:
        """Publish an artifact with all its files but the manifest's digests; return its digest."""
        manifest = json.loads(files["manifest.json"])
        for name in manifest["files"]:
            digest = hashlib.sha256(files[name]).hexdigest()
            manifest["files"][name] = {"sha256": digest, "size": len(files[name])}
        text = json.dumps(manifest).encode()
        digest = hashlib.sha256(text).hexdigest()
        directory = self.artifact(digest)
        directory.mkdir(parents=True)
        for name, content in {**files, "manifest.json": text}.items():
            (directory / name).write_bytes(content)
        return digest


@contextlib.contextmanager
def serving(place: Path) -> Iterator[Store]:
    """Run a store with a file of rows in it."""
    buckets = place / "buckets"
    (buckets / "models").mkdir(parents=True)
    (buckets / "data").mkdir()
    _write_rows(buckets / "data" / "orders.csv")
    (port,) = free_ports(1)
    settings = {
        "AWS_ACCESS_KEY_ID": secrets.token_hex(8),
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }
    keys = {
        "ROOT_ACCESS_KEY": settings["AWS_ACCESS_KEY_ID"],
        "ROOT_SECRET_KEY": settings["AWS_SECRET_ACCESS_KEY"],
    }
    command = [str(binaries.path("versitygw")), "--port", f"127.0.0.1:{port}"]
    command += ["posix", "--nometa", str(buckets)]
    process = subprocess.Popen(
        command, env={**os.environ, **keys}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while not _listens(port):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.1)
        yield Store(buckets, settings)
    finally:
        process.terminate()
        process.wait(20)


def rows() -> list[dict[str, str | float]]:
    """Return orders, of which most large ones are late."""
    draw = random.Random(SEED)
    found: list[dict[str, str | float]] = []
    for n in range(ROWS):
        amount = round(draw.gauss(0, 1), 3)
        found.append(
            {
                "amount": amount,
                "weight": round(draw.uniform(1, 9), 2),
                "colour": draw.choice(COLOURS) if n % 9 else "",
                "late": int(amount + draw.gauss(0, 0.3) > 0),
            }
        )
    return found


def _write_rows(file: Path) -> None:
    made = rows()
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(made[0]))
        writer.writeheader()
        writer.writerows(made)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False
