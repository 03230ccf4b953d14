"""What there are several of has a room: each has its field, its page, its example and its file."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from perennial.api import DriftMonitor, ModelDeployment
from perennial.api.common import Kind
from perennial.api.crd import open_api_schema
from perennial.plan.monitoring.actions import ACTIONS
from perennial.plan.monitoring.tests import TESTS
from perennial.plan.rollout.analysis.metrics import METRICS
from perennial.plan.rollout.analysis.sources import SOURCES
from perennial.plan.rollout.requests import REQUESTS
from perennial.plan.rollout.strategies import STRATEGIES
from perennial.plan.rollout.traffic import PROVIDERS

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Room:
    """A dictionary of what there are several of."""

    folder: str
    entries: Mapping[str, object]
    page: str
    kind: type[Kind] = ModelDeployment
    field: str = ""
    """Where its field is in the kind; ENTRY stands for its name. Empty where it needs none."""
    fields: Mapping[str, str] | None = None
    """Fields by entry, of those that are not called as the entry is."""
    shared: frozenset[str] = frozenset()
    """Files that several of the room stand on."""

    def path(self, entry: str) -> list[str]:
        name = (self.fields or {}).get(entry, entry)
        return (self.field or "ENTRY").replace("ENTRY", name).split(".")


ROOMS = [
    Room(
        folder="plan/rollout/strategies",
        entries=STRATEGIES,
        field="spec.rollout.ENTRY",
        page="rollouts.md",
    ),
    Room(
        folder="plan/rollout/traffic",
        entries=PROVIDERS,
        field="spec.traffic.ENTRY",
        page="gateway.md",
    ),
    Room(
        folder="plan/rollout/analysis/metrics",
        entries=METRICS,
        field="spec.rollout.analysis.metrics.ENTRY",
        page="verdicts.md",
        shared=frozenset({"metric", "rate", "label_share", "outcome_mean"}),
    ),
    Room(
        folder="plan/rollout/analysis/sources",
        entries=SOURCES,
        field="spec.rollout.analysis.metrics.ENTRY",
        page="verdicts.md",
        shared=frozenset({"source"}),
    ),
    Room(
        folder="plan/rollout/requests",
        entries=REQUESTS,
        page="requests.md",
        shared=frozenset({"request"}),
    ),
    Room(
        folder="plan/monitoring/tests",
        entries=TESTS,
        kind=DriftMonitor,
        field="spec.ENTRY",
        fields={"drift": "tests", "estimated": "performance.estimated", "mix": "behaviour.mix"},
        page="verdicts.md",
    ),
    Room(
        folder="plan/monitoring/actions",
        entries=ACTIONS,
        kind=DriftMonitor,
        field="spec.actions.ENTRY",
        page="verdicts.md",
    ),
]
ENTRIES = [(room, entry) for room in ROOMS for entry in room.entries]


def name_of(value: object) -> str:
    return value.folder.rpartition("/")[2] if isinstance(value, Room) else str(value)


def examples(kind: type[Kind]) -> Iterator[dict[str, Any]]:
    for path in sorted((ROOT / "examples").rglob("*.yaml")):
        for body in yaml.safe_load_all(path.read_text()):
            if body["kind"] == kind.kind():
                yield body


def has(body: Any, path: list[str]) -> bool:
    """Tell whether something is written at a path, in any of the items of lists on the way."""
    if not path:
        return True
    if isinstance(body, list):
        return any(has(item, path) for item in body)
    return isinstance(body, dict) and path[0] in body and has(body[path[0]], path[1:])


def described(schema: dict[str, Any], path: list[str]) -> str:
    """Return the description of a field."""
    for name in path:
        schema = schema.get("items", schema)["properties"][name]
    return str(schema["description"])


@pytest.mark.parametrize(("room", "entry"), ENTRIES, ids=name_of)
def test_each_has_a_field_a_page_and_an_example(room: Room, entry: str) -> None:
    path = room.path(entry)
    page = (ROOT / "docs" / room.page).read_text()
    assert re.search(rf"`[^`]*\b{path[-1]}\b[^`]*`", page), f"{room.page} has no {path[-1]}"
    if room.field:
        assert described(open_api_schema(room.kind), path)
        assert any(has(body, path) for body in examples(room.kind)), f"no example with {path}"


@pytest.mark.parametrize("room", ROOMS, ids=name_of)
def test_each_has_a_file_and_each_file_is_in_the_dictionary(room: Room) -> None:
    folder = ROOT / "operator" / "perennial" / room.folder
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"} - room.shared
    package = f"perennial.{room.folder.replace('/', '.')}"
    imported = set()
    for node in ast.walk(ast.parse((folder / "__init__.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == package:
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and f"{node.module}".startswith(f"{package}."):
            imported.add(f"{node.module}".removeprefix(f"{package}."))
    assert files == imported - room.shared
    assert len(files) == len(room.entries)
