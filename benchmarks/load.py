"""Load by h2load, which speaks HTTP/1.1 and HTTP/2 alike, and what its log says."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from benchmarks.cases import Case, WrongAnswers

CONNECTIONS = 16
WARM_UP_REQUESTS = 20 * CONNECTIONS
SERVER_CORE, LOAD_CORE = "0", "1"
BOTH_CORES = "0,1"
# Different heads, before the first comes again: far more than any server would remember.
NEW = 20_000
TRIES, QUIET, PAUSE_SECONDS = 4, 0.1, 2.0
# An overload: as many times what a server can do, from so many connections; what is not answered
# for so long is lost.
TIMES, CROWD, LOST_SECONDS = 2, 2000, 20


class Busy(Protocol):
    """A server that knows what CPU time it has used."""

    def cpu_seconds(self) -> float:
        """Return it, in seconds."""


@dataclass(frozen=True)
class Load:
    """What one run of some seconds gave; latencies in milliseconds."""

    requests: int
    per_second: float
    p50: float
    p99: float
    cpu: float
    """The server's CPU time for a request, in microseconds."""
    generator: float
    """The part of its core that the load generator was busy for."""
    foreign: float
    """The part of the machine that others were busy for."""


@dataclass(frozen=True)
class Overload:
    """What became of more requests than a server can do; ``served`` is of a second."""

    offered: float
    served: float
    refused: float
    """The part of all that was answered with 503."""
    p99: float
    """Of what was served, in milliseconds."""
    lost: int
    """How many were answered otherwise, or not at all."""


def send(
    case: Case, port: int, answer_bytes: int, place: Path, count: int = WARM_UP_REQUESTS
) -> None:
    """Send so many requests, and check that their answers are as long as right ones.

    A failed gRPC call is a 200 to HTTP, but it has no body.

    Raises:
        WrongAnswers: they are not.
    """
    said = _h2load(case, port, place, "-n", str(count))
    found = re.search(r"\((\d+)\) data", said)
    got, wanted = int(found[1]) if found else 0, count * answer_bytes
    # Nearly: what several threads add up differs in the last digits.
    if f" {count} succeeded," not in said or abs(got - wanted) > wanted / 100:
        raise WrongAnswers(f"{case.name}: expected {wanted} bytes of answers, got {got}\n{said}")


def run(
    case: Case, port: int, server: Busy, place: Path, seconds: float, core: str = LOAD_CORE
) -> Load:
    """Send requests over 16 connections, each as soon as the last one is answered.

    Where others used the machine meanwhile, try again some times; return the quietest run.

    Raises:
        WrongAnswers: a status is not 200.
    """
    found: list[Load] = []
    while len(found) < TRIES and (not found or found[-1].foreign > QUIET):
        if found:
            time.sleep(PAUSE_SECONDS)
        found.append(_once(case, port, server, place, seconds, core))
    return min(found, key=lambda load: load.foreign)


def overload(case: Case, port: int, place: Path, can: float, seconds: float) -> Overload:
    """Offer ``TIMES`` what a server ``can`` do in a second, whether it answers or not."""
    log = place / "load.log"
    log.unlink(missing_ok=True)
    offered = TIMES * can
    count = max(CROWD, round(offered * seconds))
    options = ["-n", str(count), f"--rps={offered / CROWD}", f"-N{LOST_SECONDS}s"]
    _h2load(case, port, place, *options, f"--log-file={log}", connections=CROWD)
    began, status, taken = np.loadtxt(log, dtype=np.int64, unpack=True)
    good, refused = status == 200, np.count_nonzero(status == 503)
    span = ((began + taken).max() - began.min()) / 1e6
    return Overload(
        offered=offered,
        served=np.count_nonzero(good) / span,
        refused=refused / count,
        p99=float(np.percentile(taken[good], 99)) / 1000,
        lost=count - np.count_nonzero(good) - refused,
    )


def _once(case: Case, port: int, server: Busy, place: Path, seconds: float, core: str) -> Load:
    log = place / "load.log"
    log.unlink(missing_ok=True)
    before = _used(server)
    duration = f"{round(seconds * 1000)}ms"
    _h2load(case, port, place, "-D", duration, f"--log-file={log}", core=core)
    machine, served, loaded, whole = (b - a for a, b in zip(before, _used(server), strict=True))
    began, status, taken = np.loadtxt(log, dtype=np.int64, unpack=True)
    if (wrong := np.flatnonzero(status != 200)).size:
        raise WrongAnswers(f"{case.name}: {wrong.size} of {status.size}, first {status[wrong[0]]}")
    span = ((began + taken).max() - began.min()) / 1e6
    p50, p99 = np.percentile(taken, [50, 99]) / 1000
    return Load(
        requests=status.size,
        per_second=status.size / span,
        p50=float(p50),
        p99=float(p99),
        cpu=served / status.size * 1e6,
        generator=loaded / whole,
        foreign=max(0.0, machine - served - loaded) / (whole * (os.cpu_count() or 1)),
    )


def _used(server: Busy) -> tuple[float, float, float, float]:
    """Return the CPU seconds of the machine, the server and the generator, and the time."""
    words = Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
    user, nice, system, _, _, interrupts, soft, stolen = map(int, words[:8])
    machine = (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    generator = children.ru_utime + children.ru_stime
    return machine, server.cpu_seconds(), generator, time.monotonic()


def _h2load(
    case: Case,
    port: int,
    place: Path,
    *options: str,
    connections: int = CONNECTIONS,
    core: str = LOAD_CORE,
) -> str:
    body = place / f"{case.name}.body"
    body.write_bytes(case.sent)
    command = ["taskset", "-c", core, "h2load", "-c", str(connections), "-d", str(body)]
    command += [f"-H{name}: {value}" for name, value in case.headers.items()]
    command += [] if case.is_grpc else ["--h1"]
    base = f"http://127.0.0.1:{port}"
    if case.is_new:
        targets = place / f"{case.name}.targets"
        targets.write_text("".join(f"{base}{target}\n" for target in case.targets(NEW)))
        command += [*options, f"--input-file={targets}"]
    else:
        command += [*options, f"{base}{case.path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise WrongAnswers(f"{' '.join(command)}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return done.stdout
