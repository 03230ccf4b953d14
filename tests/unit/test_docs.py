"""What the documentation says that there is, is there."""

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from perennial.api import API_VERSION, KINDS
from perennial.api.training import Checks
from perennial.plan.core import REQUEST_ANNOTATION
from perennial.plan.pods.stores import ALLOWED_LABEL, ALLOWED_VALUE, not_allowed
from perennial.plan.rollout.requests import VERBS
from perennial.plan.training import RETRAIN
from perennial_artifact.credentials import KEYS
from perennial_artifact.manifest import Manifest
from perennial_artifact.result import CheckName
from perennial_artifact.windows import FORMAT

ROOT = Path(__file__).resolve().parents[2]
TRAINING = ROOT / "docs" / "training.md"
STORES = ROOT / "docs" / "stores.md"
REQUESTS = ROOT / "docs" / "requests.md"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def ids(path: Path) -> str:
    return path.name


def test_the_tours_yaml_is_that_of_the_examples() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    examples = [p.read_text() for p in (ROOT / "examples" / "flights").glob("*.yaml")]
    assert len(blocks) == 3 and all(block in examples for block in blocks)


def test_the_demo_and_the_page_set_the_label_that_is_looked_at() -> None:
    label = {ALLOWED_LABEL: ALLOWED_VALUE}
    namespace = yaml.safe_load((ROOT / "examples" / "flights" / "namespace.yaml").read_text())
    assert label.items() <= namespace["metadata"]["labels"].items()
    page = (ROOT / "docs" / "security.md").read_text()
    assert f"kubectl label namespace team {ALLOWED_LABEL}={ALLOWED_VALUE}" in page
    assert not_allowed("team", by_label=True).message in page


def test_every_known_key_of_a_secret_is_told_at_its_scheme() -> None:
    rows = re.findall(r"^\| `(s3|gs|az)://` \| (.+) \|$", STORES.read_text(), re.MULTILINE)
    told = {scheme: set(re.findall(r"`([A-Z0-9_]+)`", keys)) for scheme, keys in rows}
    assert told == {scheme: set(names) for scheme, names in KEYS.items()}


def test_every_request_is_told_with_a_line_that_asks_for_it() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| .+ \| `(.+)` \|$", REQUESTS.read_text(), re.MULTILINE
    )
    short = {kind.kind(): kind.SHORT for kind in KINDS}
    told = sorted((kind, verb) for verb, kind, _ in rows)
    verbs = [*(("ModelDeployment", verb) for verb in VERBS), ("ModelTraining", RETRAIN)]
    assert told == sorted(verbs)
    for verb, kind, line in rows:
        asked = f"{REQUEST_ANNOTATION}={verb}/$(date +%s)"
        assert line == f"kubectl annotate {short[kind]} flights --overwrite {asked}"


def test_every_check_of_a_dataset_is_told() -> None:
    section = TRAINING.read_text().partition("## Checks")[2].partition("## ")[0]
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(get_args(CheckName))
    assert {f.alias for f in Checks.model_fields.values()} == set(get_args(CheckName))


def test_the_versions_of_documents_are_told() -> None:
    page = (ROOT / "docs" / "upgrades.md").read_text()
    rows = dict(re.findall(r"^\| (.+?) \| (.+?) \|", page, re.MULTILINE))
    assert rows["the four kinds"] == f"`{API_VERSION}`"
    assert rows["a window, `GET /window`"] == f"`format` {FORMAT}"
    written = Manifest.__struct_config__
    assert rows["`manifest.json`"] == f"`{written.tag_field}` {written.tag}"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_make_targets_and_test_files_that_are_named_exist(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", text, re.MULTILINE))
    assert named <= targets, named - targets
    for path in re.findall(r"`((?:operator|tests|examples|charts|images|docs)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
