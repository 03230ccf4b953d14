"""A cell in a process of its own: it may crash, and it may not take for ever."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from matrix.cells import Cell, Laid, run_cell

LIMIT_SECONDS = 900

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["matrix.cells", "skl2onnx", "sklearn.ensemble"])


def running(laid: Laid, paths: dict[str, Path], few: bool) -> Callable[[str], Cell]:
    """Return what runs one cell in a process of its own, for as long as it may take."""

    def run(algorithm: str) -> Cell:
        path = paths[algorithm]
        process = FORKS.Process(target=_write_cell, args=(laid, algorithm, few, path))
        began = time.monotonic()
        process.start()
        process.join(LIMIT_SECONDS)
        if not path.exists():
            cell = Cell(table=laid.name, algorithm=algorithm)
            if process.is_alive():
                assert process.pid is not None
                os.killpg(process.pid, signal.SIGKILL)
                told = f"took longer than {LIMIT_SECONDS} seconds"
                cell = cell.replace(reason="TooSlow", message=told)
            else:
                told = f"the process ended with {process.exitcode}"
                cell = cell.replace(reason="Crashed", message=told)
            path.write_bytes(cell.replace(seconds=time.monotonic() - began).to_json())
        process.join()
        return Cell.from_json(path.read_bytes())

    return run


def _write_cell(laid: Laid, algorithm: str, few: bool, path: Path) -> None:
    os.setpgrp()  # so that a cell that takes too long ends with its server
    cell = run_cell(laid, algorithm, few)
    whole = path.with_suffix(".part")
    whole.write_bytes(cell.to_json())
    whole.rename(path)
