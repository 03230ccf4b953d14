"""A plain head is read as llhttp reads it, and taken for what it was when it comes again."""

import asyncio
from collections.abc import Iterator

import pytest
from http2_peer import Transport
from hypothesis import given
from hypothesis import strategies as st

from effort import tried
from perennial_serving.system.budget import Budget
from perennial_serving.transport.http1.connection import Connection
from perennial_serving.transport.http1.listener import REMEMBERED, SELDOM, Listener
from perennial_serving.transport.http1.plain import PLAIN_BYTES, plain
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
    content, _ = sent("/a", b"abc")
    received(iter([content, content]), listener)
    assert [head.length for head in listener.heads.values()] == [3]
    for content in (
        sent("/a", b"abc", chunked=True)[0],
        sent("/a", b"abc", "Expect: 100-continue")[0],
        sent("/a", b"abc", "X: " + "x" * PLAIN_BYTES)[0],
        sent("/a", bytes(1001))[0],
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
    content, _ = sent("/again", b"")
    received((content for _ in range(SELDOM + 1)), listener)
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


Outcome = tuple[list[Seen], list[bytes], bool]


def outcome(content: bytes, kind: type[Listener] = Listener) -> Outcome:
    """Return what a handler sees of bytes, the statuses of the answers, and whether it is over."""
    seen: list[Seen] = []

    def handle(request: Request) -> None:
        seen.append(see(request))
        request.respond(200, b"", b"")

    async def run() -> tuple[list[bytes], bool]:
        connection, wire = Connection(kind(handle, str.encode, 1000, Budget(10_000))), Wire()
        connection.connection_made(wire)
        connection.data_received(content)
        for _ in range(20):
            await asyncio.sleep(0)
        connection.connection_lost(None)
        return [written[9:12] for written in wire.writes], wire.closed or wire.ended

    return seen, *asyncio.run(run())


class Llhttps(Listener):
    """A port where no head is plain."""

    def read(self, head: bytes) -> None:
        """Leave it to llhttp."""


class Wire(Transport):
    """A transport that can be ended on one side."""

    ended = False

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True


HOST = b"Host: m\r\n"
LINES = [
    HOST,
    b"host: a,b\r\n",
    *(b"Content-Length: %s\r\n" % told for told in (b"0", b"03", b"3", b"-3", b"3, 3", b"1001")),
    *(b"%s: keep-alive\r\n" % name for name in (b"Connection", b"Keep-Alive", b"Upgrade")),
    *(b"Connection: %s\r\n" % word for word in (b"Keep-Alive", b"close", b"x, close", b"upgrade")),
    *(b"%s: chunked\r\n" % name for name in (b"Transfer-Encoding", b"Transfer_Encoding", b"TE")),
    *(b"Expect: 100-continue\r\n", b"Trailer: x\r\n", b"Accept: */*\r\n"),
    *(b"Proxy-Connection: close\r\n", b"Proxy-Connection: x\r\n", b"HTTP2-Settings: x\r\n"),
    *(b"X: y\r\n", b"x: z\r\n", b"X:y\r\n", b"X:  y\r\n", b"X: y \r\n", b"X:\r\n", b"X : y\r\n"),
    *(b" folded\r\n", b"X: a\tb\xff\r\n", b"X: \0\r\n", b"X: y\n", b"X: y\r\r\n", b"no colon\r\n"),
    *(b": no name\r\n", b"(X): y\r\n", b"X: a:b: c\r\n", b"traceparent: 00-1-2-01\r\n"),
]
FIRST = [
    *(b"POST /a HTTP/1.1\r\n", b"GET /a?b=c HTTP/1.1\r\n", b"POST /%61%zz?x=%00 HTTP/1.1\r\n"),
    *(b"POST /a HTTP/1.0\r\n", b"HEAD /a HTTP/1.1\r\n", b"PUT /a HTTP/1.1\r\n"),
    *(b"POST http://m/a HTTP/1.1\r\n", b"GET /a#b HTTP/1.1\r\n", b"GET /\xc3 HTTP/1.1\r\n"),
    *(b"POST  /a HTTP/1.1\r\n", b"post /a HTTP/1.1\r\n", b"GET /a HTTP/1.1 \r\n", b"GET /\r\n"),
    *(b"POST /a;b=(c)'*!$&@:+,~ HTTP/1.1\r\n", b"POST //a/../b HTTP/1.1\r\n"),
]
heads = st.builds(
    lambda first, lines: first + b"".join(lines) + b"\r\n",
    st.one_of(st.just(FIRST[0]), st.sampled_from(FIRST)),
    st.lists(st.sampled_from(LINES), max_size=4).map(lambda lines: [HOST, *lines]),
)
# And one byte of them that is another one.
broken = st.builds(
    lambda head, at, byte: head[: at % len(head)] + bytes((byte,)) + head[at % len(head) + 1 :],
    heads,
    st.integers(0, 500),
    st.integers(0, 255),
)


@given(st.one_of(heads, broken), st.sampled_from([b"", b"abc"]))
@tried(2000)
def test_a_plain_head_says_what_llhttp_finds_in_it(head: bytes, body: bytes) -> None:
    assert outcome(head + body) == outcome(head + body, Llhttps)


@pytest.mark.parametrize(
    "head",
    [
        "POST /a HTTP/1.1\r\nHost: m:80\r\nUser-Agent: curl/8\r\nAccept: */*\r\nContent-Length: 3",
        "POST /a HTTP/1.1\r\nHost: m\r\nAccept-Encoding: identity\r\nContent-Length: 3",
        "POST /a HTTP/1.1\r\nhost: m\r\nconnection: keep-alive\r\ncontent-length: 3",
        "POST /a HTTP/1.1\r\nHost: m\r\ntraceparent: 00-1f-2e-01\r\nb3: 1\r\nContent-Length: 3",
        "GET /v2/health/live HTTP/1.1\r\nHost: 10.0.0.1:8080\r\nUser-Agent: kube-probe/1.34",
    ],
)
def test_what_clients_write_is_plain(head: str) -> None:
    found = plain(head.encode() + b"\r\n\r\n")
    assert found is not None and found.length == (3 if head.startswith("POST") else 0)
