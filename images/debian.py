"""Which Debian packages files come from, read from dpkg's database."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATABASE = Path("/var/lib/dpkg")


@dataclass(frozen=True, order=True)
class Package:
    """An installed package."""

    name: str
    version: str
    architecture: str
    source: str


def installed(database: Path = DATABASE) -> dict[str, Package]:
    """Return the installed packages by name."""
    found = {}
    for stanza in (database / "status").read_text().split("\n\n"):
        lines = (line.partition(": ") for line in stanza.splitlines() if line[:1] != " ")
        fields = {name: value for name, _, value in lines}
        if fields.get("Status", "").endswith(" installed"):
            name = fields["Package"]
            # The source's own version stands in brackets where it differs.
            source = fields.get("Source", name).split()[0]
            found[name] = Package(name, fields["Version"], fields["Architecture"], source)
    return found


@cache
def _directory(path: str) -> str:
    return os.path.realpath(path)


def _real(path: Path | str) -> str:
    """Return a path by which a file is known whichever of a directory's names was used.

    The database says /lib for what is in /usr/lib.
    """
    parent, name = os.path.split(path)
    return f"{_directory(parent)}/{name}"


def owners(files: Iterable[Path], database: Path = DATABASE) -> set[Package]:
    """Return the packages that files come from; a file that no package brought has none."""
    packages, wanted = installed(database), {_real(file) for file in files}
    found = set()
    for listing in (database / "info").glob("*.list"):
        if any(_real(line) in wanted for line in listing.read_text().splitlines()):
            found.add(packages[listing.stem.split(":")[0]])
    return found


def owners_below(root: Path) -> set[Package]:
    """Return the packages that the copies of this system's files below a root come from."""
    copies = (path for path in root.rglob("*") if not path.is_dir())
    return owners(Path("/") / path.relative_to(root) for path in copies)
