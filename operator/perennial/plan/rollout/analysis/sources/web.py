"""web: a number in what a URL answers as JSON."""

import math
from dataclasses import dataclass
from typing import Any

import msgspec

from perennial.api.deployment import AnalysisMetric, OutsideLimit, WebLimit
from perennial.plan.core.outside import Measurement, OutsideQuestion
from perennial.plan.rollout.analysis.sources.source import Names

SHOWN = 64
"""Characters of a path or a value that are told."""


@dataclass(frozen=True)
class WebQuestion:
    """What a URL answers at a JSON pointer."""

    id: str
    url: str
    path: str = ""

    def read(self, status: int, body: bytes) -> Measurement:
        """Return the number at the path."""
        if status != 200:
            return Measurement(None, f"it answered with status {status}")
        try:
            found = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return Measurement(None, "its answer is no JSON")
        for token in self.path.split("/")[1:]:
            try:
                found = _member(found, token.replace("~1", "/").replace("~0", "~"))
            except LookupError:
                return Measurement(None, f"its answer has nothing at {self.path[:SHOWN]}")
        return _number(found, f"what it answers at {self.path[:SHOWN]}" if self.path else "it")


def _member(of: Any, token: str) -> Any:
    """Return a member by a token of a JSON pointer (RFC 6901).

    Raises:
        LookupError: there is none.
    """
    if isinstance(of, dict):
        return of[token]
    if isinstance(of, list) and token.isascii() and token.isdigit() and len(token) < 8:
        return of[int(token)]
    raise LookupError(token)


def _number(found: Any, what: str) -> Measurement:
    if not isinstance(found, bool | int | float):
        kinds: dict[type, str] = {str: "a text", list: "a list", dict: "an object"}
        kind = kinds.get(type(found), "null")
        return Measurement(None, f"{what} is {kind}, not a number")
    try:
        value = float(found)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        return Measurement(None, f"{what} is beyond all numbers")
    return Measurement(value)


class Web:
    """Asks a URL."""

    def limit_of(self, asked: AnalysisMetric) -> WebLimit | None:
        """Return what is asked of a URL."""
        return asked.web

    def question(self, id: str, asked: OutsideLimit, names: Names) -> OutsideQuestion:
        """Return what is to be asked."""
        assert isinstance(asked, WebLimit)
        return WebQuestion(id, names.into(asked.url), asked.path)


WEB = Web()
