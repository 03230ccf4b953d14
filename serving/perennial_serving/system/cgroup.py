"""How much CPU and memory this process may use."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def cpu_limit(root: Path = ROOT) -> float:
    """Return the CPUs that the cgroup allows, or those of the machine."""
    return min(quota(root), float(len(os.sched_getaffinity(0))))


def quota(root: Path = ROOT) -> float:
    """Return the CPUs that the cgroup allows (v2, then v1), infinite where it sets no limit."""
    try:
        quota, period = (root / "cpu.max").read_text().split()
        if quota != "max":
            return int(quota) / int(period)
    except (OSError, ValueError):
        pass
    try:
        quota_us = int((root / "cpu" / "cpu.cfs_quota_us").read_text())
        if quota_us > 0:
            return quota_us / int((root / "cpu" / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        pass
    return float("inf")


def memory_limit(root: Path = ROOT) -> int:
    """Return the bytes that the cgroup allows (v2, then v1), at most the machine's own."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            return min(machine, int((root / name).read_text()))
        except (OSError, ValueError):  # ValueError: max
            continue
    return machine


@contextlib.contextmanager
def bounded_memory(limit: int) -> Iterator[None]:
    """Refuse, within, to allocate more than ``limit`` bytes on top of what is mapped already.

    Else the kernel would promise the memory and then kill the process for using it, without a word.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    ceilings = [n for n in (soft, hard, mapped + limit) if n != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(ceilings), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
