"""Which packages files come from, by a database as dpkg keeps it."""

from pathlib import Path

import debian

STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Source: glibc (2.36-9)
Version: 2.36-9+deb12u14
Description: library
 Version: not this one

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: tzdata
Status: install ok installed
Architecture: all
Version: 2026a-0+deb12u1
"""


def database(place: Path, files: dict[str, list[Path]]) -> Path:
    (place / "info").mkdir(parents=True)
    (place / "status").write_text(STATUS)
    for name, paths in files.items():
        (place / "info" / f"{name}.list").write_text("/.\n" + "".join(f"{p}\n" for p in paths))
    return place


def test_only_what_is_installed_counts(tmp_path: Path) -> None:
    found = debian.installed(database(tmp_path, {}))
    assert found == {
        "libc6": debian.Package("libc6", "2.36-9+deb12u14", "amd64", "glibc"),
        "tzdata": debian.Package("tzdata", "2026a-0+deb12u1", "all", "tzdata"),
    }


def test_a_file_is_found_by_either_name_of_its_directory(tmp_path: Path) -> None:
    system = tmp_path / "system"
    (system / "usr/lib").mkdir(parents=True)
    (system / "lib").symlink_to("usr/lib")
    listed = {"libc6:amd64": [system / "lib/libc.so.6"], "tzdata": [system / "usr/zones"]}
    kept = database(tmp_path / "dpkg", listed)
    files = [system / "usr/lib/libc.so.6", system / "made/here"]
    assert {package.name for package in debian.owners(files, kept)} == {"libc6"}
    assert debian.owners([system / "made/here"], kept) == set()
