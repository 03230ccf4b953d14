"""``perennial-serve``: serve one model directory."""

from __future__ import annotations

import argparse
import math
import os
import socket
import sys
from pathlib import Path

from perennial_serving.cpu import cpu_limit, quota
from perennial_serving.sockets import Sockets, bind, reserve


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
    add("workers", int, "0", "processes; 0: one for each whole CPU of the cgroup's limit")
    add("drain-seconds", float, "20", "longest time from SIGTERM to the end")
    add("quiet-seconds", float, "2", "after SIGTERM, time without a request that ends the drain")
    parser.add_argument("--inherit", help=argparse.SUPPRESS)  # from the workers' parent
    return parser.parse_args(arguments)


def main() -> int:
    """Serve a model; return 1 with the reason told where it cannot be."""
    chosen = options()
    cpus = max(1, math.floor(cpu_limit()))
    if chosen.inherit:
        http, metrics, port, count = map(int, chosen.inherit.split(","))
        own = socket.socket(fileno=metrics)
        sockets = Sockets(socket.socket(fileno=http), own, chosen.host, port)
        return _work(chosen, sockets, max(1, cpus // count))
    # Without a limit a pod does not own the machine, so it is one process.
    limit = quota()
    count = chosen.workers or (max(1, math.floor(limit)) if math.isfinite(limit) else 1)
    try:
        if count > 1:
            from perennial_serving.workers import supervise

            return supervise(chosen, sys.argv[1:], count)
        held = reserve(chosen.host, chosen.grpc_port)
        sockets = Sockets(
            bind(chosen.host, chosen.http_port),
            bind(chosen.host, chosen.metrics_port),
            chosen.host,
            held.getsockname()[1],
        )
    except OSError as error:
        told = f"{chosen.host}, ports {chosen.http_port}, {chosen.grpc_port}"
        print(f"{told}, {chosen.metrics_port}: {error}", file=sys.stderr)
        return 1
    return _work(chosen, sockets, cpus)


def _work(chosen: argparse.Namespace, sockets: Sockets, threads: int) -> int:
    # Here, because the workers' parent has no use for the model's libraries.
    from perennial_serving.worker import work

    return work(chosen, sockets, threads)


if __name__ == "__main__":
    sys.exit(main())
