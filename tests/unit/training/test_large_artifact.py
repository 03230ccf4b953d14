"""A model larger than one part of an upload, on the S3 server that the chart installs."""

import contextlib
import hashlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from localcluster import binaries
from localcluster.apiserver import free_ports
from perennial_artifact.manifest import MODEL, File, Manifest, Signature
from perennial_artifact.store import ArtifactError, fetch, publish

SIZE = 24 * 1024 * 1024


@contextlib.contextmanager
def s3_server(place: Path) -> Iterator[Path]:
    """Run versitygw as the chart does; give a directory with the settings of a Secret."""
    (place / "buckets" / "models").mkdir(parents=True)
    (port,) = free_ports(1)
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret-of-a-test"}
    environment = {
        **os.environ,
        "ROOT_ACCESS_KEY": keys["AWS_ACCESS_KEY_ID"],
        "ROOT_SECRET_KEY": keys["AWS_SECRET_ACCESS_KEY"],
    }
    command = [str(binaries.path("versitygw")), "--port", f"127.0.0.1:{port}"]
    command += ["posix", "--nometa", str(place / "buckets")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    secret = place / "secret"
    secret.mkdir()
    for name, value in {**keys, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}.items():
        (secret / name).write_text(value)
    try:
        yield secret
    finally:
        process.terminate()
        process.wait(20)


def test_a_large_model_is_published_and_fetched(tmp_path: Path) -> None:
    directory = tmp_path / "artifact"
    directory.mkdir()
    content = os.urandom(SIZE)
    (directory / MODEL).write_bytes(content)
    (directory / "manifest.json").write_bytes(_manifest(content))
    with s3_server(tmp_path) as secret:
        deadline = time.monotonic() + 30
        while True:
            try:
                uri, digest, size = publish(directory, "s3://models", secret)
                break
            except ArtifactError:  # it is still starting
                assert time.monotonic() < deadline
        assert size > SIZE
        fetch(uri, digest, tmp_path / "fetched", secret)
    assert (tmp_path / "fetched" / MODEL).read_bytes() == content


def _manifest(content: bytes) -> bytes:
    file = File(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    signature = Signature(inputs=[], outputs=[])
    manifest = Manifest(task="Regression", signature=signature, files={MODEL: file})
    return bytes(manifest.to_json())
