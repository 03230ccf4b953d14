"""kind's own loader and validation accept the configuration; Docker itself is not needed."""

import os
import subprocess
from pathlib import Path

import pytest

from localcluster import binaries, kind

# Lists no cluster and fails at all else: kind reads and validates the configuration in between.
DOCKER = """#!/bin/sh
case "$1" in info) echo "{}" ;; ps) ;; *) exit 1 ;; esac
"""


def create(config: Path, place: Path) -> str:
    docker = place / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    command = [str(binaries.path("kind")), "create", "cluster", "--config", str(config)]
    command += ["--name", "never", "--kubeconfig", str(place / "kubeconfig")]
    environment = {**os.environ, "PATH": f"{place}:/usr/bin:/bin"}
    environment["KIND_EXPERIMENTAL_PROVIDER"] = "docker"
    said = ""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as running:
        assert running.stderr is not None
        for line in running.stderr:
            said += line
            if "Creating cluster" in line:  # the configuration was taken; the rest needs Docker
                running.kill()
                break
    return said


def test_kind_takes_the_configuration(tmp_path: Path) -> None:
    said = create(kind.CONFIG, tmp_path)
    assert 'Creating cluster "never"' in said, said


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("nodes:", "nodez:", "unable to decode config"),
        ("role: control-plane", "role: conductor", "not a valid node role"),
    ],
)
def test_kind_refuses_a_wrong_one(tmp_path: Path, good: str, bad: str, words: str) -> None:
    config = tmp_path / "kind-config.yaml"
    config.write_text(kind.CONFIG.read_text().replace(good, bad, 1))
    assert words in create(config, tmp_path)


def test_docker_is_present_only_when_its_daemon_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not kind.is_present()
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho Cannot connect to the Docker daemon >&2; exit 1\n")
    docker.chmod(0o755)
    assert not kind.is_present()
    docker.write_text("#!/bin/sh\nexit 0\n")
    assert kind.is_present()


def test_every_mount_of_the_configuration_is_in_the_checkout() -> None:
    import yaml

    (node,) = yaml.safe_load(kind.CONFIG.read_text())["nodes"]
    for mount in node["extraMounts"]:
        assert (kind.CONFIG.parent / mount["hostPath"]).is_file()
