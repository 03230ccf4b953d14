"""The server as a pod runs it: a process of its own, on ports that the system chose."""

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from perennial_artifact.windows import Window

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Server:
    """A running server of a model named ``m``, version ``1``."""

    process: subprocess.Popen[str]
    http: int
    grpc: int
    metrics: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    def samples(self) -> dict[str, float]:
        """Return the metrics, by name and labels as they stand in the exposition."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def environment() -> dict[str, str]:
    """Return the environment in which our packages are found, as in the image."""
    paths = [str(ROOT / "serving"), str(ROOT / "artifact")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def window(server: Server, start: int, end: int, parts: str = "") -> tuple[int, bytes]:
    """Return the status and the body of an answer to /window."""
    query = f"from={start}&to={end}" + (f"&parts={parts}" if parts else "")
    connection = http.client.HTTPConnection("127.0.0.1", server.metrics, timeout=10)
    connection.request("GET", f"/window?{query}")
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def closed_window(server: Server, parts: str = "") -> Window:
    """Return what was counted in the last minutes, once the bucket of now is closed."""
    end = int(time.time()) // 5 * 5 + 5
    deadline = time.monotonic() + 20
    while (found := window(server, end - 300, end, parts))[0] != 200:
        # Too early; or a worker that a busy machine delays: asked again, as the operator does.
        assert found[0] in (425, 503) and time.monotonic() < deadline, found
        time.sleep(0.1)
    return Window.from_json(found[1])


@contextlib.contextmanager
def serving(directory: Path, *options: str, prefix: tuple[str, ...] = ()) -> Iterator[Server]:
    command = [*prefix, sys.executable, "-m", "perennial_serving", "--model-dir", str(directory)]
    command += ["--model-name", "m", "--host", "127.0.0.1", "--quiet-seconds", "0.2"]
    command += ["--http-port", "0", "--grpc-port", "0", "--metrics-port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        ports = re.search(r"HTTP (\d+), gRPC (\d+), metrics (\d+)", said)
        assert ports, said
        found = Server(process, *(int(port) for port in ports.groups()))
        deadline = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"{found.url}/v2/health/ready").close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield found
    finally:
        if process.poll() is None:
            workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            process.kill()
            for worker in workers:  # which outlive a parent that could not tell them
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(worker), signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
