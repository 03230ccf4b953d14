"""What the documentation says that there is, is there."""

import functools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from onnx import TensorProto, helper
from onnx_models import save

from perennial.api import API_VERSION, KINDS
from perennial.api.crd import definition
from perennial.api.training import Checks
from perennial.plan.core import REQUEST_ANNOTATION
from perennial.plan.pods.stores import ALLOWED_LABEL, ALLOWED_VALUE, not_allowed
from perennial.plan.rollout.requests import REQUESTS
from perennial.plan.training import RETRAIN
from perennial_artifact.credentials import KEYS
from perennial_artifact.manifest import Manifest, Tensor
from perennial_artifact.result import CheckName
from perennial_artifact.store import fetch
from perennial_artifact.windows import FORMAT
from perennial_serving.model.loaded import load

ROOT = Path(__file__).resolve().parents[2]
TRAINING = ROOT / "docs" / "training.md"
MIGRATION = ROOT / "docs" / "migration.md"
STORES = ROOT / "docs" / "stores.md"
REQUESTS_PAGE = ROOT / "docs" / "requests.md"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

# Of Argo's, Flagger's and KServe's objects; and what is shown as unknown.
NOT_OURS = {
    "migration.md": {"status.metricResults", "status.phase", "status.url"},
    "refusals.md": {"spec.rollout.mirror"},
}


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
        r"^\| `([\w-]+)` \| (\w+) \| .+ \| `(.+)` \|$", REQUESTS_PAGE.read_text(), re.MULTILINE
    )
    short = {kind.kind(): kind.SHORT for kind in KINDS}
    told = sorted((kind, verb) for verb, kind, _ in rows)
    verbs = [*(("ModelDeployment", verb) for verb in REQUESTS), ("ModelTraining", RETRAIN)]
    assert told == sorted(verbs)
    for verb, kind, line in rows:
        asked = f"{REQUEST_ANNOTATION}={verb}/$(date +%s)"
        assert line == f"kubectl annotate {short[kind]} flights --overwrite {asked}"


def test_every_check_of_a_dataset_is_told() -> None:
    section = TRAINING.read_text().partition("## Checks")[2].partition("## ")[0]
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(get_args(CheckName))
    assert {f.alias for f in Checks.model_fields.values()} == set(get_args(CheckName))


def test_a_model_of_ones_own_becomes_an_artifact_as_the_page_says(tmp_path: Path) -> None:
    (script,) = re.findall(
        r"^```python\n(.*?)^```", MIGRATION.read_text(), re.DOTALL | re.MULTILINE
    )
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, 2]) for n in ("x", "y")]
    nodes = [helper.make_node("Neg", ["x"], ["y"])]
    directory = save(nodes, values[:1], values[1:], tmp_path / "model")
    (tmp_path / "store").mkdir()
    command = [sys.executable, "-c", script, str(directory), f"file://{tmp_path}/store"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    artifact = yaml.safe_load(done.stdout)["artifact"]
    manifest = fetch(artifact["uri"], artifact["sha256"], tmp_path / "fetched")
    assert manifest.signature.inputs == [Tensor(name="x", datatype="FP32", shape=[-1, 2])]
    assert load(tmp_path / "fetched", "fraud", "1").sha256 == artifact["sha256"]


@functools.cache
def schemas() -> list[dict[str, Any]]:
    versions = [definition(kind)["spec"]["versions"][0] for kind in KINDS]
    return [version["schema"]["openAPIV3Schema"] for version in versions]


def has(schema: dict[str, Any], path: list[str]) -> bool:
    """Tell whether a schema has a field, of itself or of its items; free-form ones have any."""
    schema = schema.get("items", schema)
    if not path or {"additionalProperties", "x-kubernetes-preserve-unknown-fields"} & set(schema):
        return True
    return path[0] in schema.get("properties", {}) and has(schema["properties"][path[0]], path[1:])


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_fields_that_are_named_are_there(page: Path) -> None:
    named = set(re.findall(r"(?<![\w.])\.?((?:spec|status)(?:\.[a-z]\w*)+)", page.read_text()))
    for path in named - NOT_OURS.get(page.name, set()):
        assert any(has(schema, path.split(".")) for schema in schemas()), path


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


@pytest.mark.parametrize(("page", "kinds"), [("attacks.md", 22), ("faults.md", 37)])
def test_every_kind_of_fault_is_held_by_tests_that_exist(page: str, kinds: int) -> None:
    rows = (ROOT / "docs" / page).read_text().split("| --- |")[-1].strip().splitlines()
    cells = [row.strip("| ").split(" | ") for row in rows if "**" not in row]
    assert len(cells) >= kinds and all(len(cell) == 3 for cell in cells)
    for kind, _, tests in cells:
        named = re.findall(r"`(test_\w+\.py)`: ((?:`\w+`(?:, )?)+)", tests)
        assert named, kind
        for file, names in named:
            found = "".join(path.read_text() for path in (ROOT / "tests").rglob(file))
            for name in re.findall(r"`(\w+)`", names):
                assert f"def test_{name}(" in found, (file, name)
