"""Compile what the server runs for every request: mypyc turns modules into extensions beside them.

compile.py APP: the packages of an image below APP; those of other images stay as they are.
"""

import os
import sys
from pathlib import Path

from mypyc.build import mypycify
from setuptools import setup

SERVER = "perennial_serving"
# Not what msgspec reads the annotations of, nor what runs once.
MODULES = (
    *("admission", "call", "codec", "dataplane", "drift", "metrics", "rest", "rpc", "scheduler"),
    *("tensors", "http/connection", "http/frames", "http/grpc_wire", "http/heads"),
    *("http/http1", "http/http2"),
)
SKETCH = "perennial_artifact/sketch.py"
# Types are checked where all packages are; here, what is not there is anything.
FLAGS = (
    *("--config-file=", "--namespace-packages", "--explicit-package-bases"),
    *("--ignore-missing-imports", "--follow-imports=silent"),
)


def main() -> None:
    """Compile below the directory that the command names."""
    app = Path(sys.argv[1])
    if not (app / SERVER).is_dir():
        return
    os.chdir(app)
    files = [*(f"{SERVER}/{name}.py" for name in MODULES), SKETCH]
    extensions = mypycify(
        [*FLAGS, *files], opt_level="3", debug_level="0", target_dir="/tmp/c", group_name=SERVER
    )
    places = ["--inplace", "--build-temp=/tmp/objects"]
    setup(name=SERVER, packages=[], ext_modules=extensions, script_args=["-q", "build_ext", *places])


if __name__ == "__main__":
    main()
