"""Tables of right values; each file says what it holds and what computed them."""

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "golden"


def cases(name: str, kind: str | None = None) -> list[Any]:
    found = json.loads((FOLDER / f"{name}.json").read_text())["cases"]
    chosen = [c for c in found if kind is None or c.get("kind") == kind]
    assert chosen
    return [pytest.param(c, id=str(c.get("name", i))) for i, c in enumerate(chosen)]


def tolerance(name: str) -> float:
    return float(json.loads((FOLDER / f"{name}.json").read_text())["tolerance"])
