"""Servers, trainers and operators of a base and of today understand each other."""

import copy
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from servers import Server, closed_window, serving, window
from workshop import Workshop, orders

from perennial_artifact.manifest import Manifest
from perennial_artifact.profile import Profile
from perennial_artifact.result import CandidateResult, RunSpec
from perennial_artifact.windows import FORMAT, Window, merge
from upgrade.base import Base, bases
from upgrade.record import missed, names

Json = dict[str, Any]


@pytest.fixture(params=bases(), ids=lambda base: base.place.name, scope="module")
def base(request: pytest.FixtureRequest) -> Base:
    found: Base = request.param
    return found


@pytest.fixture(scope="module")
def old_model(base: Base) -> Iterator[Server]:
    """Today's server, of the model that the base's trainer published."""
    with serving(base.place / "artifact") as server:
        yield server


@pytest.fixture(scope="module")
def new_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Today's server, of a model of today's trainer; it has answered two and refused one."""
    shop = Workshop(tmp_path_factory.mktemp("shop"))
    shop.put(orders())
    result = shop.train()
    assert result.artifact is not None
    with serving(Path(result.artifact.uri.removeprefix("file://"))) as server:
        known: dict[str, Any] = {"FP32": 0.5, "BYTES": "red"}
        inputs = json.loads(get(server.url, "/v2/models/m"))["inputs"]
        good = [{**i, "shape": [3, 1], "data": [known[i["datatype"]]] * 3} for i in inputs]
        bad = [{**good[0], "name": "unheard-of"}]
        assert [infer(server, body) for body in (good, good, bad)] == [200, 200, 400]
        yield server


def get(url: str, path: str) -> bytes:
    with urllib.request.urlopen(url + path, timeout=10) as answer:
        return bytes(answer.read())


def infer(server: Server, inputs: list[Json]) -> int:
    body = json.dumps({"inputs": inputs}).encode()
    try:
        with urllib.request.urlopen(f"{server.url}/v2/models/m/infer", body) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return int(refused.code)


def of_followed(base: Base, name: str) -> bytes:
    (file,) = (base.place / "pods").glob(f"followed-*/{name}")
    return file.read_bytes()


def test_todays_server_serves_the_bases_model_as_it_was_served(
    base: Base, old_model: Server
) -> None:
    was = json.loads(of_followed(base, "metadata.json"))
    now = json.loads(get(old_model.url, "/v2/models/m"))
    assert (now["inputs"], now["outputs"]) == (was["inputs"], was["outputs"])
    assert was.keys() <= now.keys()
    known = base.json("server/v2.json")
    today = json.loads(get(old_model.url, "/v2"))
    assert today["name"] == known["name"] and {*known["extensions"]} <= {*today["extensions"]}
    metrics = f"http://127.0.0.1:{old_model.metrics}"
    assert get(metrics, "/profile") == (base.place / "artifact" / "profile.json").read_bytes()


def test_it_answers_as_the_bases_server_did(base: Base, old_model: Server) -> None:
    body = (base.place / "server" / "request.json").read_bytes()
    with urllib.request.urlopen(f"{old_model.url}/v2/models/m/infer", body) as answer:
        now = {o["name"]: o for o in json.loads(answer.read())["outputs"]}
    for was in base.json("server/answer.json")["outputs"]:
        found = now[was["name"]]
        assert (found["datatype"], found["shape"]) == (was["datatype"], was["shape"])
        assert found["data"] == pytest.approx(was["data"], abs=1e-4)


def test_its_metrics_are_still_told(base: Base, old_model: Server) -> None:
    known = base.json("server/metrics.json")
    now = names(get(f"http://127.0.0.1:{old_model.metrics}", "/metrics").decode())
    assert len(known) > 5 and missed(known, now) == []
    name = "perennial_serving_requests_total"
    fewer = {**now, name: {"type": "gauge", "labels": ["code"]}}
    assert missed(known, fewer)[0] == f"{name} is a gauge now"
    assert f"{name} has no model any more" in missed(known, fewer)
    assert missed(known, {}) == [f"{name} is gone" for name in known]


def test_what_the_bases_servers_counted_is_read_and_added_up(base: Base) -> None:
    bodies = [file.read_bytes() for file in (base.place / "pods").glob("resting-*/window.json")]
    raw = [json.loads(body) for body in bodies]
    both = merge([Window.from_json(body) for body in bodies])
    assert len(raw) == 2 and both.requests is not None and both.features is not None
    told = [bucket for each in raw for bucket in each["requests"]["buckets"]]
    for place, name in enumerate(("answered", "refused", "failed"), start=2):
        assert sum(getattr(b, name) for b in both.requests.buckets) == sum(b[place] for b in told)
    assert sum(sum(b.took) for b in both.requests.buckets) == sum(sum(b[5]) for b in told) > 0
    assert both.rows == sum(each["rows"] for each in raw) > 0
    profile = Profile.from_json((base.place / "artifact" / "profile.json").read_bytes())
    for place, column in enumerate(both.features):
        counts = zip(*(each["features"][place][0] for each in raw), strict=True)
        assert column.counts == [sum(cell) for cell in counts]
        assert len(column.counts) == len(profile.features[place].counts)


def test_a_run_of_the_base_that_ends_after_an_upgrade_is_understood(base: Base) -> None:
    (told,) = (base.place / "run").glob("*/run.json")
    run = RunSpec.from_json(told.read_bytes())
    files = sorted((base.place / "run" / "messages").iterdir())
    results = [CandidateResult.from_json(file.read_bytes()) for file in files]
    assert [r.candidate for r in results] == [c.name for c in run.candidates]
    assert all(r.artifact and r.metrics and r.signature and r.dataset for r in results)
    manifest = Manifest.from_json((base.place / "artifact" / "manifest.json").read_bytes())
    assert manifest.signature in [r.signature for r in results]
    assert manifest.columns and manifest.lineage is not None and manifest.metrics


def test_an_operator_of_the_base_reads_what_todays_server_counts(
    base: Base, new_model: Server
) -> None:
    """By place and name, as it was written: not by today's own reader."""
    end = closed_window(new_model).end
    now = json.loads(window(new_model, end - 300, end)[1])
    reader = base.json("readers/window.json")
    jsonschema.validate(now, reader)
    buckets = now["requests"]["buckets"]
    assert [sum(b[place] for b in buckets) for place in (2, 3, 4)] == [2, 1, 0]
    assert all(end - 300 <= b[0] < end and b[1] == 1 for b in buckets)
    assert all(len(b[5]) == len(now["requests"]["bounds"]) + 1 for b in buckets)
    assert (now["start"], now["end"], now["rows"]) == (end - 300, end, 6)
    assert now["since"] < now["clock"] and now["model"] == "m"
    profile = json.loads(get(f"http://127.0.0.1:{new_model.metrics}", "/profile"))
    jsonschema.validate(profile, base.json("readers/profile.json"))
    assert len(profile["features"]) == len(now["features"]) > 0
    for feature, (counts, other, missing, beyond, *_) in zip(
        profile["features"], now["features"], strict=True
    ):
        assert len(counts) == len(feature["counts"]) and sum(counts) + other + missing == 6
        assert beyond <= 6


def test_it_may_ask_todays_server_all_that_it_asked_its_own(base: Base, new_model: Server) -> None:
    own = f"http://127.0.0.1:{new_model.metrics}"
    for path in ("/healthz", "/v2/health/ready", "/profile", "/metrics"):
        assert get(own, path)
    was, now = json.loads(of_followed(base, "metadata.json")), json.loads(get(own, "/v2/models/m"))
    assert was.keys() <= now.keys()
    for told in ("inputs", "outputs"):
        assert now[told] and all(was[told][0].keys() <= tensor.keys() for tensor in now[told])
    drain = urllib.request.Request(f"{own}/drain", method="POST")
    with urllib.request.urlopen(drain, timeout=10) as answer:
        assert answer.status == 200


WRONG: list[tuple[str, Any]] = [
    ("format", FORMAT + 1),  # raised where an older reader would misread it
    ("since", None),
    ("clock", "now"),
    ("rows", -1),
    ("requests", {"bounds": [1.0]}),
    ("requests", {"bounds": [1.0], "buckets": [[1, 1, 1, 0, 0]]}),
    ("features", [[[1], 0, 0]]),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_what_it_would_misread_is_noticed(base: Base, field: str, value: Any) -> None:
    reader = base.json("readers/window.json")
    told = json.loads(of_followed(base, "window.json"))
    more = {**copy.deepcopy(told), "unheardOf": 1}
    more["requests"]["buckets"] = [[*b, "unheardOf"] for b in more["requests"]["buckets"]]
    jsonschema.validate(more, reader)  # what is new it skips
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**told, field: value}, reader)
