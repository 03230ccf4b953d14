"""A missing prerequisite is installed, or named in one sentence that says what to do."""

import os
from pathlib import Path

import pytest

from localcluster import prerequisites

APT = """#!/bin/sh
echo "$@" >> {log}
exit {code}
"""


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has none of the commands; the directory is its PATH."""
    monkeypatch.setattr(prerequisites, "PATH", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    absent = {str(tmp_path / c.lstrip("/")): p for c, p in prerequisites.PACKAGES.items()}
    monkeypatch.setattr(prerequisites, "PACKAGES", absent)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path


def apt(bare: Path, code: int) -> Path:
    log = bare / "log"
    (bare / "apt-get").write_text(APT.format(log=log, code=code))
    (bare / "apt-get").chmod(0o755)
    return log


def refused() -> str:
    with pytest.raises(SystemExit) as ended:
        prerequisites.ensure()
    return str(ended.value.code)


def test_without_root_it_says_what_else_to_do(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert refused().startswith("The local cluster needs root") and "start Docker" in refused()


def test_without_apt_the_packages_are_named(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(bare))
    told = refused()
    assert told.startswith("Install these packages and run this again: buildah ")
    assert set(told.split(": ")[1].split()) == set(prerequisites.PACKAGES.values())


def test_with_apt_they_are_installed(bare: Path) -> None:
    log = apt(bare, 0)
    prerequisites.ensure()
    update, install = log.read_text().splitlines()
    assert update.startswith("update")
    assert set(install.split()) >= {"install", *prerequisites.PACKAGES.values()}


def test_where_apt_fails_it_says_so(bare: Path) -> None:
    apt(bare, 100)
    assert refused().startswith("apt-get could not install buildah ")


def test_where_all_is_there_nothing_is_done(bare: Path) -> None:
    log = apt(bare, 0)
    for command in prerequisites.PACKAGES:
        Path(command).parent.mkdir(parents=True, exist_ok=True)
        Path(command).write_text("")
        Path(command).chmod(0o755)
    prerequisites.ensure()
    assert not log.exists()
