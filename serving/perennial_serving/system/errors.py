"""What a client is told; each text names the place, what was expected and what came."""

from __future__ import annotations

import sys
import traceback

import msgspec

SHOWN = 64  # characters of a client's text that an error repeats


_CAUSES = {413: "TooLarge", 500: "Failed", 503: "Overload"}


class RequestError(Exception):
    """The request is at fault: ``status`` is the HTTP status, ``allow`` the methods for a 405.

    ``cause`` is what is counted, as of ``field``, an input.
    """

    def __init__(
        self, status: int, message: str, allow: str = "", cause: str = "", field: str = ""
    ) -> None:
        super().__init__(message)
        self.status, self.allow = status, allow
        self.cause, self.field = cause or _CAUSES.get(status, "Malformed"), field


def wrong(name: str, expected: str, got: str) -> RequestError:
    """Return what a client is told about a tensor."""
    told = f"input {name[:SHOWN]!r}: expected {expected}, got {got}"
    return RequestError(400, told, cause="WrongType", field=name)


def refusal(text: str) -> bytes:
    """Return an error's body."""
    return msgspec.json.encode({"error": text})


class ModelInvalid(Exception):
    """The model cannot be loaded."""


def as_request_error(error: BaseException) -> RequestError:
    """Return what a client is told of any error; what is not its own fault goes into the log."""
    if isinstance(error, RequestError):
        return error
    print("".join(traceback.format_exception(error)), file=sys.stderr, flush=True)
    return RequestError(500, "the server failed; its log says why")
