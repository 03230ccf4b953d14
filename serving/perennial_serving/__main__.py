"""``perennial-serve``: serve one model directory."""

from __future__ import annotations

import argparse
import gc
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

from perennial_serving.evidence.requestlog import spool
from perennial_serving.process import settings
from perennial_serving.process.gate import pass_through
from perennial_serving.system.cgroup import cpu_limit, memory_limit, quota
from perennial_serving.system.sockets import Sockets, bind, inherit


def main() -> int:
    """Serve a model; return 1 with the reason told where it cannot be."""
    chosen = settings.read()
    cpus = max(1, math.floor(cpu_limit()))
    memory = chosen.memory_bytes or memory_limit()
    if chosen.inherit:
        *bound, ready, go, seen, count = map(int, chosen.inherit.split(","))
        sockets, gate = inherit(bound), pass_through(ready, go)
        return _work(chosen, sockets, max(1, cpus // count), memory // count, gate, seen)
    # Without a limit a pod does not own the machine, so it is one process.
    limit = quota()
    count = chosen.workers or (max(1, math.floor(limit)) if math.isfinite(limit) else 1)
    try:
        if chosen.log_dir:
            directory = Path(chosen.log_dir)
            directory.mkdir(parents=True, exist_ok=True)
            spool.recover(directory)
        if count > 1:
            from perennial_serving.process.workers import supervise

            return supervise(chosen, sys.argv[1:], count)
        ports = (chosen.http_port, chosen.grpc_port, chosen.metrics_port)
        http, grpc, metrics, *mirror = (
            bind(chosen.host, port) for port in (*ports, *settings.mirror_ports(chosen))
        )
        sockets = Sockets(http, grpc, metrics, tuple(mirror))
    except OSError as error:
        told = f"{chosen.host}, ports {chosen.http_port}, {chosen.grpc_port}"
        print(f"{told}, {chosen.metrics_port}: {error}", file=sys.stderr)
        return 1
    return _work(chosen, sockets, cpus, memory, lambda: None)


def _work(
    chosen: argparse.Namespace,
    sockets: Sockets,
    threads: int,
    memory: int,
    loaded: Callable[[], None],
    duplicates: int | None = None,
) -> int:
    # Loading makes little garbage; the worker turns the collector on again.
    gc.disable()
    # numpy's linear algebra, which nothing here calls, would start a thread for each CPU.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Here, because the workers' parent has no use for the model's libraries.
    from perennial_serving.process.worker import work

    return work(chosen, sockets, threads, memory, loaded, duplicates)


if __name__ == "__main__":
    sys.exit(main())
