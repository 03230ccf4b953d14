"""Moments, and lengths of time."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field, PlainSerializer

from perennial.api.values.rules import Json, rule


def _whole_seconds(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


Time = Annotated[
    datetime,
    AfterValidator(_whole_seconds),
    PlainSerializer(lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"), return_type=str),
]
"""RFC 3339, UTC, whole seconds, as ``metav1.Time``."""

_DURATION = r"^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?$"
_DURATION_MESSAGE = "write a duration such as 250ms, 30s, 5m or 1h30m"
Duration = Annotated[
    str,
    Field(
        pattern=_DURATION,
        min_length=2,
        max_length=32,
        json_schema_extra={"x-message": _DURATION_MESSAGE},
    ),
]
"""A length of time such as ``30s``, ``5m`` or ``1h30m``."""


def within(shortest: str = "", longest: str = "") -> Json:
    """Return the schema extension of a duration with bounds."""
    # Text that is no duration has its own message; duration() would only add a run-time error.
    known = f"!self.matches('{_DURATION}') || self.size() < 2 || duration(self)"
    rules = []
    if shortest:
        rules.append(rule(f"{known} >= duration('{shortest}')", f"must be at least {shortest}"))
    if longest:
        rules.append(rule(f"{known} <= duration('{longest}')", f"must be at most {longest}"))
    return {"x-message": _DURATION_MESSAGE, "x-kubernetes-validations": rules}


def no_longer(field: str, than: str, message: str) -> Json:
    """Return the rule that one duration is at most another, where both are given."""
    unreadable = [_unreadable(name) for name in (field, than)]
    holds = f"duration(self.{field}) <= duration(self.{than})"
    return rule(" || ".join([*unreadable, holds]), message)


def bound(field: str, compares: str, message: str, unless: str) -> Json:
    """Return the rule that a duration, where it is given, compares so, unless something is so."""
    return rule(f"{unless} || {_unreadable(field)} || duration(self.{field}) {compares}", message)


def _unreadable(field: str) -> str:
    """Return that a field is absent, or no duration, which has its own message."""
    text = f"self.{field}"
    return f"!has({text}) || !{text}.matches('{_DURATION}') || {text}.size() < 2"


_UNITS = (("ms", 0.001), ("h", 3600.0), ("m", 60.0), ("s", 1.0))


def seconds(duration: str) -> float:
    """Return the length of a duration in seconds.

    Raises:
        ValueError: the text is not a duration such as ``1h30m``.
    """
    parts = re.findall(r"([0-9]+)(ms|h|m|s)", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"{duration!r} is not a duration; write it as 30s, 5m or 1h30m")
    scale = dict(_UNITS)
    return sum(int(number) * scale[unit] for number, unit in parts)
