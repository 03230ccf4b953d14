"""The first picture of the architecture is the folders that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
HIDDEN = re.compile(r"^[._]|^build$|^dist$|\.egg-info$")


def drawn() -> set[str]:
    """Return the folders of the picture, each by its whole path."""
    picture = PAGE.split("```")[1]
    found: set[str] = set()
    above: list[tuple[int, str]] = []
    for line in picture.strip("\n").splitlines():
        match = re.match(r"( *)(\S+)/ {2,}\S", line)
        assert match is not None, f"not a folder and what is in it: {line!r}"
        indent = len(match[1])
        above = [(i, name) for i, name in above if i < indent]
        above.append((indent, match[2]))
        found.add("/".join(name for _, name in above))
    return found


def test_the_picture_shows_every_folder_of_the_operator() -> None:
    operator = ROOT / "operator" / "perennial"
    there = {path.parent.relative_to(ROOT).as_posix() for path in operator.rglob("*.py")}
    assert {path for path in drawn() if path.startswith("operator/")} == there


def test_the_picture_shows_every_folder_of_the_repository() -> None:
    there = {p.name for p in ROOT.iterdir() if p.is_dir() and not HIDDEN.search(p.name)}
    assert {path.partition("/")[0] for path in drawn()} == there


def test_the_walk_names_files_that_there_are() -> None:
    walk = PAGE.split("```")[3]
    files = set(re.findall(r"[\w/]+\.py", walk))
    folder = ROOT / "operator" / "perennial"
    below = ("", "plan/rollout/", "plan/rollout/analysis/")
    missing = [f for f in files if not any((folder / b / f).exists() for b in below)]
    assert len(files) > 15 and not missing
