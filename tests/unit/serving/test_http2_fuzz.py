"""Whatever comes over HTTP/2: nothing is raised, memory is bounded, all is answered or ended."""

import asyncio
import gzip
import zlib
from typing import Any

from http2_peer import HEADERS, Peer, data, held_bytes, prefixed
from hypothesis import given
from hypothesis import strategies as st

from effort import tried
from perennial_serving.transport.http2 import frames
from perennial_serving.transport.http2.calls import Call, Limits
from perennial_serving.transport.http2.frames import END_HEADERS, END_STREAM, frame

BOUNDED = tried(150)
LIMITS = Limits(message_bytes=3000, buffered_bytes=6400, header_bytes=2000, streams=20)

# Streams are counted from the newest, -1 is a new one; others are seldom meant.
new = st.just(-1)
numbers = st.integers(0, 5)
strange = st.integers(0, 12) | st.sampled_from([2**31 - 1, 2**32 - 1])
flags = st.sampled_from([0, 1, 4, 5, 8, 0xD, 0x20, 0x25, 0xFF])
sizes = st.integers(0, 40) | st.sampled_from([400, 2000, 16384, 16385])
words = st.integers(0, 70000) | st.sampled_from([2**31 - 1, 2**31, 2**32 - 1])
rubbish = st.builds(
    lambda kind, flag, number, content: frame(kind, flag, number, content),
    st.integers(0, 12),
    flags,
    strange,
    st.binary(max_size=40) | sizes.map(bytes),
)
encoded = st.sampled_from(["gzip", "deflate", "identity", "br"])
paths = st.sampled_from(["Later", "Later", "Fail", "Raise"]).map("/echo/{}".format)
fitting = st.fixed_dictionaries(
    {}, optional={"path": paths, "grpc_encoding": encoded, "x": st.just("y" * 900)}
)
changed = st.dictionaries(
    st.sampled_from([*(k.strip(":").replace("-", "_") for k in HEADERS), "grpc_encoding", "x"]),
    st.sampled_from([None, "", "gzip", "GET", "/echo/Later", "/echo/Fail", "/echo/Raise", "1m"])
    | st.text(st.characters(codec="ascii"), max_size=8)
    | st.just("y" * 900),
    max_size=2,
)
messages = st.binary(max_size=30) | st.sampled_from([300, 1000, 2990, 3001]).map(bytes)
bodies = st.one_of(
    messages.map(prefixed),
    messages.map(prefixed),
    messages.map(lambda message: prefixed(zlib.compress(message), 1)),
    messages.map(lambda message: prefixed(gzip.compress(message), 1)),
    st.builds(prefixed, messages, st.sampled_from([1, 9])),
    st.binary(max_size=9),
)
changes = fitting | fitting | changed
harmless = st.sampled_from(
    [
        frame(frames.PING, 0, 0, bytes(8)),
        frame(frames.PRIORITY, 0, 1, bytes(5)),
        frame(frames.GOAWAY, 0, 0, bytes(9)),
        frame(99, 0, 1, bytes(9)),
    ]
)
# What is sent by name: how a peer sends it, and with which arguments.
mild = st.one_of(
    st.tuples(st.just("request"), new, fitting, bodies, st.integers(0, 400)),
    st.tuples(st.just("request"), new, changes, bodies, st.just(9000)),
    st.tuples(st.just("headers"), new, st.sampled_from([4, 4, 5]), changes),
    st.tuples(st.just("data"), numbers, st.sampled_from([0, 0, 1, 8]), bodies),
    st.tuples(st.just("window"), numbers, st.integers(1, 3000)),
    st.tuples(st.just("reset"), numbers, st.just(8)),
    st.tuples(st.just("settings"), st.just(frames.INITIAL_WINDOW_SIZE), st.integers(0, 3000)),
    st.tuples(st.just("rubbish"), harmless),
    st.tuples(st.just("split"), new, st.integers(0, 5), changes),
    st.tuples(st.sampled_from(["pause", "resume", "answer", "answer"])),
)
wild = st.one_of(
    st.tuples(st.just("request"), numbers, changed, bodies, st.integers(0, 400)),
    st.tuples(st.just("headers"), st.integers(-1, 3), flags, changed),
    st.tuples(st.just("data"), numbers, flags, bodies),
    st.tuples(st.just("window"), strange, words),
    st.tuples(st.just("reset"), strange, words),
    st.tuples(st.just("settings"), st.integers(0, 7), words),
    st.tuples(st.just("rubbish"), rubbish),
    st.tuples(st.just("leave")),
)
acts = st.sampled_from([*([mild] * 15), wild]).flatmap(lambda strategy: strategy)


class Handler:
    """Answers as the path says; what it keeps is answered by and by."""

    def __init__(self) -> None:
        self.kept: list[Call] = []
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> None:
        self.calls.append(call)
        if call.path == "/echo/Raise":
            raise ValueError
        if call.path == "/echo/Later":
            self.kept.append(call)
        elif call.path == "/echo/Fail":
            call.fail(5, call.message.decode("latin-1"))
        else:
            call.respond(call.message)


def sent(peer: Peer, act: tuple[Any, ...]) -> bytes:
    """Return an act's bytes."""
    kind, *rest = act
    if kind not in ("settings", "rubbish") and rest[0] <= 5:
        rest[0] = max(peer.protocol._last - 2 * rest[0], 1) | 1
    if kind == "request":
        number, fields, body, first = rest
        parts = (peer.headers(number, **fields), data(number, body[:first]))
        return b"".join((*parts, data(number, body[first:], END_STREAM)))
    if kind == "headers":
        number, flag, fields = rest
        return peer.headers(number, flag, **fields)
    if kind == "split":
        number, size, fields = rest
        block = peer.headers(number, **fields)[9:]
        first = frame(frames.HEADERS, 0, number, block[:size])
        return first + frame(frames.CONTINUATION, END_HEADERS, number, block[size:])
    if kind == "data":
        number, flag, body = rest
        return data(number, body, flag)
    if kind == "window":
        return frames.window_update(*rest)
    if kind == "reset":
        return frame(frames.RST_STREAM, 0, rest[0], rest[1].to_bytes(4))
    if kind == "settings":
        return frame(frames.SETTINGS, 0, 0, rest[0].to_bytes(2) + rest[1].to_bytes(4))
    return bytes(rest[0])


def act_on(peer: Peer, handler: Handler, kind: str) -> None:
    """Do what is not sent."""
    if kind == "pause" and not peer.protocol._paused:
        peer.protocol.pause_writing()
    elif kind == "resume" and peer.protocol._paused:
        peer.protocol.resume_writing()
    elif kind == "answer" and handler.kept:
        handler.kept.pop().respond(b"later" * 100)
    elif kind == "leave":
        peer.protocol.close_gracefully()


def check(peer: Peer, handler: Handler) -> None:
    """Check the bounds."""
    protocol = peer.protocol
    assert held_bytes(protocol) <= LIMITS.buffered_bytes
    assert not any(call.message for call in protocol._held.values())
    assert len(protocol._calls) <= LIMITS.streams
    assert len(protocol._ended) <= LIMITS.streams
    assert 0 <= protocol._room <= LIMITS.buffered_bytes // 2
    assert protocol._queued == sum(
        len(call._rest) + len(call._next) for call in protocol._blocked.values()
    )
    assert protocol._queued <= LIMITS.buffered_bytes + LIMITS.message_bytes + LIMITS.streams * 505
    assert len(protocol._part) <= frames.FRAME_BYTES + 9
    assert len(protocol._block) <= 2 * LIMITS.header_bytes + frames.FRAME_BYTES
    assert len(protocol._heads._known) <= 32
    assert not protocol._dead or peer.transport.closed
    assert not protocol._out or protocol._dead


async def play(script: list[tuple[Any, ...]], cut: int, flips: list[tuple[int, int]]) -> None:
    errors: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: errors.append(context))
    handler = Handler()
    peer = Peer(handler, LIMITS)
    peer.send(peer.request(1))
    position = 0
    for act in script:
        if len(act) == 1:
            act_on(peer, handler, act[0])
            await asyncio.sleep(0)
            check(peer, handler)
            continue
        content = bytearray(sent(peer, act))
        for place, bits in flips:
            if 0 <= place - position < len(content):
                content[place - position] ^= bits
        position += len(content)
        for start in range(0, len(content), cut):
            peer.send(bytes(content[start : start + cut]))
            check(peer, handler)
    # At the end all windows open and all that is kept is answered.
    act_on(peer, handler, "resume")
    peer.send(frame(frames.SETTINGS, 0, 0, b"\0\4" + (2**20).to_bytes(4)))
    while handler.kept:
        act_on(peer, handler, "answer")
    await asyncio.sleep(0)
    check(peer, handler)
    assert all(call.over for call in handler.calls)
    assert all(isinstance(context.get("exception"), ValueError) for context in errors), errors
    peer.lose()


acted = st.lists(acts, min_size=8, max_size=40)
cuts = st.sampled_from([1, 5, 50, 10**6, 10**6])
flipped = st.just([]) | st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 255)), max_size=3)


@BOUNDED
@given(acted, cuts, flipped)
def test_frames_of_all_kinds(
    script: list[tuple[Any, ...]], cut: int, flips: list[tuple[int, int]]
) -> None:
    asyncio.run(play(script, cut, flips))


@BOUNDED
@given(st.lists(st.binary(max_size=60), max_size=5), st.booleans())
def test_bytes(pieces: list[bytes], greeted: bool) -> None:
    async def run() -> None:
        handler = Handler()
        peer = Peer(handler, LIMITS, greeting=frames.PREFACE if greeted else b"")
        for piece in pieces:
            peer.send(piece)
            check(peer, handler)
        peer.lose()

    asyncio.run(run())


@BOUNDED
@given(st.lists(st.tuples(changes, bodies), max_size=6), cuts)
def test_well_framed_requests_are_all_answered(
    requests: list[tuple[dict[str, str | None], bytes]], cut: int
) -> None:
    async def run() -> None:
        handler = Handler()
        peer = Peer(handler, LIMITS)
        for i, (fields, body) in enumerate(requests):
            number = 2 * i + 1
            window = LIMITS.window - 1
            content = peer.headers(number, **fields) + data(number, body[:window])
            for start in range(0, len(content), cut):
                peer.send(content[start : start + cut])
            peer.send(data(number, body[window:], END_STREAM))
        while handler.kept:
            handler.kept.pop().respond(b"")
        answers = peer.answers()
        assert not peer.transport.closed
        assert list(sorted(answers)) == [2 * i + 1 for i in range(len(requests))]
        assert all(one.get("ended") or "reset" in one for one in answers.values())
        assert peer.protocol.is_idle
        peer.lose()

    asyncio.run(run())


@BOUNDED
@given(
    st.integers(0, 20000),
    st.lists(st.tuples(st.sampled_from(["stream", "all", "initial"]), st.integers(0, 9000))),
)
def test_answers_keep_to_windows_and_come_whole(size: int, steps: list[tuple[str, int]]) -> None:
    async def run() -> None:
        peer = Peer(lambda call: call.respond(bytes(size)), settings={4: 10})
        allowed, everywhere, initial = 10, frames.DEFAULT_WINDOW, 10
        peer.send(peer.request(1))
        got = b""
        for kind, amount in [*steps, ("stream", 30000), ("all", 30000), ("initial", 10)]:
            new = peer.answers().get(1, {}).get("data", b"")
            got += new
            assert not new or len(got) <= min(allowed, everywhere)
            if kind == "initial":
                allowed, initial = allowed + amount - initial, amount
                peer.send(frame(frames.SETTINGS, 0, 0, b"\0\4" + amount.to_bytes(4)))
            elif amount:
                number = 1 if kind == "stream" else 0
                allowed, everywhere = allowed + amount * number, everywhere + amount * (1 - number)
                peer.send(frames.window_update(number, amount))
        got += peer.answers().get(1, {}).get("data", b"")
        assert got == prefixed(bytes(size))
        assert peer.protocol.is_idle

    asyncio.run(run())
