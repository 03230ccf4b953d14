"""One process that loads the model and answers."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from perennial_serving.evidence.metrics import Metrics
from perennial_serving.evidence.receipts.desk import Desk
from perennial_serving.evidence.receipts.keeper import Keeper
from perennial_serving.evidence.receipts.keys import Keys, NoKey
from perennial_serving.evidence.receipts.settings import ReceiptSettings
from perennial_serving.execution.dataplane import DataPlane
from perennial_serving.model.loaded import Model, load
from perennial_serving.process.server import Limits, serve
from perennial_serving.process.settings import log_settings, receipt_settings
from perennial_serving.system import resources
from perennial_serving.system.errors import ModelInvalid
from perennial_serving.system.sockets import Sockets
from perennial_serving.system.termination import report

SWITCH_SECONDS = 0.001


def work(
    chosen: argparse.Namespace,
    sockets: Sockets,
    threads: int,
    memory: int,
    loaded: Callable[[], None],
    duplicates: int | None = None,
) -> int:
    """Load the model and serve it; return 1, with the reason told, where it cannot be loaded.

    ``threads`` and ``memory`` (bytes) are this process's part of the pod. ``loaded`` is called when
    the model is, and returns when those of others are too. ``duplicates`` is the file descriptor of
    a memory that it shares with them.
    """
    began = time.monotonic()
    try:
        model = load(chosen.model_dir, chosen.model_name, chosen.model_version, threads)
        metrics = Metrics(model.name, model.version, model.sha256)
        batches = chosen.batch_max_rows > 0
        receipts = _receipts(receipt_settings(chosen, duplicates), model)
        pairs = _pairs(chosen.pairs, model)
        log = log_settings(chosen)
        header = chosen.caller_header
        plane = DataPlane(model, metrics, bool(chosen.drift), log, batches, receipts, pairs, header)
    except ModelInvalid as error:
        report("ModelInvalid", str(error))
        return 1
    metrics.load_seconds = time.monotonic() - began
    loaded()
    import uvloop

    files = resources.raise_file_limit()
    ports = 2 + len(sockets.mirror)
    connections = resources.connections(chosen.max_connections, files, ports)
    # A gateway sends copies by few connections: one for each at most, where it is HTTP/1.
    copies = min(connections, chosen.max_in_flight)
    open_at_most = 2 * connections + len(sockets.mirror) * copies
    kept = open_at_most * resources.CONNECTION_BYTES + plane.kept_bytes
    limits = Limits(
        body_bytes=chosen.max_body_bytes,
        budget_bytes=resources.budget(memory, resources.resident(), chosen.max_body_bytes, kept),
        connections=connections,
        copies=copies,
        memory_bytes=memory,
        rows=chosen.max_rows,
        in_flight=chosen.max_in_flight,
        batch_rows=chosen.batch_max_rows,
        threads=threads,
        drain_seconds=chosen.drain_seconds,
        quiet_seconds=chosen.quiet_seconds,
    )
    # What is loaded stays: no request is to wait until the collector has been through it.
    gc.freeze()
    # What a request makes goes by itself: look seldom for what does not.
    gc.set_threshold(50_000)
    gc.enable()
    # A thread that reads a large body is not to keep the event loop from running for longer.
    sys.setswitchinterval(SWITCH_SECONDS)
    uvloop.run(serve(plane, limits, sockets))
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit, which would wait for a thread that is still in a model beyond the deadline.
    os._exit(0)


def _receipts(settings: ReceiptSettings | None, model: Model) -> Desk | None:
    """Return what gives receipts, None without a key: the model serves all the same."""
    if settings is None:
        return None
    try:
        return Desk(settings, model)
    except NoKey as error:
        print(f"receipts are off: {error}", file=sys.stderr, flush=True)
        return None


def _pairs(directory: str, model: Model) -> Keeper | None:
    """Return what keeps answers, None without a key, or where nobody asks for it."""
    if not directory:
        return None
    try:
        return Keeper(model, Keys(Path(directory)))
    except NoKey as error:
        print(f"pairs are off: {error}", file=sys.stderr, flush=True)
        return None
