"""Rankings that nobody trained are served as those that were, and choose what they say."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from perennial_artifact.manifest import MANIFEST, MODEL, Manifest
from perennial_artifact.result import CandidateSpec
from perennial_serving.model.loaded import load
from shop import traffic
from shop.data import CANDIDATES, INPUTS, by_habit, by_popularity
from shop.learned import REGRESSION, TRAINING, learned
from shop.rankings import (
    FEATURES,
    HABIT,
    POPULARITY,
    RANDOM,
    SIGNATURE,
    Step,
    first_choice,
    onnx_model,
    write_artifact,
)

REQUESTS = 60


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Candidates of which those that are bought often by the customer are bought."""
    random, rows = np.random.default_rng(5), REQUESTS * CANDIDATES
    found = pd.DataFrame({name: random.uniform(0, 1, rows) for name in INPUTS}, dtype=np.float32)
    found["times_bought"] = random.poisson(0.3, rows).astype(np.float32)
    found.insert(0, "time", np.repeat(pd.date_range("2010-03-01", periods=REQUESTS), CANDIDATES))
    chance = 0.05 + 0.3 * (found["times_bought"] > 0)
    found["bought"] = (random.uniform(0, 1, rows) < chance).astype("int64")
    return found


def inputs(table: pd.DataFrame) -> np.ndarray:
    return table[INPUTS].to_numpy(np.float32).reshape(REQUESTS, CANDIDATES, len(INPUTS))


@pytest.mark.parametrize("steps", [POPULARITY, HABIT, RANDOM])
def test_the_server_takes_it(steps: list[Step], tmp_path: Path) -> None:
    write_artifact(steps, tmp_path)
    model = load(tmp_path, "shop", "1")
    assert [t.name for t in model.inputs] == FEATURES
    assert list(model.classes) == ["0", "1"]


def test_it_takes_and_gives_what_a_trained_one_does(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shop.months.LEARNED", 1.0)
    model = learned(CandidateSpec("regression", "LogisticRegression", {"max_iter": 50}), table)
    chosen = first_choice(model, inputs(table))
    times = inputs(table)[np.arange(REQUESTS), chosen, INPUTS.index("times_bought")]
    assert (times > 0).mean() > 0.9  # it learned
    # As the server tells them: what a variant must give, and take, that stable does.
    (tmp_path / MODEL).write_bytes(model)
    write_artifact(POPULARITY, tmp_path)
    manifest = Manifest.from_json((tmp_path / MANIFEST).read_bytes())
    assert manifest.signature == SIGNATURE
    import onnx

    found = onnx.load_from_string(model).graph
    assert [i.name for i in found.input] == FEATURES
    assert [o.name for o in found.output] == [t.name for t in SIGNATURE.outputs]


def test_the_example_learns_from_the_same_inputs() -> None:
    spec = yaml.safe_load(TRAINING.read_text())["spec"]
    assert spec["dataset"]["features"] == FEATURES
    candidate = spec["candidates"][0]
    assert (candidate["name"], candidate["algorithm"]) == (REGRESSION.name, REGRESSION.algorithm)
    assert candidate["parameters"] == REGRESSION.parameters


def test_plain_rankings_choose_what_they_say(table: pd.DataFrame) -> None:
    asked = inputs(table)
    for steps, score in ((POPULARITY, by_popularity), (HABIT, by_habit)):
        wanted = [int(np.argmax(score(each))) for each in asked]
        assert first_choice(onnx_model(steps), asked).tolist() == wanted
    drawn = first_choice(onnx_model(RANDOM), asked)
    assert len(set(drawn.tolist())) > REQUESTS / 3  # a few come twice by chance


def test_the_reward_is_told_once_of_the_row_that_was_shown(table: pd.DataFrame) -> None:
    rows = table[:CANDIDATES]
    scores = np.zeros(CANDIDATES)
    scores[17] = 0.4
    flat = np.column_stack([1 - scores, scores]).ravel().tolist()
    answer = {
        "model_version": "shop-1",
        "parameters": {"receipt": "abc"},
        "outputs": [
            {"name": "label", "shape": [CANDIDATES], "data": [0] * CANDIDATES},
            {"name": "probabilities", "shape": [CANDIDATES, 2], "data": flat},
        ],
    }
    told = traffic.reward(answer, rows)
    assert told == {"receipt": "abc.17", "reward": float(rows["bought"].iloc[17])}
    asked = json.loads(traffic.body(rows[["time", *FEATURES, "bought"]]))
    assert [i["name"] for i in asked["inputs"]] == FEATURES


def test_the_next_file_is_asked_when_it_is_its_turn(tmp_path: Path) -> None:
    files = []
    for name, requests in (("winter", 2), ("autumn", 1)):
        files.append(str(tmp_path / f"{name}.parquet"))
        number = [n // traffic.CANDIDATES for n in range(traffic.CANDIDATES * requests)]
        pd.DataFrame({"name": name, "number": number}).to_parquet(files[-1])
    part = 0
    asked = traffic.in_order(files, lambda: part)
    shown = [next(asked) for _ in range(3)]
    part = 1
    shown += [next(asked) for _ in range(2)]
    part = 2  # there is no third
    shown += [next(asked)]
    assert all(len(rows) == traffic.CANDIDATES for rows in shown)
    assert [(rows["name"].iloc[0], rows["number"].iloc[0]) for rows in shown] == [
        ("winter", 0), ("winter", 1), ("winter", 0), ("autumn", 0), ("autumn", 0), ("autumn", 0),
    ]  # fmt: skip
