"""How much CPU this process may use."""

import os
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
