"""``perennial-serve``: serve one model directory."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import signal
import sys
import time
from pathlib import Path

import uvicorn

from perennial_artifact.manifest import MANIFEST
from perennial_serving.dataplane import DataPlane
from perennial_serving.errors import ModelInvalid
from perennial_serving.fetch import report
from perennial_serving.metrics import Metrics
from perennial_serving.model import load
from perennial_serving.observability import ObservabilityApp
from perennial_serving.rest import RestApp


class _Server(uvicorn.Server):
    """A server that leaves signals to us: two of them share one loop."""

    def install_signal_handlers(self) -> None:
        """Do nothing."""


def _server(app: object, host: str, port: int, drain: int) -> _Server:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=host,
        port=port,
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=drain,
        loop="uvloop",
        http="httptools",
    )
    return _Server(config)


async def serve(plane: DataPlane, options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is under way and stop."""
    app = RestApp(plane, options.max_body_bytes, options.max_in_flight)
    data = _server(app, options.host, options.http_port, options.drain_seconds)
    observed = _server(ObservabilityApp(plane), options.host, options.metrics_port, 1)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)

    async def stop() -> None:
        await stopping.wait()
        app.ready = False
        data.should_exit = True

    tasks = [asyncio.create_task(s._serve()) for s in (data, observed)]
    watching = asyncio.create_task(stop())
    await tasks[0]
    watching.cancel()
    observed.should_exit = True
    await tasks[1]


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line, with the environment for defaults."""
    env = os.environ.get
    parser = argparse.ArgumentParser(prog="perennial-serve", description=__doc__)
    add = parser.add_argument
    add("--model-dir", type=Path, default=Path(env("PERENNIAL_MODEL_DIR", "/perennial/model")))
    add("--name", default=env("PERENNIAL_MODEL_NAME", "model"))
    add("--version", default=env("PERENNIAL_MODEL_VERSION", "1"))
    add("--host", default=env("PERENNIAL_HOST", "0.0.0.0"))
    add("--http-port", type=int, default=int(env("PERENNIAL_HTTP_PORT", "8080")))
    add("--metrics-port", type=int, default=int(env("PERENNIAL_METRICS_PORT", "9090")))
    add("--drain-seconds", type=int, default=int(env("PERENNIAL_DRAIN_SECONDS", "20")))
    add("--max-body-bytes", type=int, default=int(env("PERENNIAL_MAX_BODY_BYTES", "16777216")))
    add("--max-in-flight", type=int, default=int(env("PERENNIAL_MAX_IN_FLIGHT", "1024")))
    return parser.parse_args(arguments)


def main() -> int:
    """Load the model and serve it; exit 1 with the reason where it cannot be loaded."""
    chosen = options()
    began = time.monotonic()
    try:
        model = load(chosen.model_dir, chosen.name, chosen.version)
    except (ModelInvalid, ValueError) as error:
        report("ModelInvalid", str(error))
        return 1
    manifest = chosen.model_dir / MANIFEST
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else ""
    metrics = Metrics(model.name, model.version, digest)
    metrics.load_duration.set(time.monotonic() - began)
    import uvloop

    uvloop.run(serve(DataPlane(model, metrics), chosen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
