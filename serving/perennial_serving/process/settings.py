"""How a server runs: the command line, with the environment for defaults."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path

from perennial_serving.evidence.receipts.settings import ReceiptSettings, Reward
from perennial_serving.evidence.requestlog.settings import LogSettings


def read(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="perennial-serve", description="Serve one model directory."
    )

    def add(name: str, kind: Callable[[str], object], default: str, text: str) -> None:
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
    add("metrics-port", int, "9090", "port for /metrics and /window")
    add("mirror-http-port", int, "0", "port for copies of requests, over HTTP; 0: none is taken")
    add("mirror-grpc-port", int, "0", "port for copies of requests, over gRPC; 0: none is taken")
    add("max-body-bytes", _body_bytes, str(16 * 1024 * 1024), "largest request, at least 1024")
    add("memory-bytes", int, "0", "memory of the pod; 0: the cgroup's limit")
    add("max-connections", int, "10000", "connections at once, of each port and process")
    add("max-in-flight", int, "1024", "requests at once; more are refused with 503")
    add("max-rows", int, str(1024 * 1024), "most rows of a request")
    add("batch-max-rows", int, "256", "rows of several requests that run together; 0: never")
    add("drift", int, "1", "count features and predictions: 1 or 0")
    add("log-dir", str, "", "spool directory of the request log; empty: no log, no feedback")
    add("log-sample", _fraction, "1", "fraction of the requests that are logged")
    add("log-features", _names, "[]", "inputs that may be logged, a JSON list")
    add("log-max-bytes", int, str(128 * 1024 * 1024), "most that waits in the spool directory")
    add("receipts", str, "", "directory with the keys that seal receipts; empty: no receipts")
    add("pairs", str, "", "directory with the key by which some answers are kept; empty: none is")
    add("caller-header", str, "", "header whose value names the caller; empty: none is counted")
    add("reward-minimum", _finite, "-1e30", "smallest reward that feedback by receipt may tell")
    add("reward-maximum", _finite, "1e30", "largest reward that feedback by receipt may tell")
    add("workers", int, "0", "processes; 0: one for each whole CPU of the cgroup's limit")
    add("drain-seconds", float, "20", "longest time from SIGTERM to the end")
    add("quiet-seconds", float, "2", "after SIGTERM, time without a request that ends the drain")
    parser.add_argument("--inherit", help=argparse.SUPPRESS)  # from the workers' parent
    return parser.parse_args(arguments)


def log_settings(chosen: argparse.Namespace) -> LogSettings | None:
    """Return what the command line says of the request log, None where it is off."""
    if not chosen.log_dir:
        return None
    directory = Path(chosen.log_dir)
    return LogSettings(directory, chosen.log_sample, chosen.log_features, chosen.log_max_bytes)


def receipt_settings(chosen: argparse.Namespace, duplicates: int | None) -> ReceiptSettings | None:
    """Return what the command line says of receipts, None where they are off."""
    if not chosen.receipts:
        return None
    reward = Reward(chosen.reward_minimum, chosen.reward_maximum)
    return ReceiptSettings(Path(chosen.receipts), reward, duplicates)


def mirror_ports(chosen: argparse.Namespace) -> tuple[int, ...]:
    """Return the ports for copies of requests, over HTTP and over gRPC: both or none."""
    ports = (chosen.mirror_http_port, chosen.mirror_grpc_port)
    return ports if all(ports) else ()


def _body_bytes(text: str) -> int:
    value = int(text)
    # As the deployment's schema has it, for spec.serving.limits.maxBodySize.
    if value < 1024:
        raise argparse.ArgumentTypeError(f"expected at least 1024 bytes, got {text}")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not abs(value) <= 1e30:
        raise argparse.ArgumentTypeError(f"expected a number from -1e30 to 1e30, got {text}")
    return value


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text}")
    return value


def _names(text: str) -> frozenset[str]:
    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise argparse.ArgumentTypeError(f"expected a JSON list of names, got {text}")
    return frozenset(found)
