"""Amounts as Kubernetes writes them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

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
