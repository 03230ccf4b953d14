"""``kubectl-perennial``, which kubectl runs as ``kubectl perennial``; and what completes it."""

from __future__ import annotations

import os
import shlex
import sys

from typer.completion import completion_init  # type: ignore[attr-defined]

from perennial.cli.command import app
from perennial.cli.completion import COMPLETE, PROGRAM
from perennial.cli.problem import Problem
from perennial.cli.screen import say

NO_FILES = ":4"
"""What kubectl reads after the last proposal: that names of files are none."""


def main() -> None:
    """Run the command line; whatever goes wrong is one sentence on standard error."""
    completion_init()
    try:
        app(prog_name="kubectl perennial", complete_var=COMPLETE)
    except Problem as problem:
        say(f"error: {problem}")
        sys.exit(problem.code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def complete() -> None:
    """Print what may come next, as kubectl asks for it: ``kubectl_complete-perennial WORD…``."""
    words = sys.argv[1:]
    os.environ.update(
        {
            COMPLETE: "complete_bash",
            "COMP_WORDS": shlex.join([PROGRAM, *words]),
            "COMP_CWORD": str(len(words)),
        }
    )
    try:
        main()
    finally:
        print(NO_FILES)


if __name__ == "__main__":
    main()
