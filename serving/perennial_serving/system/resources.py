"""What this process may use, and how much of it is for requests."""

from __future__ import annotations

import resource
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# What is not for requests: other files, the store of a log, the ports themselves.
_OTHER_FILES = 128
# What one connection costs, whatever it sends: its objects, parser, kernel's share.
CONNECTION_BYTES = 12 * 1024
# Reading a body of JSON takes this many times its size, for a moment; one thread reads them.
DECODING = 12
# Of what is free: the rest is the model's, and lost between allocations.
_PART = 0.7
_LEAST = 16 * 1024 * 1024


def raise_file_limit() -> int:
    """Allow as many open files as the system lets us; return how many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def connections(wanted: int, files: int, ports: int = 2) -> int:
    """Return how many connections each of some ports may have, so that files are left."""
    return max(16, min(wanted, (files - _OTHER_FILES) // ports))


def resident() -> int:
    """Return the memory that this process holds, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def confine(memory: int) -> None:
    """Refuse this process more address space than what it has and what is free of ``memory``.

    What asks for too much, as a model may at a request's wish, then fails and tells so; the kernel
    would promise the memory, and end the process when it is used.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = mapped + max(_LEAST, memory - resident())
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def start_threads(pool: ThreadPoolExecutor, count: int) -> None:
    """Start all threads of a pool, each with its stack and its part of the heap."""
    barrier = threading.Barrier(count)

    def begin(_: int) -> None:
        bytearray(64 * 1024)
        barrier.wait()

    list(pool.map(begin, range(count)))


def budget(memory: int, held: int, body_bytes: int, kept: int) -> int:
    """Return the bytes that requests may hold together.

    ``memory`` is what this process may use in all, ``held`` what it does by now, ``kept`` what it
    will beside requests: connections, windows, logs. The largest body always fits twice.
    """
    free = memory - held - kept - DECODING * body_bytes
    return max(int(_PART * free), 2 * body_bytes, _LEAST)
