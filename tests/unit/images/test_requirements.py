"""What the images install: every package with digests, in the versions that the tests ran with."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "images" / "requirements").glob("*.txt"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_package_is_pinned_by_version_and_digest(file: Path) -> None:
    text = file.read_text()
    entries = [e for e in re.split(r"(?<!\\)\n", text) if e and not e.startswith("#")]
    assert entries
    for entry in entries:
        assert re.fullmatch(r"[a-z0-9-]+==\S+( \\\n    --hash=sha256:[0-9a-f]{64})+", entry), entry
    if file.stem != "pip":
        constraints = (ROOT / "constraints.txt").read_text().splitlines()
        assert {entry.split()[0] for entry in entries} <= set(constraints)
