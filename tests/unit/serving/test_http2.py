"""The HTTP/2 transport frame by frame: bounds, faults, order, the end."""

import asyncio
import dataclasses
import gzip
import zlib
from typing import Any

import pytest
from http2_peer import LIMITS, PLENTY, Peer, data, held_bytes, prefixed, until

from perennial_serving.system.budget import Budget
from perennial_serving.transport.http2 import connection, frames
from perennial_serving.transport.http2.calls import Call, Limits
from perennial_serving.transport.http2.frames import END_HEADERS, END_STREAM, frame

RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL, DEADLINE_EXCEEDED = "8", "12", "13", "4"
ANSWERED = {"data": prefixed(b"x"), "ended": True, "grpc-status": "0"}
CALM = frames.ENHANCE_YOUR_CALM


class Keeper:
    """A handler that answers nothing by itself."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> None:
        self.calls.append(call)


def sized(call: Call) -> None:
    call.respond(bytes(int(call.message)))


async def test_answers_of_one_read_are_one_write() -> None:
    peer = Peer()
    peer.send(peer.request(1, b"a"), peer.request(3, b"b"), peer.request(5, b"c"))
    assert len(peer.transport.writes) == 1
    answers = peer.answers()
    assert [answers[n]["data"] for n in (1, 3, 5)] == [
        prefixed(b"a"),
        prefixed(b"b"),
        prefixed(b"c"),
    ]
    assert answers[1][":status"] == "200"
    assert answers[1]["content-type"] == "application/grpc"
    assert answers[1]["grpc-accept-encoding"] == "identity,deflate,gzip"
    assert peer.protocol.is_idle


async def test_a_later_answer_is_written_at_once() -> None:
    peer = Peer(keeper := Keeper())
    peer.send(peer.request(1))
    assert not peer.transport.writes
    assert not peer.protocol.is_idle
    keeper.calls[0].respond(b"x")
    assert len(peer.transport.writes) == 1
    assert ANSWERED.items() <= peer.answers()[1].items()
    assert keeper.calls[0].over
    keeper.calls[0].fail(13, "twice")
    assert not peer.transport.writes


@pytest.mark.parametrize("step", [1, 2, 7, 100])
async def test_bytes_come_as_they_come(step: int) -> None:
    peer = Peer()
    sent = peer.request(1) + peer.request(3, b"y" * 1500) + peer.request(5)
    for start in range(0, len(sent), step):
        peer.send(sent[start : start + step])
    answers = peer.answers()
    assert answers[3]["data"] == prefixed(b"y" * 1500)
    assert ANSWERED.items() <= answers[5].items()


async def test_padding_and_priority() -> None:
    peer = Peer()
    flags = END_HEADERS | frames.PADDED | frames.PRIORITISED
    padded = b"\x03" + bytes(4) + b"\x10" + peer.headers(1)[9:] + bytes(3)
    peer.send(frame(frames.HEADERS, flags, 1, padded))
    body = prefixed(b"x")
    for one in body:
        peer.send(frame(frames.DATA, frames.PADDED, 1, b"\xff" + bytes((one,)) + bytes(255)))
    # Padding does not eat the window that the message needs.
    updates = [int.from_bytes(c) for k, _, n, c in peer.seen() if (k, n) == (8, 1)]
    assert updates == [256] * len(body)
    peer.send(frame(frames.DATA, frames.PADDED | END_STREAM, 1, b"\x01\0"))
    assert ANSWERED.items() <= peer.answers()[1].items()
    peer.lose()


async def test_trailers_end_a_request() -> None:
    peer = Peer()
    trailers = frame(frames.HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x01a\x01b")
    peer.send(peer.headers(1), data(1, prefixed(b"x")), trailers)
    assert ANSWERED.items() <= peer.answers()[1].items()


async def test_a_header_block_in_many_frames() -> None:
    peer = Peer()
    block = peer.headers(1)[9:]
    peer.send(frame(frames.HEADERS, 0, 1, block[:1]))
    for one in block[1:-1]:
        peer.send(frame(frames.CONTINUATION, 0, 1, bytes((one,))))
    peer.send(frame(frames.CONTINUATION, END_HEADERS, 1, block[-1:]))
    peer.send(data(1, prefixed(b"x"), END_STREAM))
    assert ANSWERED.items() <= peer.answers()[1].items()


async def test_answers_wait_for_windows() -> None:
    peer = Peer(settings={frames.INITIAL_WINDOW_SIZE: 4})
    peer.send(peer.request(1, b"x" * 10), peer.request(3, b"y" * 10))
    answers = peer.answers()
    assert [len(answers[n]["data"]) for n in (1, 3)] == [4, 4]
    peer.send(frames.window_update(3, 11))
    assert len(peer.answers()[3]["data"]) == 11
    # A smaller initial window makes that of the first stream negative.
    peer.send(frame(frames.SETTINGS, 0, 0, b"\0\4" + bytes(4)))
    peer.send(frames.window_update(1, 4))
    assert 1 not in peer.answers()
    peer.send(frames.window_update(1, 11))
    found = peer.answers()[1]
    assert len(found["data"]) == 11 and found["grpc-status"] == "0"
    assert peer.protocol.is_idle


async def test_the_connections_window_is_shared() -> None:
    peer = Peer(sized, settings={frames.INITIAL_WINDOW_SIZE: PLENTY})
    peer.send(*(peer.request(number, b"30000") for number in (1, 3, 5)))
    sent = sum(len(answer["data"]) for answer in peer.answers().values())
    assert sent == frames.DEFAULT_WINDOW
    peer.send(frames.window_update(0, PLENTY))
    sent += sum(len(answer["data"]) for answer in peer.answers().values())
    assert sent == 3 * 30_005
    assert peer.protocol.is_idle


async def test_who_takes_no_answers_gets_no_more() -> None:
    """Windows that never open hold calls up, not memory; those are answered when they do."""
    numbers = range(1, 101, 2)
    peer = Peer(sized, settings={frames.INITIAL_WINDOW_SIZE: 0})
    peer.send(*(peer.request(number, b"90000") for number in numbers))
    assert peer.protocol._queued <= LIMITS.buffered_bytes + 90_005
    assert len(peer.protocol._held) == len(numbers) - 5
    answered = len(peer.answers())
    assert answered == 5
    peer.send(frame(frames.RST_STREAM, 0, numbers[-1], bytes(4)))
    peer.send(frames.window_update(0, PLENTY))
    peer.send(frame(frames.SETTINGS, 0, 0, b"\0\4" + PLENTY.to_bytes(4)))
    answers = peer.answers()
    assert [len(answers[number]["data"]) for number in numbers[:-1]] == [90_005] * 49
    assert peer.protocol.is_idle
    peer.lose()


async def test_who_reads_nothing_is_read_no_more() -> None:
    peer = Peer()
    peer.protocol.pause_writing()
    assert not peer.transport.reading
    peer.send(peer.request(1))  # had been read before
    assert not peer.answers()
    peer.protocol.resume_writing()
    assert peer.transport.reading
    await asyncio.sleep(0)
    assert ANSWERED.items() <= peer.answers()[1].items()


async def test_large_messages_are_promised_room_in_turn() -> None:
    peer = Peer(keeper := Keeper())
    window = LIMITS.window
    for number in (1, 3, 5):
        peer.send(peer.headers(number), data(number, prefixed(bytes(100_000))[:window]))
    granted = {n: int.from_bytes(c) for k, _, n, c in peer.seen() if k == frames.WINDOW_UPDATE}
    # One byte more than the message, so that a second one cannot hide.
    assert granted == dict.fromkeys((1, 3), 100_006 - window)
    peer.send(data(1, bytes(100_005 - window), END_STREAM))
    assert len(keeper.calls[0].message) == 100_000
    granted = {n: int.from_bytes(c) for k, _, n, c in peer.seen() if k == frames.WINDOW_UPDATE}
    assert granted == {5: 100_006 - window}
    peer.send(frame(frames.RST_STREAM, 0, 3, bytes(4)))
    assert peer.protocol._room == LIMITS.buffered_bytes // 2 - granted[5]
    peer.lose()


async def test_who_ignores_windows_is_reset() -> None:
    peer = Peer()
    peer.send(peer.headers(1), data(1, prefixed(bytes(100_000))[: LIMITS.window - 1]))
    peer.send(peer.headers(3), data(3, bytes(4)))
    for number in (5, 7, 9):
        peer.send(peer.headers(number), data(number, prefixed(bytes(100_000))[: LIMITS.window]))
    peer.answers()
    peer.send(data(9, bytes(10)))
    assert peer.answers()[9] == {"reset": frames.FLOW_CONTROL_ERROR}
    peer.send(peer.request(11, bytes(LIMITS.window)))
    assert peer.answers()[11] == {"reset": frames.FLOW_CONTROL_ERROR}


@pytest.mark.parametrize(
    ("body", "changes", "status"),
    [
        (b"", {}, UNIMPLEMENTED),
        (prefixed(b"a") + prefixed(b"b"), {}, UNIMPLEMENTED),
        (prefixed(b"a") + b"\0", {}, UNIMPLEMENTED),
        (b"\0\0", {}, INTERNAL),
        (prefixed(b"abc")[:-1], {}, INTERNAL),
        (prefixed(b"a", 1), {}, INTERNAL),
        (prefixed(b"a", 2), {"grpc_encoding": "gzip"}, INTERNAL),
        (prefixed(b"rubbish", 1), {"grpc_encoding": "gzip"}, INTERNAL),
        (prefixed(gzip.compress(b"a", mtime=0)[:-1], 1), {"grpc_encoding": "gzip"}, INTERNAL),
        (prefixed(gzip.compress(b"a", mtime=0) + b"b", 1), {"grpc_encoding": "gzip"}, INTERNAL),
        (prefixed(gzip.compress(bytes(100_001)), 1), {"grpc_encoding": "gzip"}, RESOURCE_EXHAUSTED),
        (
            prefixed(zlib.compress(bytes(10**6)), 1),
            {"grpc_encoding": "deflate"},
            RESOURCE_EXHAUSTED,
        ),
        (prefixed(b"a"), {"grpc_encoding": "snappy"}, UNIMPLEMENTED),
        (prefixed(b"a"), {"grpc_timeout": "soon"}, INTERNAL),
        (prefixed(b"a"), {"filler": "x" * 20_000}, RESOURCE_EXHAUSTED),
    ],
)
async def test_faulty_calls(body: bytes, changes: dict[str, str], status: str) -> None:
    for pieces in ([body], [body[i : i + 1] for i in range(len(body))]):
        peer = Peer()
        head = peer.headers(1, 0, **changes)[9:]
        peer.send(frame(frames.HEADERS, 0, 1, head[:9000]))
        peer.send(frame(frames.CONTINUATION, END_HEADERS, 1, head[9000:]))
        for piece in pieces if len(pieces) < 500 else [body[:1], body[1:]]:
            peer.send(data(1, piece))
        peer.send(data(1, b"", END_STREAM))
        answer = peer.answers()[1]
        assert answer["grpc-status"] == status
        assert answer["ended"] and not answer["data"]
        assert answer["grpc-accept-encoding"] == "identity,deflate,gzip"
        assert not peer.transport.closed
        peer.lose()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"method": "GET"}, "405"),
        ({"content_type": "application/json"}, "415"),
        ({"content_type": "application/grpc-web"}, "415"),
        ({"content_type": None}, "415"),
    ],
)
async def test_what_is_not_grpc(changes: dict[str, str | None], status: str) -> None:
    peer = Peer()
    peer.send(peer.request(1, **changes))
    answer = peer.answers()[1]
    assert answer[":status"] == status and answer["data"] and answer["ended"]
    # One that never ends is answered too, and told to stop.
    peer.send(peer.headers(3, **changes), data(3, bytes(LIMITS.window)))
    answer = peer.answers()[3]
    assert answer[":status"] == status and answer["reset"] == frames.NO_ERROR
    peer.send(data(3, bytes(100), END_STREAM), peer.request(5))
    assert ANSWERED.items() <= peer.answers()[5].items()


@pytest.mark.parametrize(
    "changes",
    [
        {"path": None},
        {"Upper": "x"},
        {"connection": "close"},
        {"te": "gzip"},
        {"x": " padded"},
        {"x": "two\r\nlines"},
        {"content_length": "7"},
        {"content_length": "-6"},
    ],
)
async def test_malformed_requests_are_reset(changes: dict[str, str | None]) -> None:
    peer = Peer()
    peer.send(peer.request(1, **changes))
    assert peer.answers()[1] == {"reset": frames.PROTOCOL_ERROR}
    peer.send(peer.request(3, content_length="6"))
    assert ANSWERED.items() <= peer.answers()[3].items()


async def test_a_deadline_that_passes_drops_the_answer() -> None:
    peer = Peer(keeper := Keeper())
    peer.send(peer.request(1, grpc_timeout="1n"), peer.request(3, grpc_timeout="99999999H"))
    await until(lambda: keeper.calls[0].over)
    assert peer.answers()[1]["grpc-status"] == DEADLINE_EXCEEDED
    for call in keeper.calls:
        call.respond(b"x")
    assert list(peer.answers()) == [3]
    assert peer.protocol.is_idle


async def test_a_request_that_stalls_is_ended() -> None:
    peer = Peer(limits=Limits(100_000, 400_000, streams=100, stall_seconds=0.001))
    peer.send(peer.headers(1), data(1, prefixed(b"abc")[:-1]))
    await until(lambda: peer.protocol.is_idle)
    answer = peer.answers()[1]
    assert (answer["grpc-status"], answer["reset"]) == (DEADLINE_EXCEEDED, frames.NO_ERROR)
    assert not held_bytes(peer.protocol)
    # What was on its way is no fault; the connection lives on.
    peer.send(data(1, b"c", END_STREAM), peer.request(3))
    assert ANSWERED.items() <= peer.answers()[3].items()
    peer.lose()


@pytest.mark.parametrize("stalled", ["window", "transport", "end"])
async def test_a_client_that_takes_nothing_is_dropped(stalled: str) -> None:
    limits = Limits(100_000, 400_000, streams=100, stall_seconds=0.001)
    peer = Peer(limits=limits, settings={frames.INITIAL_WINDOW_SIZE: 0})
    if stalled == "window":
        peer.send(peer.request(1))
    elif stalled == "transport":
        peer.protocol.pause_writing()
    else:
        peer.send(frame(frames.PUSH_PROMISE, 0, 1))
    await until(lambda: peer.transport.aborted)
    peer.lose()


async def test_a_cancelled_call_is_forgotten() -> None:
    peer = Peer(keeper := Keeper())
    peer.send(peer.request(1), frame(frames.RST_STREAM, 0, 1, bytes(4)))
    assert keeper.calls[0].over and peer.protocol.is_idle
    keeper.calls[0].respond(b"late")
    assert not peer.answers()


async def test_more_streams_than_allowed_are_refused() -> None:
    peer = Peer(keeper := Keeper())
    numbers = range(1, 2 * LIMITS.streams + 3, 2)
    peer.send(*(peer.request(n) for n in numbers))
    assert peer.answers() == {numbers[-1]: {"reset": frames.REFUSED_STREAM}}
    keeper.calls[0].respond(b"x")
    peer.send(peer.request(numbers[-1] + 2))
    assert len(keeper.calls) == LIMITS.streams + 1


async def test_a_graceful_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perennial_serving.transport.http2.calls._LINGER", 0)
    peer = Peer(keeper := Keeper())
    peer.send(peer.request(1))
    peer.protocol.close_gracefully()
    peer.protocol.close_gracefully()
    assert peer.answers() == {0: {"last": 1, "code": frames.NO_ERROR}}
    peer.send(peer.request(3))
    assert peer.answers() == {3: {"reset": frames.REFUSED_STREAM}}
    await asyncio.sleep(0.01)
    assert not peer.transport.closed
    keeper.calls[0].respond(b"x")
    assert ANSWERED.items() <= peer.answers()[1].items()
    await until(lambda: peer.transport.closed)
    peer.lose()


PING = frame(frames.PING, 0, 0, bytes(8))
SETTINGS = frame(frames.SETTINGS, 0, 0)


FLOODS = ["reset", "malformed", "ping", "settings", "empty", "refused"]
# What is not even about a stream, or about one that is over.
FRAMES = {
    "priority": frame(frames.PRIORITY, 0, 9, bytes(5)),
    "window": frames.window_update(0, 1),
    "unknown": frame(0x20, 0, 0),
    "ended": frame(frames.DATA, 0, 1, b"x"),
}


@pytest.mark.parametrize("kind", FRAMES)
async def test_each_frame_that_brings_nothing_is_counted(kind: str) -> None:
    peer = Peer()
    peer.send(peer.request(1, te="gzip"))  # malformed, so over
    for sent in range(1, 1000 + LIMITS.streams + 1):  # noqa: B007
        peer.send(FRAMES[kind])
        if peer.transport.closed:
            break
    assert peer.transport.closed and sent > 900
    assert peer.answers()[0]["code"] == CALM
    peer.lose()


async def test_a_connection_takes_its_share_of_a_turn() -> None:
    """Whatever has come at once: others are served in between, and nothing more is read."""
    peer = Peer()
    whole = b"".join(peer.request(2 * n + 1) for n in range(1000))
    peer.protocol.data_received(whole)
    turns = 0
    answered = len(peer.answers())
    while peer.protocol._turns:
        assert not peer.transport.reading
        peer.protocol._turn()
        turns += 1
        got = len(peer.answers())
        assert got <= connection.FRAMES
        answered += got
    assert peer.transport.reading and answered == 1000
    assert turns == -(-2000 // connection.FRAMES) - 1
    peer.lose()


@pytest.mark.parametrize("greeting", [b"", frames.PREFACE[:10], frames.PREFACE])
async def test_who_does_not_greet_is_let_go(
    greeting: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "GREETING_SECONDS", 0.0)
    peer = Peer(greeting=b"")
    if greeting:
        peer.send(greeting)
    await until(lambda: peer.transport.aborted)


async def test_half_a_frame_has_a_deadline() -> None:
    limits = dataclasses.replace(LIMITS, stall_seconds=0.01)
    for half in (PING[:4], frame(frames.HEADERS, 0, 1)):
        peer = Peer(limits=limits)
        peer.send(half)
        await until(lambda peer=peer: peer.transport.aborted)  # type: ignore[misc]


async def test_a_connection_without_calls_is_asked_to_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("perennial_serving.transport.http2.calls._LINGER", 0)
    peer = Peer(limits=dataclasses.replace(LIMITS, stall_seconds=0.001))
    await until(lambda: peer.transport.closed)
    assert peer.answers()[0]["code"] == frames.NO_ERROR


async def test_large_messages_that_do_not_come_make_room() -> None:
    """Whatever one client leaves unfinished, a small request of another is taken at once."""
    stalled, other = Peer(), Peer()
    budget = Budget(50_000)
    for peer in (stalled, other):
        peer.budget = peer.protocol._budget = budget
    message = prefixed(bytes(90_000))
    stalled.send(stalled.headers(1), data(1, message[:1000]))  # for which the rest is promised
    stalled.send(data(1, message[1000:45_000]))
    assert budget.held == 45_000
    message = prefixed(bytes(10_000))
    other.send(other.headers(1), data(1, message[:1000]))
    other.send(data(1, message[1000:], END_STREAM))
    assert other.answers()[1]["grpc-status"] == "0"
    assert stalled.transport.aborted
    stalled.lose()
    other.lose()
    assert budget.held == 0


async def test_who_holds_everything_makes_room_for_itself() -> None:
    peer = Peer()
    peer.budget = peer.protocol._budget = Budget(50_000)
    message = prefixed(bytes(90_000))
    peer.send(peer.headers(1), data(1, message[:1000]))
    peer.send(data(1, message[1000:45_000]))
    peer.budget._waiting[peer.protocol] -= 3600.0
    peer.send(data(1, message[45_000:]), peer.request(3))
    assert peer.transport.aborted and not peer.answers()
    peer.lose()
    assert peer.budget.held == 0


async def test_answers_that_nobody_takes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(sized, settings={frames.INITIAL_WINDOW_SIZE: 0})
    peer.send(peer.request(1, b"50000"))
    assert peer.budget.held >= 50_000
    assert list(peer.budget._waiting) == [peer.protocol]
    peer.lose()


@pytest.mark.parametrize("kind", FLOODS)
async def test_floods_end_the_connection_and_calls_make_up_for_them(kind: str) -> None:
    def some(number: int) -> bytes:
        if kind == "reset":
            return peer.request(number) + frame(frames.RST_STREAM, 0, number, bytes(4))
        if kind == "malformed":
            return peer.request(number, te="gzip")
        if kind == "empty":
            return peer.headers(number) + data(number, b"") + data(number, prefixed(b"x"), 1)
        if kind == "refused":
            return peer.headers(number) + frames.window_update(number, 0)
        return PING if kind == "ping" else SETTINGS

    peer = Peer(keeper := Keeper())
    patience = 0
    while not peer.transport.closed:
        peer.send(some(2 * patience + 1))
        for call in keeper.calls if kind == "empty" else ():
            call._connection = None
            del peer.protocol._calls[call._number]
        keeper.calls.clear()
        patience += 1
        assert patience <= 1000 + LIMITS.streams
    assert peer.answers()[0]["code"] == CALM
    assert patience > 500  # a malformed request has data, too
    peer.lose()

    peer = Peer()
    for i in range(3 * patience):
        peer.send(peer.request(4 * i + 1))
        if kind in ("ping", "settings", "malformed"):
            peer.send(some(4 * i + 3))
    assert not peer.transport.closed


async def test_continuations_without_end() -> None:
    for content in (b"", b"x" * 1000):
        peer = Peer()
        peer.send(frame(frames.HEADERS, 0, 1))
        for _ in range(2000):
            peer.send(frame(frames.CONTINUATION, 0, 1, content))
        assert peer.answers()[0]["code"] == CALM
        assert len(peer.protocol._block) <= 3 * LIMITS.header_bytes


async def test_a_small_block_of_large_headers() -> None:
    peer = Peer()
    # One entry of 3,000 bytes, then a reference to it 3,000 times.
    entry = b"\x40\x01a\x7f\xb9\x16" + b"b" * 3000
    peer.send(frame(frames.HEADERS, END_HEADERS, 1, entry + b"\xbe" * 3000))
    assert peer.answers()[0]["code"] == CALM


FAULTS: list[tuple[str, bytes, int]] = [
    ("DATA of no stream", frame(frames.DATA, 0, 0), frames.PROTOCOL_ERROR),
    ("DATA of an idle stream", frame(frames.DATA, 0, 9), frames.PROTOCOL_ERROR),
    ("even stream", frame(frames.HEADERS, END_HEADERS, 2, b"\x82"), frames.PROTOCOL_ERROR),
    (
        "no table entry",
        frame(frames.HEADERS, END_HEADERS, 3, b"\xff\x7f"),
        frames.COMPRESSION_ERROR,
    ),
    ("pushed", frame(frames.PUSH_PROMISE, END_HEADERS, 1, bytes(4)), frames.PROTOCOL_ERROR),
    ("stray CONTINUATION", frame(frames.CONTINUATION, 4, 1), frames.PROTOCOL_ERROR),
    ("large frame", (16385 << 8).to_bytes(4) + bytes(5), frames.FRAME_SIZE_ERROR),
    ("short PING", frame(frames.PING, 0, 0, bytes(7)), frames.FRAME_SIZE_ERROR),
    ("window", frames.window_update(0, 0x7FFFFFFF), frames.FLOW_CONTROL_ERROR),
]


@pytest.mark.parametrize(("sent", "code"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
async def test_faults_that_end_a_connection(sent: bytes, code: int) -> None:
    peer = Peer(keeper := Keeper())
    peer.send(peer.request(11)) if code == frames.COMPRESSION_ERROR else None
    peer.send(
        sent if code != frames.COMPRESSION_ERROR else sent.replace(b"\0\0\0\1", b"\0\0\0\x0d")
    )
    assert peer.answers()[0]["code"] == code
    assert peer.transport.closed
    assert all(call.over for call in keeper.calls)
    peer.send(PING)
    assert not peer.seen()
    peer.lose()


@pytest.mark.parametrize(
    "sent", [b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nX", frames.PREFACE + PING]
)
async def test_connections_begin_with_the_preface_and_settings(sent: bytes) -> None:
    peer = Peer(greeting=b"")
    for one in sent:
        peer.send(bytes((one,)))
    assert peer.answers()[0]["code"] == frames.PROTOCOL_ERROR
    assert peer.transport.closed


async def test_remembered_blocks_follow_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes mean something else once the table changed."""
    seen: list[Any] = []
    peer = Peer(lambda call: (seen.append(call.metadata.get("a")), call.respond(b""))[1])
    base = frame(frames.HEADERS, 0, 1)[9:]
    fields = peer.headers(1, a="1")[9:]
    peer.send(frame(frames.HEADERS, END_HEADERS, 1, base + fields), data(1, prefixed(b""), 1))
    again = peer.headers(3, a="1")[9:]
    decoded = 0
    decode = peer.protocol._heads._decode

    def count(block: bytes) -> Any:
        nonlocal decoded
        decoded += 1
        return decode(block)

    monkeypatch.setattr(peer.protocol._heads, "_decode", count)
    for number in (3, 5, 7):
        peer.send(frame(frames.HEADERS, END_HEADERS, number, again))
        peer.send(data(number, prefixed(b""), END_STREAM))
    assert decoded == 1
    # A new entry moves all others: the newest is now the old "a".
    changed = peer.headers(9, a="2")[9:]
    peer.send(frame(frames.HEADERS, END_HEADERS, 9, changed), data(9, prefixed(b""), 1))
    last = peer.headers(11, a="2")[9:]
    for number in (11, 13):
        peer.send(frame(frames.HEADERS, END_HEADERS, number, last))
        peer.send(data(number, prefixed(b""), END_STREAM))
    assert seen == ["1", "1", "1", "1", "2", "2", "2"]
    assert decoded == 3


@pytest.mark.parametrize(("message", "buffered", "streams"), [(100, 199, 1), (100, 6000, 100)])
def test_limits_that_cannot_be(message: int, buffered: int, streams: int) -> None:
    with pytest.raises(ValueError):
        Limits(message, buffered, streams=streams)
