"""Traces and exemplars reach a real OTLP receiver and OpenMetrics, below the caller's own trace."""

import http.server
import json
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from onnx_models import doubling
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from servers import Server, serving
from tritonclient.grpc import service_pb2 as pb

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
BODY = {"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1.0]}]}


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Receive spans over OTLP/HTTP, as a collector does; switch the server's tracing on."""
    received: list[Any] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
                for scope in resource.scope_spans:
                    received.extend(scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{collector.server_address[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        yield received
        collector.shutdown()


def infer(server: Server, **headers: str) -> None:
    url = f"{server.url}/v2/models/m/infer"
    request = urllib.request.Request(url, data=json.dumps(BODY).encode(), headers=headers)
    urllib.request.urlopen(request).close()


def infer_grpc(server: Server) -> None:
    request = pb.ModelInferRequest(model_name="m")
    tensor = request.inputs.add(name="x", datatype="FP32", shape=[1, 1])
    tensor.contents.fp32_contents.append(1.0)
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        metadata = (("traceparent", TRACEPARENT),)
        call(request.SerializeToString(), timeout=20, metadata=metadata)


def exemplars(server: Server) -> set[str]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.metrics}/metrics",
        headers={"Accept": "application/openmetrics-text; version=1.0.0"},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        families = text_string_to_metric_families(answer.read().decode())
    samples = [s for family in families for s in family.samples if s.exemplar]
    assert {s.name for s in samples} <= {"perennial_serving_request_duration_seconds_bucket"}
    return {s.exemplar.labels["trace_id"] for s in samples}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_spans_are_the_callers_and_exemplars_name_them(
    tmp_path: Path, spans: list[Any], workers: str
) -> None:
    with serving(doubling(tmp_path), "--workers", workers) as server:
        infer(server, traceparent=TRACEPARENT)
        infer_grpc(server)
        assert exemplars(server) == {TRACE}
        assert server.stop() == 0
    assert {s.name for s in spans} == {
        "POST /v2/models/m/infer",
        "inference.GRPCInferenceService/ModelInfer",
    }
    assert {s.trace_id.hex() for s in spans} == {TRACE}
    assert {s.parent_span_id.hex() for s in spans} == {PARENT}
    found = {a.key: a.value for s in spans for a in s.attributes}
    assert found["http.response.status_code"].int_value == 200
    assert found["rpc.grpc.status_code"].int_value == 0
    assert found["perennial.model.name"].string_value == "m"


def test_what_the_caller_does_not_sample_is_no_span_and_no_exemplar(
    tmp_path: Path, spans: list[Any]
) -> None:
    with serving(doubling(tmp_path)) as server:
        infer(server, traceparent=TRACEPARENT[:-1] + "0")
        assert exemplars(server) == set()
        assert server.stop() == 0
    assert spans == []


def test_without_opentelemetry_plain_metrics_are_served(tmp_path: Path) -> None:
    with serving(doubling(tmp_path)) as server:
        infer(server, traceparent=TRACEPARENT)
        assert exemplars(server) == set()
        name = 'perennial_serving_requests_total{code="200",model="m",protocol="rest",version="1"}'
        assert server.samples()[name] == 1
