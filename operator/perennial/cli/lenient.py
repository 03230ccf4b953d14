"""Reading objects of any operator, older or newer: what is absent or odd is left out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from perennial.api.values import Json, seconds


def at(body: Any, path: str) -> Any:
    """Return what is at a path such as ``status.run.number``, None where something is absent."""
    for part in path.split("."):
        if not isinstance(body, dict):
            return None
        body = body.get(part)
    return body


def first(body: Any, *paths: str) -> Any:
    """Return what is at the first of several paths that has anything."""
    return next((found for path in paths if (found := at(body, path)) is not None), None)


def part(body: Any, path: str) -> Json:
    """Return the object at a path, an empty one where there is none."""
    found = at(body, path)
    return found if isinstance(found, dict) else {}


_CONTROLS = {
    n: "\N{REPLACEMENT CHARACTER}" for n in (*range(32), *range(127, 160)) if n not in (9, 10)
}


def harmless(words: str) -> str:
    """Return words without characters that steer a terminal: whoever wrote them may be anybody."""
    return words.translate(_CONTROLS)


def text(value: Any) -> str:
    """Return text, empty where there is none."""
    return "" if value is None else harmless(str(value))


def number(value: Any) -> float | None:
    """Return a number, None where it is none."""
    return float(value) if isinstance(value, int | float) else None


def numbers(value: Any) -> tuple[float | None, ...]:
    """Return the numbers of a list, None for what is none of them."""
    return tuple(number(item) for item in value) if isinstance(value, list) else ()


def count(value: Any) -> int:
    """Return a whole number, 0 where it is none."""
    return int(value) if isinstance(value, int | float) else 0


def entries(value: Any) -> list[Json]:
    """Return the objects of a list, none where it is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def words(value: Any) -> list[str]:
    """Return the texts of a list, none where it is none."""
    return [text(item) for item in value] if isinstance(value, list) else []


def moment(value: Any) -> datetime | None:
    """Return a time, None where it is none."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def length(value: Any) -> float | None:
    """Return a duration in seconds, None where it is none."""
    try:
        return seconds(str(value))
    except ValueError:
        return None


def beyond(body: Any, known: Iterable[str]) -> Json:
    """Return the members of an object that are not known."""
    names = set(known)
    return {k: v for k, v in body.items() if k not in names} if isinstance(body, dict) else {}


def names_of(model: type[BaseModel]) -> frozenset[str]:
    """Return what the fields of a model are called outside."""
    return frozenset(f.alias or to_camel(n) for n, f in model.model_fields.items())


def meta(body: Json, name: str) -> str:
    """Return a text of the metadata, such as name or namespace."""
    return text(at(body, f"metadata.{name}"))


def condition(body: Json, type: str) -> tuple[str, str, str]:
    """Return ``(status, reason, message)`` of a condition, empty where there is none."""
    found = next((c for c in entries(at(body, "status.conditions")) if c.get("type") == type), {})
    return text(found.get("status")), text(found.get("reason")), text(found.get("message"))


def holds(body: Json, type: str) -> bool:
    """Tell whether a condition is True."""
    return condition(body, type)[0] == "True"
