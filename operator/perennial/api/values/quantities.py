"""Amounts as Kubernetes writes them."""

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import Field

from perennial.api.values.rules import Json, rule

_QUANTITY = r"^([0-9]+|[0-9]+\.[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
Quantity = Annotated[
    int | str, Field(json_schema_extra={"pattern": _QUANTITY, "minimum": 0, "maxLength": 32})
]
"""An amount as Kubernetes writes it, such as ``500m``, ``2`` or ``1Gi``."""

_SUFFIXES = {
    **{suffix: Decimal(1024) ** (n + 1) for n, suffix in enumerate(("Ki", "Mi", "Gi", "Ti"))},
    "Pi": Decimal(1024) ** 5,
    "Ei": Decimal(1024) ** 6,
    **{suffix: Decimal(1000) ** n for n, suffix in enumerate("kMGTPE", 1)},
    **{suffix: Decimal(1000) ** -n for n, suffix in enumerate("mun", 1)},
}


def quantity(written: object) -> Decimal | str:
    """Return the amount that a quantity says; text that is none is returned as it is.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    text = str(written)
    number, factor = text, Decimal(1)
    for suffix, scale in _SUFFIXES.items():
        if text.endswith(suffix):
            number, factor = text.removesuffix(suffix), scale
            break
    try:
        return Decimal(number) * factor
    except InvalidOperation:
        return text


_SIZE = r"^[1-9][0-9]{0,9}(k|M|G|Ki|Mi|Gi)?$"
_SIZE_MESSAGE = "write a size in bytes such as 512Ki, 16Mi or 1Gi"
ByteSize = Annotated[
    str, Field(pattern=_SIZE, max_length=12, json_schema_extra={"x-message": _SIZE_MESSAGE})
]
"""A number of bytes as Kubernetes writes quantities."""


def sized(smallest: str, largest: str) -> Json:
    """Return the schema extension of a size with bounds."""
    known = f"!self.matches('{_SIZE}') || quantity(self).compareTo"
    rules = [
        rule(f"{known}(quantity('{smallest}')) >= 0", f"must be at least {smallest}"),
        rule(f"{known}(quantity('{largest}')) <= 0", f"must be at most {largest}"),
    ]
    return {"x-message": _SIZE_MESSAGE, "x-kubernetes-validations": rules}


def byte_count(size: str) -> int:
    """Return the bytes of a size such as ``16Mi``.

    Raises:
        ValueError: the text is not a size.
    """
    amount = quantity(size) if re.fullmatch(_SIZE, size) is not None else size
    if not isinstance(amount, Decimal):
        raise ValueError(f"{size!r} is not a size; {_SIZE_MESSAGE}")
    return int(amount)
