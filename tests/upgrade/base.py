"""A frozen base: where it is, and what is in it."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

BASES = Path(__file__).parent / "base"
TIME = re.compile(r'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"')
FORMAT = "%Y-%m-%dT%H:%M:%SZ"
NETWORK = "127.77.0."
"""In which the base's pods have their addresses; another one is put in its place."""


@dataclass(frozen=True)
class Base:
    """What was frozen of one version.

    ``base.json`` says of which, from which commit, when, and in which namespace. ``crds`` are its
    kinds, ``objects`` is what its API server held, ``artifact`` what its trainer published, ``run``
    what that was told and told itself, ``pods`` and ``server`` what its servers answered, and
    ``readers`` what its operator can read, as JSON Schema.
    """

    place: Path

    def json(self, path: str) -> Any:
        """Return a file as what its JSON says."""
        return json.loads((self.place / path).read_text())

    @property
    def namespace(self) -> str:
        """Return where its objects were."""
        return str(self.json("base.json")["namespace"])

    @property
    def crds(self) -> dict[str, Json]:
        """Return its CustomResourceDefinitions by their names."""
        found = (yaml.safe_load(path.read_text()) for path in (self.place / "crds").iterdir())
        return {crd["metadata"]["name"]: crd for crd in found}

    def objects(self, text: str = "") -> list[Json]:
        """Return what its API server held, in the order of kinds and names.

        Args:
            text: all objects as one JSON, changed from what ``text`` returned; by default that.
        """
        found: list[Json] = json.loads(text or self.text())
        return found

    def text(self) -> str:
        """Return all objects as the text of one JSON list."""
        files = sorted((self.place / "objects").rglob("*.json"))
        return f"[{','.join(path.read_text() for path in files)}]"

    def until_now(self, ago: float) -> timedelta:
        """Return by how much to move its times, so that it was frozen so many seconds ago."""
        frozen = datetime.strptime(self.json("base.json")["time"], FORMAT).replace(tzinfo=UTC)
        now = datetime.now(UTC).replace(microsecond=0)
        return now - frozen - timedelta(seconds=ago)


def bases() -> list[Base]:
    """Return all that were frozen, the oldest first."""
    return [Base(path.parent) for path in sorted(BASES.glob("*/base.json"))]


def moved(text: str, by: timedelta) -> str:
    """Return a JSON text with all its times moved."""

    def later(found: re.Match[str]) -> str:
        return f'"{datetime.strptime(found[1], FORMAT) + by:{FORMAT}}"'

    return TIME.sub(later, text)
