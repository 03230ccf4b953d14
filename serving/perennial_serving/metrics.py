"""Prometheus metrics of the server; label values come from the server, never from a client."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

disable_created_metrics()  # type: ignore[no-untyped-call]

BUCKETS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)


class Metrics:
    """The metrics of one served model."""

    def __init__(self, model: str, version: str, sha256: str = "") -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        labels = ["model", "version", "protocol"]
        self._requests = Counter(
            "perennial_serving_requests_total",
            "Infer requests answered, by HTTP status.",
            [*labels, "code"],
            registry=self.registry,
        )
        durations = Histogram(
            "perennial_serving_request_duration_seconds",
            "Time from an infer request's last byte to its answer.",
            labels,
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.inference = Histogram(
            "perennial_serving_inference_duration_seconds",
            "Time in the model itself.",
            ["model", "version"],
            buckets=BUCKETS,
            registry=self.registry,
        ).labels(model, version)
        self.in_flight = Gauge(
            "perennial_serving_requests_in_flight",
            "Infer requests under way.",
            registry=self.registry,
        )
        self.load_duration = Gauge(
            "perennial_serving_model_load_duration_seconds",
            "Time that loading the model took.",
            registry=self.registry,
        )
        Gauge(
            "perennial_serving_model_info",
            "The served model; always 1.",
            ["model", "version", "sha256"],
            registry=self.registry,
        ).labels(model, version, sha256).set(1)
        self._model, self._version = model, version
        self._duration = durations.labels(model, version, "rest")
        self._codes: dict[int, Counter] = {}
        # From the start, so that a rate over the first request is not lost.
        self._counter(200)
        self._counter(500)

    def _counter(self, code: int) -> Counter:
        counter = self._codes.get(code)
        if counter is None:
            counter = self._requests.labels(self._model, self._version, "rest", str(code))
            self._codes[code] = counter
        return counter

    def answered(self, code: int, seconds: float) -> None:
        """Count one infer request."""
        self._counter(code).inc()
        self._duration.observe(seconds)
