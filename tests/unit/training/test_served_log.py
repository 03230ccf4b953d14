"""From a request to a row: the server logs, the shipper writes, the trainer learns."""

import http.client
import json
import time
from pathlib import Path
from typing import Any

import pandas as pd
from onnx_models import boosted
from servers import Server, serving
from test_request_log import infer, shipping

from perennial_artifact.result import DatasetSpec, FeedbackSpec
from perennial_training.prepare.dataset import Rows, load


def tell(server: Server, items: list[dict[str, Any]]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=20)
    connection.request("POST", "/v2/models/m/feedback", json.dumps(items))
    assert connection.getresponse().status == 200
    connection.close()


def test_what_was_served_is_learned_from(tmp_path: Path) -> None:
    model, rows = boosted(tmp_path / "model")
    dataset = rows.iloc[:100].assign(benign=[True, False] * 50, seen=pd.Timestamp("2026-01-01"))
    dataset.to_parquet(tmp_path / "rows.parquet")
    served = rows.iloc[100:160].reset_index(drop=True)
    names = json.dumps(list(rows.columns))
    options = ("--log-dir", str(tmp_path / "spool"), "--log-features", names)
    with serving(model, *options) as server, shipping(tmp_path / "spool", tmp_path / "log"):
        infer(server, served.iloc[:59], "input", id="batch")
        infer(server, served.iloc[59:], "input", id="single")
        tell(server, [{"id": "batch", "row": n, "label": n % 3 == 0} for n in range(59)])
        tell(server, [{"id": "single", "label": False}, {"id": "single", "label": True}])
        tell(server, [{"id": "single", "reward": 0.5}, {"id": "unknown", "label": True}])
        assert server.stop() == 0

    def read(**more: Any) -> Rows:
        spec = {"uri": f"file://{tmp_path}/rows.parquet", "target": "benign", **more}
        return load(DatasetSpec.from_plain(spec), "Classification", None)

    log = FeedbackSpec(deployment="m", uri=f"file://{tmp_path}/log")
    split = {"method": "Time", "testFraction": 0.375}
    found = read(feedback=log, timeColumn="seen", split=split)
    assert found.feedback is not None and found.feedback.unusable_labels == 0
    assert (found.record.rows, found.record.feedback_rows) == (160, 60)
    pd.testing.assert_frame_equal(found.test.reset_index(drop=True), served.astype("float64"))
    assert found.test_target.to_list() == [int(n % 3 == 0) for n in range(59)] + [1]
    assert time.time() - found.test_times.min() < 3600
