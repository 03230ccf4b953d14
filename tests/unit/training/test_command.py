"""The first day: a table of scikit-learn's own, a forest, a question; no cluster."""

import http.client
import json
from pathlib import Path

import pytest
from servers import serving
from sklearn.datasets import load_diabetes, load_iris

from perennial_training.command import main


def ask(port: int, inputs: dict[str, float]) -> dict[str, object]:
    tensors = [
        {"name": n, "datatype": "FP32", "shape": [1, 1], "data": [v]} for n, v in inputs.items()
    ]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/v2/models/m/infer", json.dumps({"inputs": tensors}))
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return {output["name"]: output["data"] for output in answer["outputs"]}


def test_a_forest_is_trained_served_and_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    iris = load_iris(as_frame=True)
    frame = iris.data.assign(species=iris.target_names[iris.target])
    frame.to_csv(tmp_path / "iris.csv", index=False)
    into = tmp_path / "iris"
    words = [str(tmp_path / "iris.csv"), "--target", "species", "--into", str(into)]
    assert main([*words, "--algorithm", "RandomForestClassifier"]) == 0
    said = capsys.readouterr()
    assert "held-out rows; serve it: perennial-serve --model-dir" in said.out
    assert "4 numbers" in said.err and "alone tells" not in said.err
    with serving(into) as server:
        found = ask(server.http, frame.iloc[75, :4].to_dict())
    assert found["label"] == ["versicolor"]
    assert max(found["probabilities"]) > 0.9  # type: ignore[call-overload]


def test_the_task_is_the_algorithms(tmp_path: Path) -> None:
    load_diabetes(as_frame=True).frame.to_csv(tmp_path / "rows.csv")
    words = [str(tmp_path), "--target", "target", "--into", str(tmp_path / "model")]
    assert main([*words, "--algorithm", "Ridge"]) == 0
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text())
    assert manifest["task"] == "Regression"
    assert len(manifest["columns"]) == 10  # not the row counter without a heading


def test_what_is_wrong_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    words = [str(tmp_path / "rows.csv"), "--target", "c", "--into", str(tmp_path / "model")]
    assert main(words) == 1
    assert "DatasetInvalid: file://" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()
