"""What clients tell later about a request: its true label, the reward that its answer earned."""

from __future__ import annotations

import time

import msgspec

from perennial_serving.evidence.requestlog.spool import Feedback
from perennial_serving.system.errors import RequestError

MAXIMUM_ITEMS = 10_000
MAXIMUM_ID = 256  # characters; also of a label


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """Feedback about one row; at least one of label and reward."""

    id: str
    row: int = 0
    label: str | int | float | bool | None = None
    reward: float | None = None


_decoder = msgspec.json.Decoder(Item | list[Item])


def parse(body: bytes | bytearray) -> list[Feedback]:
    """Return the feedback of a body: one object, or a list of them.

    Raises:
        RequestError: 400, it is not of that form.
    """
    try:
        found = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        told = "the body is not feedback: expected id, and label or reward, of one or a list"
        raise RequestError(400, f"{told}: {error}") from error
    items = found if isinstance(found, list) else [found]
    if len(items) > MAXIMUM_ITEMS:
        raise RequestError(400, f"expected at most {MAXIMUM_ITEMS} items, got {len(items)}")
    now = time.time()
    return [_checked(n, item, now) for n, item in enumerate(items)]


def _checked(n: int, item: Item, now: float) -> Feedback:
    label = None if item.label is None else _text(item.label)
    if label is None and item.reward is None:
        raise RequestError(400, f"item {n}: expected label or reward, got neither")
    if not 0 < len(item.id) <= MAXIMUM_ID or (label is not None and len(label) > MAXIMUM_ID):
        raise RequestError(400, f"item {n}: id and label have at most {MAXIMUM_ID} characters")
    if not 0 <= item.row < 2**31:
        raise RequestError(400, f"item {n}: expected row from 0, got {item.row}")
    return Feedback(item.id, item.row, now, label, item.reward)


def _text(label: str | int | float | bool) -> str:
    # As JSON writes it, but words without quotes.
    return label if isinstance(label, str) else msgspec.json.encode(label).decode()
