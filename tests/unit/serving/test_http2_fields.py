"""Header blocks are read as hpack's own decoder reads them, right ones and wrong ones."""

import pytest
from hpack import Decoder, Encoder, HPACKError
from hypothesis import given
from hypothesis import strategies as st

from effort import tried
from perennial_serving.transport.http2.fields import Fields

LIMIT = 400
Outcome = list[tuple[bytes, bytes]] | type[Exception]

names = st.sampled_from([b":path", b":method", b"te", b"traceparent", b"x", b"x" * 130])
values = st.sampled_from([b"", b"POST", b"/", b"trailers", b"00-1f-2e-01", b"y" * 130, b"\xff\0"])
fields = st.lists(st.tuples(names, values, st.booleans()), max_size=5)


@st.composite
def blocks(draw: st.DrawFn) -> list[bytes]:
    """Blocks of one connection: made by an encoder, some with a size of the table, some broken."""
    encoder, made = Encoder(), []
    for written in draw(st.lists(fields, min_size=1, max_size=6)):
        if draw(st.integers(0, 3)) == 0:
            encoder.header_table_size = draw(st.sampled_from([0, 64, 200, 4096, 5000]))
        block = encoder.encode(written, huffman=draw(st.booleans()))
        at = draw(st.integers(0, 3 * len(block) + 3))
        if at < len(block):
            kept = block[at + 1 :] if draw(st.booleans()) else b""
            block = block[:at] + bytes((draw(st.integers(0, 255)),)) + kept
        made.append(block)
    return made


def outcomes(read: object, sent: list[bytes]) -> list[Outcome]:
    """Return what a decoder finds in blocks, up to the first that is wrong."""
    found: list[Outcome] = []
    for block in sent:
        try:
            found.append([(bytes(n), bytes(v)) for n, v, *_ in read(block)])  # type: ignore[operator]
        except HPACKError as error:
            return [*found, type(error)]
    return found


@given(st.one_of(blocks(), st.lists(st.binary(max_size=12), max_size=3)))
@tried(4000)
def test_fields_are_those_of_hpack(sent: list[bytes]) -> None:
    theirs = Decoder(LIMIT)
    expected = outcomes(lambda block: theirs.decode(block, raw=True), sent)
    ours = Fields(LIMIT)
    assert outcomes(lambda block: ours.read(block)[0], sent) == expected


@pytest.mark.parametrize(
    ("block", "changes"),
    [
        (b"\x82\x84", 0),
        (b"\x00\x01a\x01b", 0),
        (b"\x10\x01a\x01b", 0),
        (b"\x40\x01a\x01b", 1),
        (b"\x20", 1),
        (b"\x3f\xe1\x1f\x82", 1),
    ],
)
def test_who_remembers_blocks_is_told_of_each_change_of_the_table(
    block: bytes, changes: int
) -> None:
    read = Fields(LIMIT)
    read.read(block)
    assert read.changes == changes
