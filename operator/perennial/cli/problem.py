"""What ends a command: one sentence that says what to do, and the exit code."""

FAILED, USAGE, INTERRUPTED = 1, 2, 130
"""Exit codes: it failed or took too long; it was called wrongly; somebody pressed Ctrl-C."""


class Problem(Exception):
    """Why a command cannot go on, in a sentence for people.

    Args:
        message: the sentence.
        code: what the process ends with.
        absent: it is there no more, or never was.
    """

    def __init__(self, message: str, code: int = FAILED, absent: bool = False) -> None:
        super().__init__(message)
        self.code, self.absent = code, absent


def called_wrongly(message: str) -> Problem:
    """Return the problem of a command line that makes no sense."""
    return Problem(message, USAGE)
