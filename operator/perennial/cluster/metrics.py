"""The operator's own Prometheus metrics, named as controller-runtime names its."""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from perennial.api.common import Condition

disable_created_metrics()  # type: ignore[no-untyped-call]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

RECONCILE_TOTAL = Counter(
    "perennial_controller_reconcile_total", "Reconciles.", ["controller", "result"]
)
RECONCILE_SECONDS = Histogram(
    "perennial_controller_reconcile_time_seconds",
    "Time that a reconcile took.",
    ["controller"],
    buckets=SECONDS,
)
LAST_SUCCESS = Gauge(
    "perennial_controller_last_success_timestamp_seconds",
    "When a reconcile last ended well; 0 before the first.",
)
API_WRITES = Counter("perennial_api_writes_total", "Writes to the API server.", ["kind", "verb"])
API_REQUESTS = Counter(
    "rest_client_requests_total", "Requests to the API server.", ["code", "method", "host"]
)
DEPTH = Gauge("workqueue_depth", "Objects that wait for a reconcile.", ["name", "controller"])
ADDS = Counter("workqueue_adds_total", "Objects added to the queue.", ["name", "controller"])
RETRIES = Counter("workqueue_retries_total", "Reconciles tried again.", ["name", "controller"])
QUEUE_SECONDS = Histogram(
    "workqueue_queue_duration_seconds",
    "Time that an object waited for its reconcile.",
    ["name", "controller"],
    buckets=SECONDS,
)
WORK_SECONDS = Histogram(
    "workqueue_work_duration_seconds",
    "Time that a reconcile held its worker.",
    ["name", "controller"],
    buckets=SECONDS,
)
UNFINISHED_SECONDS = Gauge(
    "workqueue_unfinished_work_seconds",
    "Time that the reconciles under way have taken, in sum.",
    ["name", "controller"],
)
LONGEST_SECONDS = Gauge(
    "workqueue_longest_running_processor_seconds",
    "Time that the longest of the reconciles under way has taken.",
    ["name", "controller"],
)
ACTIVE_WORKERS = Gauge(
    "perennial_controller_active_workers", "Reconciles under way.", ["controller"]
)
MAX_RECONCILES = Gauge(
    "perennial_controller_max_concurrent_reconciles", "Workers that there are.", ["controller"]
)
LEADER = Gauge("leader_election_master_status", "1 while this replica leads.", ["name"])


class ObjectGauge(Collector):
    """A gauge about objects: an object's series are replaced together, and go with the object."""

    FAMILY: type[GaugeMetricFamily] | type[CounterMetricFamily] = GaugeMetricFamily

    def __init__(
        self,
        name: str,
        text: str,
        labels: Sequence[str] = (),
        key: Sequence[str] = ("namespace", "name"),
    ) -> None:
        self._name, self._text = name, text
        self._labels = [*key, *labels]
        self._rows: dict[tuple[str, ...], list[tuple[Sequence[str], float]]] = {}
        REGISTRY.register(self)

    def set(self, key: tuple[str, ...], rows: Iterable[tuple[Sequence[str], float]]) -> None:
        """Replace the series of an object, given as (label values, value)."""
        self._rows[key] = list(rows)

    def forget(self, key: tuple[str, ...]) -> None:
        """Drop the series of an object that is gone."""
        self._rows.pop(key, None)

    def collect(self) -> Iterator[Metric]:
        """Yield the family."""
        family = self.FAMILY(self._name, self._text, labels=self._labels)
        for key, rows in list(self._rows.items()):
            for labels, value in rows:
                family.add_metric([*key, *labels], value)
        yield family


class ObjectCounter(ObjectGauge):
    """A counter about objects whose status does the counting: a repeated pass adds nothing."""

    FAMILY = CounterMetricFamily


CONDITION_SINCE = ObjectGauge(
    "perennial_condition_since_timestamp_seconds",
    "Since when a condition of an object has its status; one series a condition.",
    ["type", "status", "reason"],
    key=("kind", "namespace", "name"),
)
MODEL_INFO = ObjectGauge(
    "perennial_model_info",
    "The versions that a ModelDeployment serves, by role; always 1.",
    ["version", "sha256", "role"],
)
MODEL_REPLICAS = ObjectGauge("perennial_model_replicas", "Pods wanted, by role.", ["role"])
MODEL_READY = ObjectGauge(
    "perennial_model_ready_replicas", "Pods that are ready, by role.", ["role"]
)
DRIFT_SCORE = ObjectGauge("perennial_drift_score", "Score of a feature.", ["feature", "effect"])
DRIFT_NEED = ObjectGauge("perennial_drift_need", "Score that drift needs.", ["feature", "effect"])
DRIFT_SAMPLES = ObjectGauge("perennial_drift_samples", "Rows in the newest window.")
DRIFT_BREACHED = ObjectGauge("perennial_drift_breached", "1 while the newest verdict is drift.")
DRIFT_EVALUATED = ObjectGauge(
    "perennial_drift_last_evaluation_timestamp_seconds", "When the newest evaluation was."
)
DRIFT_ACTIONS = ObjectCounter(
    "perennial_drift_actions_total", "What was done about drift.", ["action"]
)
NOTIFICATION_FAILED = ObjectGauge(
    "perennial_notification_failed_timestamp_seconds",
    "When the newest notification was given up; absent otherwise.",
)
PERFORMANCE = ObjectGauge(
    "perennial_performance_value", "Value of a metric of spec.performance.", ["metric"]
)
PERFORMANCE_PATIENCE = ObjectGauge(
    "perennial_performance_patience_seconds",
    "For how long PerformanceKept may be Unknown, as a version is learned.",
)
ESTIMATED = ObjectGauge(
    "perennial_estimated_performance_value",
    "What scores tell of a metric before labels come.",
    ["metric"],
)
ESTIMATED_REFERENCE = ObjectGauge(
    "perennial_estimated_performance_reference",
    "The same metric of the held-out rows.",
    ["metric"],
)
MIX_SCORE = ObjectGauge(
    "perennial_mix_score", "How far a mix of spec.behaviour.mix is from what is usual.", ["mix"]
)
MIX_NEED = ObjectGauge("perennial_mix_need", "Score that a change of a mix needs.", ["mix"])

OF_KIND = {
    "ModelDeployment": (MODEL_INFO, MODEL_REPLICAS, MODEL_READY),
    "DriftMonitor": (
        DRIFT_SCORE,
        DRIFT_NEED,
        DRIFT_SAMPLES,
        DRIFT_BREACHED,
        DRIFT_EVALUATED,
        DRIFT_ACTIONS,
        NOTIFICATION_FAILED,
        PERFORMANCE,
        PERFORMANCE_PATIENCE,
        ESTIMATED,
        ESTIMATED_REFERENCE,
        MIX_SCORE,
        MIX_NEED,
    ),
}


def forget(kind: str, namespace: str, name: str) -> None:
    """Drop all series about an object that is gone."""
    CONDITION_SINCE.forget((kind, namespace, name))
    for gauge in OF_KIND.get(kind, ()):
        gauge.forget((namespace, name))


def tell_conditions(kind: str, namespace: str, name: str, conditions: Iterable[Condition]) -> None:
    """Set the series of an object's conditions; one without a time has its status since ever."""
    rows = []
    for c in conditions:
        since = c.last_transition_time.timestamp() if c.last_transition_time is not None else 0.0
        rows.append(((c.type, c.status, c.reason), since))
    CONDITION_SINCE.set((kind, namespace, name), rows)
