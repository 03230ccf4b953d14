"""The base of every document in an artifact."""

from __future__ import annotations

from typing import Any, Self, dataclass_transform

import msgspec


# For type checkers: msgspec's own declaration does not say that ``frozen`` is inherited.
@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Document(
    msgspec.Struct,
    frozen=True,
    rename="camel",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """An immutable JSON document with camelCase keys; unknown keys are refused.

    What is read is checked; what a program makes itself is not, but for ``__post_init__``.
    """

    @classmethod
    def from_json(cls, text: bytes | str) -> Self:
        """Read a document.

        Raises:
            ValueError: it is no JSON, or not of this form.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except RecursionError as error:
            raise ValueError("the JSON is nested too deeply") from error

    @classmethod
    def from_plain(cls, value: Any) -> Self:
        """Read a document from what JSON was parsed into.

        Raises:
            ValueError: it is not of this form.
        """
        return msgspec.convert(value, type=cls, str_keys=True)

    def to_plain(self) -> dict[str, Any]:
        """Return what the JSON would be parsed into."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    def to_json(self) -> bytes:
        """Return compact JSON; fields at their default are left out, NaN and infinity are null."""
        return msgspec.json.encode(self)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other values of some fields, by their names in Python."""
        return msgspec.structs.replace(self, **changes)
