"""What clients tell later about a request: its true label, the reward that its answer earned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from perennial_serving.system.errors import RequestError

MAXIMUM_ITEMS = 10_000
MAXIMUM_ID = 256  # characters; also of a label
# A row of five members has as many, and a few more are for ids that have some: two bytes of JSON
# would become a hundred.
_MOST_COMMAS = 10 * MAXIMUM_ITEMS

Label = str | int | float | bool


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """Feedback about one row, or about rows that follow one another, as lists.

    At least one of id and receipt, and of label and reward.
    """

    id: str | None = None
    receipt: str | None = None
    """A response's receipt; ``RECEIPT.3`` is its row 3."""
    row: int | None = None
    label: Label | list[Label | None] | None = None
    reward: float | list[float | None] | None = None


class Feedback(NamedTuple):
    """What became known about one row."""

    item: int
    """The place of what told it in the body."""
    id: str | None
    receipt: str | None
    row: int
    label: Label | None
    reward: float | None


_decoder = msgspec.json.Decoder(Item | list[Item])


def parse(body: bytes | bytearray) -> list[Feedback]:
    """Return the feedback of a body, by row: of one object, or of a list of them.

    Raises:
        RequestError: 400, it is not of that form.
    """
    if body.count(b",") > _MOST_COMMAS:
        raise RequestError(400, f"expected at most {MAXIMUM_ITEMS} rows, got many more")
    try:
        found = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        told = "the body is not feedback: expected id or receipt, and label or reward, of one or a"
        raise RequestError(400, f"{told} list: {error}") from error
    return rows(found if isinstance(found, list) else [found])


def rows(items: Sequence[Item]) -> list[Feedback]:
    """Return what items say, by row.

    Raises:
        RequestError: 400, they contradict themselves, say nothing, or are too many.
    """
    if sum(_rows(item) for item in items) > MAXIMUM_ITEMS:
        told = f"expected at most {MAXIMUM_ITEMS} rows, got {sum(_rows(i) for i in items)}"
        raise RequestError(400, told)
    return [row for n, item in enumerate(items) for row in _checked(n, item)]


def of_item(n: int, told: str) -> RequestError:
    """Return what a client is told about an item of its feedback."""
    return RequestError(400, f"item {n}: {told}")


def _rows(item: Item) -> int:
    lists = [len(v) for v in (item.label, item.reward) if isinstance(v, list)]
    return max(lists, default=1)


def _checked(n: int, item: Item) -> Iterator[Feedback]:
    receipt, first = item.receipt, item.row
    if item.id is None and receipt is None:
        raise of_item(n, "expected id or receipt, got neither")
    if item.id is not None and not 0 < len(item.id) <= MAXIMUM_ID:
        raise of_item(n, f"id and label have at most {MAXIMUM_ID} characters")
    if receipt is not None and "." in receipt:
        receipt, _, number = receipt.rpartition(".")
        if first is not None or not (number.isascii() and number.isdigit() and len(number) < 10):
            raise of_item(n, "expected a receipt, with the row after a dot or in row")
        first = int(number)
    if not 0 <= (first or 0) < 2**31:
        raise of_item(n, f"expected row from 0, got {first}")
    count = _rows(item)
    labels = item.label if isinstance(item.label, list) else [item.label] * count
    rewards = item.reward if isinstance(item.reward, list) else [item.reward] * count
    if not len(labels) == len(rewards) == count or _is_mixed(item):
        raise of_item(n, "label and reward are both of one row, or lists of as many rows")
    is_one = not isinstance(item.label, list) and not isinstance(item.reward, list)
    for row, (label, reward) in enumerate(zip(labels, rewards, strict=True), first or 0):
        if label is None and reward is None:
            if is_one:
                raise of_item(n, "expected label or reward, got neither")
            continue  # not known yet
        if isinstance(label, str) and len(label) > MAXIMUM_ID:
            raise of_item(n, f"id and label have at most {MAXIMUM_ID} characters")
        yield Feedback(n, item.id, receipt, row, label, reward)


def _is_mixed(item: Item) -> bool:
    """Tell whether one of label and reward is of one row and the other of several."""
    kinds = {isinstance(v, list) for v in (item.label, item.reward) if v is not None}
    return len(kinds) > 1
