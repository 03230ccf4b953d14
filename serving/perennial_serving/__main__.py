"""``perennial-serve``: serve one model directory."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from perennial_serving.dataplane import DataPlane
from perennial_serving.errors import ModelInvalid
from perennial_serving.fetch import report
from perennial_serving.metrics import Metrics
from perennial_serving.model import load
from perennial_serving.server import Address, Limits, serve


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line, with the environment for defaults."""
    parser = argparse.ArgumentParser(prog="perennial-serve", description=__doc__)

    def add(name: str, kind: type, default: str, text: str) -> None:
        variable = "PERENNIAL_" + name.upper().replace("-", "_")
        # argparse converts a default that is text, so that a bad variable is refused as an option.
        parser.add_argument(
            f"--{name}",
            type=kind,
            default=os.environ.get(variable, default),
            help=f"{text} ({variable}, {default})",
        )

    add("model-dir", Path, "/perennial/model", "directory with model.onnx")
    add("model-name", str, "model", "name in the paths")
    add("model-version", str, "1", "version in the paths")
    add("host", str, "0.0.0.0", "address to listen on")
    add("http-port", int, "8080", "port for requests over HTTP")
    add("grpc-port", int, "8081", "port for requests over gRPC")
    add("metrics-port", int, "9090", "port for /metrics and /drift")
    add("max-body-bytes", int, str(16 * 1024 * 1024), "largest request")
    add("max-in-flight", int, "1024", "requests at once; more are refused with 503")
    add("batch-max-rows", int, "256", "rows of several requests that run together; 0: never")
    add("drift", int, "1", "count drift windows: 1 or 0")
    add("drain-seconds", float, "20", "longest time from SIGTERM to the end")
    add("quiet-seconds", float, "2", "after SIGTERM, time without a request that ends the drain")
    return parser.parse_args(arguments)


def main() -> int:
    """Load the model and serve it; exit 1 with the reason where it cannot be loaded."""
    chosen = options()
    began = time.monotonic()
    try:
        model = load(chosen.model_dir, chosen.model_name, chosen.model_version)
        metrics = Metrics(model.name, model.version, model.sha256)
        plane = DataPlane(model, metrics, bool(chosen.drift))
    except ModelInvalid as error:
        report("ModelInvalid", str(error))
        return 1
    metrics.load_seconds = time.monotonic() - began
    import uvloop

    limits = Limits(
        body_bytes=chosen.max_body_bytes,
        in_flight=chosen.max_in_flight,
        batch_rows=chosen.batch_max_rows,
        drain_seconds=chosen.drain_seconds,
        quiet_seconds=chosen.quiet_seconds,
    )
    address = Address(chosen.host, chosen.http_port, chosen.grpc_port, chosen.metrics_port)
    code = uvloop.run(serve(plane, limits, address))
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit, which would wait for a thread that is still in a model beyond the deadline.
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
