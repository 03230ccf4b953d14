"""A head that comes again is taken for what it was: the same requests, however bytes are cut."""

import asyncio
from collections.abc import Iterator

from http2_peer import Transport
from hypothesis import given
from hypothesis import strategies as st

from effort import tried
from perennial_serving.system.budget import Budget
from perennial_serving.transport.http1.connection import Connection
from perennial_serving.transport.http1.listener import (
    REMEMBERED,
    REMEMBERED_BYTES,
    SELDOM,
    Listener,
)
from perennial_serving.transport.http1.request import Request

Seen = tuple[str, str, bytes, dict[bytes, bytes], bytes]


def sent(path: str, body: bytes, *lines: str, chunked: bool = False) -> tuple[bytes, Seen]:
    """Return a request's bytes, and what a handler is to see of it."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    lines = ("Host: m", *lines, framing)
    head = f"POST {path}?q=1 HTTP/1.1\r\n" + "".join(f"{line}\r\n" for line in lines) + "\r\n"
    content = body
    if chunked:
        parts = [body] if body else []
        content = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"
    pairs = (line.split(": ") for line in lines)
    headers = {name.lower().encode(): value.encode() for name, value in pairs}
    return head.encode() + content, ("POST", path, b"q=1", headers, body)


def see(request: Request) -> Seen:
    return request.method, request.path, request.query, request.headers, bytes(request.body)


def received(pieces: Iterator[bytes], listener: Listener | None = None) -> list[Seen]:
    """Return what a handler sees of bytes that come in these pieces."""
    seen: list[Seen] = []

    def handle(request: Request) -> None:
        seen.append(see(request))
        request.respond(200, b"", b"")

    async def run() -> None:
        own = listener or Listener(handle, str.encode, 1000, Budget(10_000))
        own.handle = handle
        connection, transport = Connection(own), Transport()
        connection.connection_made(transport)
        for piece in pieces:
            connection.data_received(piece)
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert not transport.closed
        connection.connection_lost(None)
        assert own.budget.held == 0

    asyncio.run(run())
    return seen


bodies = st.sampled_from([b"", b"a", b"b", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\n\n\r\n\r\n"])
requests = st.builds(
    lambda path, body, more, chunked: sent(path, body, *more, chunked=chunked),
    st.sampled_from(["/a", "/b"]),
    bodies,
    st.sampled_from([(), ("X: y",), ("Connection: keep-alive",)]),
    st.integers(0, 5).map(lambda n: n == 0),
)


@given(st.lists(requests, min_size=1, max_size=8), st.lists(st.integers(1, 300), max_size=8))
@tried(400)
def test_requests_are_the_same_however_they_are_cut(
    made: list[tuple[bytes, Seen]], sizes: list[int]
) -> None:
    def each() -> Iterator[bytes]:
        yield from (content for content, _ in made)

    def cut() -> Iterator[bytes]:
        whole, at = b"".join(each()), 0
        for size in sizes:
            yield whole[at : at + size]
            at += size
        yield whole[at:]

    expected = [seen for _, seen in made]
    assert received(each()) == expected
    assert received(piece for piece in cut() if piece) == expected


def test_only_plain_heads_are_remembered_and_not_too_many() -> None:
    listener = Listener(lambda _: None, str.encode, 1000, Budget(10_000))
    plain, _ = sent("/a", b"abc")
    received(iter([plain, plain]), listener)
    assert [head.length for head in listener.heads.values()] == [3]
    for content in (
        sent("/a", b"abc", chunked=True)[0],
        sent("/a", b"abc", "Expect: 100-continue")[0],
        sent("/a", b"abc", "X: " + "x" * REMEMBERED_BYTES)[0],
        plain + plain,
    ):
        received(iter([content]), listener)
        assert len(listener.heads) == 1
    received((sent(f"/{n}", b"")[0] for n in range(3 * REMEMBERED)), listener)
    assert 1 <= len(listener.heads) <= REMEMBERED


def test_where_no_head_comes_again_few_are_remembered() -> None:
    listener = Listener(lambda _: None, str.encode, 1000, Budget(10_000))
    received((sent(f"/{n}", b"")[0] for n in range(REMEMBERED)), listener)
    listener.heads.clear()
    received((sent(f"/{n}", b"")[0] for n in range(10 * SELDOM)), listener)
    assert len(listener.heads) == 10
    plain, _ = sent("/again", b"")
    received((plain for _ in range(SELDOM + 1)), listener)
    assert listener.new_heads == 0


def test_a_remembered_head_with_half_a_body_waits_for_the_rest() -> None:
    content, seen = sent("/a", b"abc")
    assert received(iter([content, content[:-1], content[-1:], content])) == [seen] * 3


def test_a_body_that_looks_like_a_request_is_a_body() -> None:
    inner, seen = sent("/a", b"abc")
    outer, whole = sent("/b", inner)
    head = outer.removesuffix(inner)
    assert received(iter([inner, head, inner, inner])) == [seen, whole, seen]


def test_empty_lines_before_a_request_are_no_head() -> None:
    content, seen = sent("/a", b"abc")
    listener = Listener(lambda _: None, str.encode, 1000, Budget(10_000))
    assert received(iter([b"\r\n\r\n" + content, content]), listener) == [seen] * 2
    assert [head.startswith(b"POST") for head in listener.heads] == [True]
