"""What this process may use, and how much of it is for requests."""

from __future__ import annotations

import resource
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


def connections(wanted: int, files: int) -> int:
    """Return how many connections each of two ports may have, so that files are left."""
    return max(16, min(wanted, (files - _OTHER_FILES) // 2))


def resident() -> int:
    """Return the memory that this process holds, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def budget(memory: int, held: int, body_bytes: int, kept: int) -> int:
    """Return the bytes that requests may hold together.

    ``memory`` is what this process may use in all, ``held`` what it does by now, ``kept`` what it
    will beside requests: connections, windows, logs. The largest body always fits twice.
    """
    free = memory - held - kept - DECODING * body_bytes
    return max(int(_PART * free), 2 * body_bytes, _LEAST)
