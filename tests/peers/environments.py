"""Virtual environments of servers that are compared: others', and ours as in its image.

Each is made once from a pinned list, and kept in the shared cache.
"""

import functools
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from localcluster.binaries import cache, made

_HERE = Path(__file__).parent
OURS = _HERE.parents[1] / "images" / "requirements" / "serving.txt"
# Debian's, as in our image: built with profile-guided optimisation, as those of python:3.x are,
# which one that was built on this machine often is not.
_SYSTEM = Path("/usr/bin/python3")


@functools.cache
def interpreter() -> tuple[str, str]:
    """Return the interpreter of all environments, and what it says of itself."""
    script = "import sys; print(sys.version); sys.exit(sys.version_info < (3, 11))"
    for found in (str(_SYSTEM), sys.executable):
        if Path(found).exists():
            done = subprocess.run([found, "-c", script], capture_output=True, text=True)
            if done.returncode == 0:
                return found, done.stdout
    raise RuntimeError("no Python 3.11 or newer")


def python(pinned: str | Path) -> Path:
    """Return the interpreter of an environment: a pinned list, or the name of one beside this."""
    listed = _HERE / f"{pinned}.txt" if isinstance(pinned, str) else pinned
    _, version = interpreter()
    digest = hashlib.sha256(version.encode() + listed.read_bytes()).hexdigest()[:12]
    directory = cache() / "environments" / f"{listed.stem}-{digest}"
    return made(directory, lambda target: _make(listed, target)) / "bin" / "python"


def _make(pinned: Path, target: Path) -> None:
    print(f"peers: making the environment of {pinned.stem}", file=sys.stderr, flush=True)
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv") or "uv"
    # Relocatable, because it is made beside its place and moved there whole.
    venv = [uv, "venv", "-q", "--relocatable", "--allow-existing", "-p", interpreter()[0]]
    subprocess.run([*venv, str(target)], check=True)
    install = [uv, "pip", "install", "-q", "-p", str(target / "bin" / "python"), "--no-deps"]
    subprocess.run([*install, "--compile-bytecode", "-r", str(pinned)], check=True)
