"""Containers of the images as they are shipped, run by buildah, without a cluster."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from localcluster import buildah, images, prerequisites


@dataclass(frozen=True)
class Container:
    """A container of one part's image, and where its files are."""

    part: str
    name: str
    root: Path
    labels: dict[str, str]

    def command(self, *command: str, **volumes: Path) -> list[str]:
        """Return the command that runs one inside, with directories mounted at /NAME."""
        mounts = [f"--volume={path}:/{name}" for name, path in volumes.items()]
        return ["buildah", "run", "--isolation=chroot", *mounts, self.name, "--", *command]

    def run(self, *command: str, **volumes: Path) -> str:
        """Run a command to its end; return what it printed."""
        command = tuple(self.command(*command, **volumes))
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextlib.contextmanager
    def running(self, *command: str, **volumes: Path) -> Iterator[str]:
        """Run a server; give the first line that it prints."""
        process = subprocess.Popen(
            self.command(*command, **volumes),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            assert process.stdout is not None
            yield process.stdout.readline()
        finally:
            # All of it: buildah passes no signal on.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()

    def bill(self) -> dict[str, Any]:
        """Return the components of the bill that the image's label names, by name."""
        text = (self.root / self.labels["dev.perennial.sbom"].lstrip("/")).read_text()
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
        return {item["name"]: item for item in json.loads(text)["components"]}


def _tell(*arguments: str) -> str:
    command = ["buildah", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@contextlib.contextmanager
def container(part: str) -> Iterator[Container]:
    """Make a container of an image's archive, building the image where it is not there."""
    if os.geteuid() != 0:
        pytest.skip("buildah needs root here, to mount images and to change root")
    if prerequisites.missing() and not shutil.which("apt-get"):
        pytest.skip(f"needs {', '.join(prerequisites.missing())}, and there is no apt-get")
    prerequisites.ensure()
    (image,) = (image for image in images.wanted() if image.name == part)
    archive = buildah.archives([image])[-1]
    name = _tell("from", f"docker-archive:{archive}")
    try:
        labels = json.loads(_tell("inspect", name))["OCIv1"]["config"]["Labels"]
        yield Container(part, name, Path(_tell("mount", name)), labels)
    finally:
        _tell("rm", name)
