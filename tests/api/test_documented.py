"""Every object of ours that a page shows whole is one that the API server takes."""

import re
from typing import Any

import pytest
import yaml
from asking import ROOT, refusal

from perennial.api import API_VERSION
from perennial.cluster.client import Cluster

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def shown() -> list[Any]:
    """Return the whole objects of ours that stand in blocks of YAML, by page and number."""
    found = []
    for page in PAGES:
        blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
        documents = [d for block in blocks for d in yaml.safe_load_all(block)]
        ours = [d for d in documents if isinstance(d, dict) and d.get("apiVersion") == API_VERSION]
        found += [pytest.param(d, id=f"{page.stem}-{n}") for n, d in enumerate(ours)]
    return found


@pytest.mark.parametrize("body", shown())
async def test_what_a_page_shows_is_taken(cluster: Cluster, body: dict[str, Any]) -> None:
    body["metadata"].setdefault("namespace", "flights")
    assert await refusal(cluster, body) == ""


def test_there_is_something_shown() -> None:
    pages = {str(found.id).rpartition("-")[0] for found in shown()}
    assert pages >= {"README", "migration"}
