"""What a pod or an older release wrote is read where it is right, and refused by name where not."""

import json
import math
from typing import Any

import msgspec
import pytest

from perennial_artifact.base import Document
from perennial_artifact.manifest import File, Manifest, Metric, Signature, Tensor
from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.result import MAXIMUM_DEPTH, CandidateResult, SearchSpaceSpec
from perennial_artifact.windows import Window

SHA = "0123456789abcdef" * 4
TENSOR = {"name": "x", "datatype": "FP32", "shape": [-1, 2]}
# With every default written, as releases before wrote it.
MANIFEST: dict[str, Any] = {
    "schemaVersion": 1,
    "task": "Classification",
    "classes": ["no", "yes"],
    "signature": {"inputs": [TENSOR], "outputs": [{**TENSOR, "name": "label"}]},
    "files": {"model.onnx": {"sha256": SHA, "size": 3}},
    "metrics": [{"name": "roc_auc", "value": 1, "low": 0.5, "high": 1.0, "slice": ""}],
    "lineage": {
        "training": "orders",
        "namespace": "team",
        "run": 1,
        "candidate": "a",
        "algorithm": "LogisticRegression",
        "parameters": {"C": 1.0, "class_weight": None},
        "dataset": {"uri": "s3://data/x", "sha256": SHA, "rows": 10, "feedbackRows": 2},
        "libraries": {"numpy": "2.0"},
    },
}
FEATURE: dict[str, Any] = {"name": "x", "kind": "Numeric", "edges": [0.5, 1], "counts": [1, 2, 3]}
PROFILE: dict[str, Any] = {
    "rows": 6,
    "features": [{**FEATURE, "categories": [], "other": 0, "missing": 0, "minimum": 0}],
    "predictions": [],
}
WINDOW: dict[str, Any] = {
    "model": "m",
    "version": "1",
    "since": 1_700_000_000.5,
    "clock": 1_700_000_065.25,
    "start": 1_700_000_000,
    "end": 1_700_000_060,
    "requests": {"bounds": [0.1, 1], "buckets": [[1_700_000_010, 1, 2, 1, 0, [1, 1, 1]]]},
    "profile": SHA,
    "rows": 3,
    "features": [[[1, 2], 0, 0, 0]],
    "predictions": [],
}
RESULT: dict[str, Any] = {"candidate": "a", "metrics": [{"name": "r2", "value": 0.5}]}


@pytest.mark.parametrize(
    ("kind", "document"), [(Manifest, MANIFEST), (Profile, PROFILE), (Window, WINDOW)]
)
def test_what_is_written_is_read_again(kind: type[Document], document: dict[str, Any]) -> None:
    read = kind.from_json(json.dumps(document))
    assert kind.from_plain(document) == read
    assert kind.from_json(read.to_json()) == read
    assert kind.from_plain(read.to_plain()) == read


def test_what_is_absent_is_left_out_but_the_version_never() -> None:
    manifest = Manifest(
        task="Regression",
        signature=Signature(inputs=[Tensor(name="x", datatype="FP32", shape=[-1])], outputs=[]),
        files={"model.onnx": File(sha256=SHA, size=3)},
    )
    assert json.loads(manifest.to_json()) == {
        "schemaVersion": 1,
        "task": "Regression",
        "signature": {
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1]}],
            "outputs": [],
        },
        "files": {"model.onnx": {"sha256": SHA, "size": 3}},
    }
    # None within a parameter is a value.
    told = Manifest.from_plain(MANIFEST).to_plain()["lineage"]
    assert told["parameters"] == {"C": 1.0, "class_weight": None} and "parent" not in told


def test_a_window_is_read_whatever_a_newer_server_adds() -> None:
    newer = json.loads(json.dumps(WINDOW))
    newer["unheardOf"] = {"x": 1}
    newer["requests"]["unheardOf"] = 1
    newer["requests"]["buckets"][0].append("more")
    newer["features"][0] += [None, "more"]
    assert Window.from_plain(newer) == Window.from_plain(WINDOW)
    assert json.loads(Window.from_plain(WINDOW).to_json())["format"] == 1


def test_a_profile_is_read_whatever_a_newer_trainer_adds() -> None:
    newer = json.loads(json.dumps(PROFILE))
    newer["unheardOf"] = newer["features"][0]["unheardOf"] = 1
    assert Profile.from_plain(newer) == Profile.from_plain(PROFILE)


def test_infinity_is_written_as_null() -> None:
    feature = FeatureProfile(name="x", kind="Numeric", counts=[1], minimum=-math.inf, maximum=1)
    assert json.loads(feature.to_json())["minimum"] is None
    assert FeatureProfile.from_json(feature.to_json()).maximum == 1


def test_names_in_json_that_python_has_taken() -> None:
    space = SearchSpaceSpec.from_plain({"int": [1, 9]})
    assert space.int_ == [1, 9] and space.to_plain() == {"int": [1, 9]}


def changed(document: dict[str, Any], path: str, value: Any) -> str:
    """Return a document as JSON with another value at a path such as ``a.0.b``."""
    copy = json.loads(json.dumps(document))
    place = copy
    *parents, last = path.split(".")
    for name in parents:
        place = place[int(name) if isinstance(place, list) else name]
    place[int(last) if isinstance(place, list) else last] = value
    return json.dumps(copy)


@pytest.mark.parametrize(
    ("kind", "document", "path", "value", "told"),
    [
        (Manifest, MANIFEST, "schemaVersion", 2, "schemaVersion"),
        (Manifest, MANIFEST, "task", "Ranking", r"\$\.task"),
        (Manifest, MANIFEST, "unheardOf", 1, "unheardOf"),
        (Manifest, MANIFEST, "files", {"../x": {"sha256": SHA, "size": 1}}, r"\$\.files"),
        (Manifest, MANIFEST, "files", {"x\n": {"sha256": SHA, "size": 1}}, r"\$\.files"),
        (Manifest, MANIFEST, "files", {"x": {"sha256": SHA + "\n", "size": 1}}, "sha256"),
        (Manifest, MANIFEST, "files", {"x": {"sha256": SHA.upper(), "size": 1}}, "sha256"),
        (Manifest, MANIFEST, "signature.inputs", [TENSOR] * 513, r"\$\.signature\.inputs"),
        (Manifest, MANIFEST, "lineage.dataset.rows", "10", r"\$\.lineage\.dataset\.rows"),
        (Profile, PROFILE, "features.0.counts", [1, 2], "x has 3 bins but 2 counts"),
        (Profile, PROFILE, "features.0.edges", [1, 1], "edges of x must increase"),
        (Profile, PROFILE, "rows", 6.5, r"\$\.rows"),
        (Window, WINDOW, "format", 2, r"\$\.format"),
        (Window, WINDOW, "start", "2026-01-01T00:00:00", r"\$\.start"),
        (Window, WINDOW, "features.0.0", [None], r"\$\.features\[0\]"),
        (Window, WINDOW, "features.0.1", -1, r"\$\.features\[0\]"),
        (Window, WINDOW, "requests.bounds", [1, 0.1], "bounds must increase"),
        (Window, WINDOW, "requests.bounds", [1], "2 counts of each bucket"),
        (Window, WINDOW, "requests.buckets.0.2", 1e300, r"\$\.requests\.buckets\[0\]"),
        (CandidateResult, RESULT, "candidate", "a" * 64, r"\$\.candidate"),
        (CandidateResult, RESULT, "metrics", RESULT["metrics"] * 65, r"\$\.metrics"),
        (CandidateResult, RESULT, "metrics.0.value", None, r"\$\.metrics\[0\]\.value"),
        (CandidateResult, RESULT, "failure", {"reason": "x"}, r"\$\.failure"),
    ],
)
def test_what_is_wrong_is_refused_by_name(
    kind: type[Document], document: dict[str, Any], path: str, value: Any, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        kind.from_json(changed(document, path, value))


@pytest.mark.parametrize("number", ["1e999", "NaN", "Infinity"])
def test_a_metric_is_finite(number: str) -> None:
    with pytest.raises(ValueError):
        Metric.from_json(f'{{"name": "r2", "value": {number}}}')
    with pytest.raises(ValueError, match="low of r2 must be finite"):
        Metric(name="r2", value=0.0, low=float(number))


@pytest.mark.parametrize("depth", [MAXIMUM_DEPTH, 1500])
def test_parameters_nested_beyond_reason_are_refused(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    with pytest.raises(ValueError, match="nested"):
        CandidateResult.from_json(f'{{"candidate": "a", "parameters": {{"p": {nested}}}}}')
    less = "[" * (MAXIMUM_DEPTH - 1) + "]" * (MAXIMUM_DEPTH - 1)
    CandidateResult.from_json(f'{{"candidate": "a", "parameters": {{"p": {less}}}}}')


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b'{"candidate": "\xff"}', "\ud800", "[]"])
def test_what_is_no_json_is_a_value_error(text: bytes | str) -> None:
    with pytest.raises(ValueError):
        CandidateResult.from_json(text)


def test_a_document_does_not_change() -> None:
    tensor = Tensor.from_plain(TENSOR)
    with pytest.raises(AttributeError):
        tensor.name = "y"  # type: ignore[misc]
    assert tensor.replace(name="y").name == "y" and tensor.name == "x"
    assert isinstance(tensor, msgspec.Struct)
