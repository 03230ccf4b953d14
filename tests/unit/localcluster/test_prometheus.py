"""Where Prometheus comes from: the machine's own, else Debian's package, else a sentence."""

from pathlib import Path

import pytest

from localcluster import binaries

APT = """#!/bin/sh
echo "$@" >> {log}
[ "$1" = download ] && touch prometheus_2.deb
exit 0
"""
DPKG = """#!/bin/sh
mkdir -p "$3/usr/bin" && echo unpacked > "$3/usr/bin/prometheus" && echo it > "$3/usr/bin/promtool"
"""


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Prometheus and with an empty cache; the directory is on its PATH."""
    monkeypatch.setenv("PERENNIAL_CACHE", str(tmp_path / "cache"))
    found = tmp_path / "bin"
    found.mkdir()
    for tool in ("sh", "mkdir", "touch"):
        (found / tool).symlink_to(Path("/bin") / tool)
    monkeypatch.setenv("PATH", str(found))
    return found


def program(place: Path, name: str, text: str) -> Path:
    (place / name).write_text(text)
    (place / name).chmod(0o755)
    return place / name


def test_the_machines_own_is_taken(bare: Path) -> None:
    own = program(bare, "promtool", "#!/bin/sh\n")
    assert binaries.path("promtool") == own


def test_debians_package_is_unpacked_once_and_installs_nothing(bare: Path) -> None:
    log = bare / "log"
    program(bare, "apt-get", APT.format(log=log))
    program(bare, "dpkg-deb", DPKG)
    for _ in range(2):
        assert binaries.path("prometheus").read_text() == "unpacked\n"
    assert binaries.path("promtool").read_text() == "it\n"
    verbs = [line.split()[0] for line in log.read_text().splitlines()]
    assert verbs.count("download") == 1 and set(verbs) <= {"update", "download"}


def test_without_apt_it_says_what_to_install(bare: Path) -> None:
    with pytest.raises(SystemExit, match="Install Prometheus"):
        binaries.path("promtool")
