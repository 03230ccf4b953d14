"""The client of the fraud case: payments and labels in order, each as late as it is."""

import json
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fraud import stream
from fraud.data import FEATURES, START, Year, payments
from fraud.demo import live_file
from fraud.policies import live_rows, with_days

DAYS = 75


class Played:
    """A model that says which day it is by its version, and keeps what it is told."""

    failed = 0

    def __init__(self) -> None:
        self.asked: dict[str, dict[str, Any]] = {}
        self.told: list[tuple[int, dict[str, Any]]] = []
        self.day = 0

    def infer(self, content: bytes) -> tuple[str, np.ndarray]:
        body = json.loads(content)
        self.asked[body["id"]] = body
        self.day = int(body["id"].split("-")[1])
        return f"v{self.day}", np.full(body["inputs"][0]["shape"][0], 0.25)

    def tell(self, items: list[dict[str, Any]]) -> None:
        self.told += [(self.day, item) for item in items]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    live = live_rows(with_days(payments(Year(seed=3, customers=300))))
    return live[live["day"] < live["day"].min() + DAYS]


@pytest.fixture(scope="module")
def played(rows: pd.DataFrame) -> tuple[Played, pd.DataFrame]:
    model = Played()
    began = time.time() - 1e6  # all of it is late: nothing is waited for
    found = stream.replay(model, live_file(rows), began, 0.001)  # type: ignore[arg-type]
    return model, pd.concat(found)


def test_each_payment_is_asked_about_once_with_what_is_known_then(
    rows: pd.DataFrame, played: tuple[Played, pd.DataFrame]
) -> None:
    model, answers = played
    assert answers["row"].tolist() == rows.index.tolist()
    bodies = list(model.asked.values())
    assert sum(b["inputs"][0]["shape"][0] for b in bodies) == len(rows)
    assert {tuple(i["name"] for i in b["inputs"]) for b in bodies} == {tuple(FEATURES)}
    kinds = {i["name"]: i["datatype"] for i in bodies[0]["inputs"]}
    assert [n for n, kind in kinds.items() if kind == "BYTES"] == ["category"]


def test_labels_are_what_is_known_by_then_and_a_late_report_overrides(
    rows: pd.DataFrame, played: tuple[Played, pd.DataFrame]
) -> None:
    model, _ = played
    last, final = int(rows["day"].max()), dict[tuple[str, int], int]()
    for day, item in model.told:
        made = int(item["id"].split("-")[1])
        labels = item["label"] if isinstance(item["label"], list) else [item["label"]]
        for n, label in enumerate(labels, item.get("row", 0)):
            if label is not None:
                assert label == 1 or day == made + stream.SETTLED_DAYS
                final[item["id"], n] = label
    known = (rows["known"] - START) / pd.Timedelta(days=1)
    days = np.floor(rows["day"]).astype(int)
    place = rows.groupby(days).cumcount()
    overridden = 0
    for index, day in days.items():
        key = (f"payments-{day}-{place[index] // stream.BATCH}", place[index] % stream.BATCH)
        is_reported = known[index] <= last
        is_settled = day + stream.SETTLED_DAYS <= last
        assert final.get(key) == (1 if is_reported else 0 if is_settled else None)
        overridden += bool(is_reported and known[index] > day + stream.SETTLED_DAYS)
    assert overridden > 0, "no report was later than silence"


def test_a_request_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream.time, "sleep", lambda seconds: None)
    model = stream.Model("http://127.0.0.1:9/v2/models/fraud")
    with pytest.raises(RuntimeError, match="infer was not answered 8 times"):
        model.infer(b"{}")
    assert model.failed == stream.TRIES
