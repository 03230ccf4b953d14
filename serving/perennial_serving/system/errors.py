"""What a client is told; each text names the place, what was expected and what came."""

from __future__ import annotations

import sys
import traceback

import msgspec

SHOWN = 64  # characters of a client's text that an error repeats


class RequestError(Exception):
    """The request is at fault: ``status`` is the HTTP status, ``allow`` the methods for a 405."""

    def __init__(self, status: int, message: str, allow: str = "") -> None:
        super().__init__(message)
        self.status, self.allow = status, allow


def wrong(name: str, expected: str, got: str) -> RequestError:
    """Return what a client is told about a tensor."""
    return RequestError(400, f"input {name[:SHOWN]!r}: expected {expected}, got {got}")


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
