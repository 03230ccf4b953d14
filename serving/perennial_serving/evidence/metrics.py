"""Prometheus metrics of the server; label values come from the server, never from a client.

Counted on the event loop alone, so without the locks that the client library takes for each value;
another thread reads them, each by itself.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from perennial_serving.evidence.answers import AnswerCounts
from perennial_serving.system.budget import Budget

SECONDS = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
PROTOCOLS = ("rest", "grpc")
ANSWERS = (200, 500, 503)
"""Codes that are counted from the start, at 0: all that are failures, and good answers."""


class Histogram:
    """Counts in buckets, each of a value up to and including its bound."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._exemplars: dict[int, Exemplar] = {}

    def observe(self, value: float, trace_id: str | None = None) -> None:
        """Count a value; the trace becomes its bucket's exemplar."""
        self.count(bisect_left(self._bounds, value), value, trace_id)

    def count(self, bucket: int, value: float, trace_id: str | None = None) -> None:
        """Count a value whose bucket is known."""
        self._counts[bucket] += 1
        self._sum += value
        if trace_id is not None:
            self._exemplars[bucket] = Exemplar({"trace_id": trace_id}, value, time.time())

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str]) -> None:
        """Add the cumulative buckets to a family."""
        total = 0
        buckets: list[Any] = []
        bounds = (*self._bounds, float("inf"))
        for n, (bound, count) in enumerate(zip(bounds, self._counts, strict=True)):
            total += count
            text = floatToGoString(bound)  # type: ignore[no-untyped-call]
            buckets.append((text, total, self._exemplars.get(n)))
        family.add_metric(labels, buckets, self._sum)


class Metrics(Collector):
    """The metrics of one served model."""

    def __init__(self, model: str, version: str, sha256: str = "") -> None:
        self._model = [model, version]
        self._info = [model, version, sha256]
        self.inference = Histogram(SECONDS)
        self.queued = Histogram(SECONDS)
        self.batch_rows = Histogram(ROWS)
        self.in_flight = 0
        self.load_seconds = 0.0
        self.spool_bytes = 0
        self.budget = Budget(0)
        self.recent = AnswerCounts(SECONDS)
        self._durations = {protocol: Histogram(SECONDS) for protocol in PROTOCOLS}
        # From the start, so that a rate over the first request is not lost.
        self._requests = {(protocol, code): 0 for protocol in PROTOCOLS for code in ANSWERS}
        self._logged: dict[tuple[str, str], int] = {}
        self._outcomes: dict[str, int] = {}
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def answered(
        self, protocol: str, code: int, seconds: float, trace_id: str | None = None
    ) -> None:
        """Count one infer request by its HTTP status, or its equivalent in gRPC."""
        key = (protocol, code)
        self._requests[key] = self._requests.get(key, 0) + 1
        bucket = bisect_left(SECONDS, seconds)
        self._durations[protocol].count(bucket, seconds, trace_id)
        self.recent.answered(code, bucket, time.time())

    def logged(self, kind: str, result: str, count: int) -> None:
        """Count records of the request log: of a kind, spooled or dropped."""
        key = (kind, result)
        self._logged[key] = self._logged.get(key, 0) + count

    def with_log(self) -> None:
        """Show the request log's series."""
        for kind in ("request", "feedback"):
            for result in ("spooled", "dropped"):
                self._logged[(kind, result)] = 0

    def outcome(self, result: str, count: int) -> None:
        """Count rows of feedback that quote a receipt, by what became of them."""
        self._outcomes[result] = self._outcomes.get(result, 0) + count

    def with_receipts(self) -> None:
        """Show the series of feedback by receipt."""
        self._outcomes = dict.fromkeys(("counted", "duplicate", "old", "forged", "refused"), 0)

    def collect(self) -> Iterator[Metric]:
        """Yield all families."""
        labels = ["model", "version"]
        requests = CounterMetricFamily(
            "perennial_serving_requests",
            "Infer requests answered, by HTTP status or its equivalent.",
            labels=[*labels, "protocol", "code"],
        )
        for (protocol, code), count in list(self._requests.items()):
            requests.add_metric([*self._model, protocol, str(code)], count)
        yield requests
        durations = HistogramMetricFamily(
            "perennial_serving_request_duration_seconds",
            "Time from an infer request's last byte to its answer.",
            labels=[*labels, "protocol"],
        )
        for protocol, histogram in self._durations.items():
            histogram.add_to(durations, [*self._model, protocol])
        yield durations
        for name, text, histogram in (
            ("inference_duration_seconds", "Time in the model itself.", self.inference),
            ("queue_duration_seconds", "Time that a request waited for a thread.", self.queued),
            ("batch_rows", "Rows of requests that ran together, or on a thread.", self.batch_rows),
        ):
            family = HistogramMetricFamily(f"perennial_serving_{name}", text, labels=labels)
            histogram.add_to(family, self._model)
            yield family
        refusals = CounterMetricFamily(
            "perennial_serving_memory_refusals",
            "Requests that were refused for want of memory.",
        )
        refusals.add_metric([], self.budget.refusals)
        yield refusals
        for name, text, value in (
            ("memory_held_bytes", "Bytes that requests hold.", self.budget.held),
            ("memory_limit_bytes", "Bytes that they may hold together.", self.budget.limit),
            ("requests_in_flight", "Infer requests under way.", self.in_flight),
            ("model_load_duration_seconds", "Time that loading took.", self.load_seconds),
        ):
            yield GaugeMetricFamily(f"perennial_serving_{name}", text, value=value)
        if self._logged:
            yield from self._log()
        if self._outcomes:
            outcomes = CounterMetricFamily(
                "perennial_serving_outcomes",
                "Rows of feedback that quote a receipt, by what became of them.",
                labels=["result"],
            )
            for result, count in list(self._outcomes.items()):
                outcomes.add_metric([result], count)
            yield outcomes
        info = GaugeMetricFamily(
            "perennial_serving_model_info",
            "The served model; always 1.",
            labels=[*labels, "sha256"],
        )
        info.add_metric(self._info, 1)
        yield info

    def _log(self) -> Iterator[Metric]:
        records = CounterMetricFamily(
            "perennial_serving_log_records",
            "Sampled requests and feedback that went into the spool, or were dropped for want of "
            "room.",
            labels=["kind", "result"],
        )
        for key, count in list(self._logged.items()):
            records.add_metric(key, count)
        yield records
        yield GaugeMetricFamily(
            "perennial_serving_log_spool_bytes",
            "Bytes that wait to be shipped to the store.",
            value=self.spool_bytes,
        )
