"""How the worlds of the simulators take writes: whole, refused, or never, since the writer died."""

import json
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from kubernetes.aio.client.exceptions import ApiException


class Killed(BaseException):
    """The operator was killed between two writes."""


@dataclass(frozen=True)
class Refusal:
    """What the API server says instead of writing."""

    status: int
    message: str

    def error(self) -> ApiException:
        body = json.dumps({"kind": "Status", "message": self.message, "code": self.status})
        return ApiException(status=self.status, reason="Refused", body=body)


def driven(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("a simulator is not to wait")
