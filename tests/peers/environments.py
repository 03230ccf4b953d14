"""Virtual environments of other servers, whose dependencies do not agree with ours.

Each is made once from its pinned list beside this file, and kept in the shared cache.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from localcluster.binaries import cache, made

_HERE = Path(__file__).parent


def python(name: str) -> Path:
    """Return the interpreter of an environment: the name of a list beside this file."""
    pinned = _HERE / f"{name}.txt"
    digest = hashlib.sha256(sys.version.encode() + pinned.read_bytes()).hexdigest()[:12]
    directory = cache() / "environments" / f"{name}-{digest}"
    return made(directory, lambda target: _make(pinned, target)) / "bin" / "python"


def _make(pinned: Path, target: Path) -> None:
    print(f"peers: making the environment of {pinned.stem}", file=sys.stderr, flush=True)
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv") or "uv"
    # Relocatable, because it is made beside its place and moved there whole.
    venv = [uv, "venv", "-q", "--relocatable", "--allow-existing", "-p", sys.executable]
    subprocess.run([*venv, str(target)], check=True)
    install = [uv, "pip", "install", "-q", "-p", str(target / "bin" / "python"), "--no-deps"]
    subprocess.run([*install, "-r", str(pinned)], check=True)
