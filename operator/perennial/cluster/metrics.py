"""The operator's own Prometheus metrics, named as controller-runtime names its."""

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]

RECONCILE_TOTAL = Counter(
    "perennial_controller_reconcile_total", "Reconciles.", ["controller", "result"]
)
RECONCILE_SECONDS = Histogram(
    "perennial_controller_reconcile_time_seconds",
    "Time that a reconcile took.",
    ["controller"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
API_WRITES = Counter("perennial_api_writes_total", "Writes to the API server.", ["kind", "verb"])
DEPTH = Gauge("workqueue_depth", "Objects that wait for a reconcile.", ["name", "controller"])
RETRIES = Counter("workqueue_retries_total", "Reconciles tried again.", ["name", "controller"])
LEADER = Gauge("leader_election_master_status", "1 while this replica leads.", ["name"])
MODEL_INFO = Gauge(
    "perennial_model_info",
    "One for each managed model; always 1.",
    ["namespace", "name", "version", "sha256"],
)
DRIFT_SCORE = Gauge(
    "perennial_drift_score",
    "Score of the worst features.",
    ["namespace", "name", "feature", "test"],
)
DRIFT_SAMPLES = Gauge(
    "perennial_drift_samples", "Rows in the newest window.", ["namespace", "name"]
)
DRIFT_BREACHED = Gauge(
    "perennial_drift_breached", "1 while the newest verdict is drift.", ["namespace", "name"]
)
DRIFT_EVALUATED = Gauge(
    "perennial_drift_last_evaluation_timestamp_seconds",
    "When the newest evaluation was.",
    ["namespace", "name"],
)
