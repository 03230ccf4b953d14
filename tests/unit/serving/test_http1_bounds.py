"""What one connection of HTTP/1.1 may cost: its share of a turn, bytes, fields, time."""

import asyncio

import pytest
from http2_peer import Transport

from perennial_serving.system.budget import Budget
from perennial_serving.transport.http1 import connection as http1
from perennial_serving.transport.http1.connection import Connection
from perennial_serving.transport.http1.listener import Listener
from perennial_serving.transport.http1.request import Request

GET = b"GET / HTTP/1.1\r\nHost: m\r\n\r\n"
LIMIT = 1 << 20


class Wire(Transport):
    """A transport whose client takes as much as it likes."""

    unsent = 0
    reading = True

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True


class Port:
    """A port whose handler answers at once, or keeps requests."""

    def __init__(self, budget: int = 10 * LIMIT, keeps: bool = False, most: int = 100) -> None:
        self.requests: list[Request] = []
        self.keeps = keeps
        self.listener = Listener(self._handle, str.encode, LIMIT, Budget(budget), most)

    @property
    def budget(self) -> Budget:
        return self.listener.budget

    def _handle(self, request: Request) -> None:
        self.requests.append(request)
        if not self.keeps:
            request.respond(200, b"", b"")

    def connect(self) -> tuple[Connection, Wire]:
        connection, wire = Connection(self.listener), Wire()
        connection.connection_made(wire)
        return connection, wire

    def status(self, wire: Wire) -> int:
        return int(b"".join(wire.writes).split(b" ", 2)[1])


def post(length: int | None, *lines: bytes) -> bytes:
    framing = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
    return b"\r\n".join([b"POST / HTTP/1.1", b"Host: m", framing, *lines]) + b"\r\n\r\n"


async def test_a_connection_takes_its_share_of_a_turn() -> None:
    port = Port()
    connection, wire = port.connect()
    most = http1.SLICE // len(GET) + 1
    connection.data_received(GET * 5000)
    turns = [len(port.requests)]
    while len(port.requests) < 5000:
        assert not wire.reading
        await asyncio.sleep(0)
        turns.append(len(port.requests) - sum(turns))
        assert len(turns) < 1000
    assert max(turns) <= most
    assert wire.reading and port.budget.held == 0
    connection.connection_lost(None)


async def test_two_that_pipeline_without_end_are_served_in_turn() -> None:
    port = Port()
    one, other = port.connect()[0], port.connect()[0]
    one.data_received(GET * 5000)
    before = len(port.requests)
    other.data_received(GET)
    assert len(port.requests) == before + 1 < 1000


async def test_a_body_whose_length_is_known_is_taken_at_once() -> None:
    port = Port(keeps=True)
    connection, _ = port.connect()
    connection.data_received(post(200_000) + bytes(200_000))
    (request,) = port.requests
    assert len(request.body) == 200_000


async def test_requests_that_wait_for_one_another_stop_the_reading() -> None:
    port = Port(keeps=True)
    connection, wire = port.connect()
    connection.data_received(GET * 1000)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(port.requests) == 1 and not wire.reading
    assert len(connection._waiting) < http1.PIPELINED + http1.SLICE // len(GET)
    for n in range(1000):
        port.requests[n].respond(200, b"", b"")
        for _ in range(4):
            await asyncio.sleep(0)
    assert len(port.requests) == 1000 and wire.reading


@pytest.mark.parametrize(
    "more",
    [
        b"0\r\nTrailer: " + b"x" * 70_000,
        b"0\r\n" + b"a:\r\n" * 300,
        b"1;" + b"x" * 70_000,
    ],
)
async def test_what_stands_beside_a_body_is_bounded(more: bytes) -> None:
    port = Port()
    connection, wire = port.connect()
    connection.data_received(post(None) + b"1\r\na\r\n")
    for at in range(0, len(more), 1000):
        connection.data_received(more[at : at + 1000])
    assert port.status(wire) == 431 and not port.requests


async def test_so_are_the_fields_of_a_head() -> None:
    port = Port()
    connection, wire = port.connect()
    connection.data_received(GET[:-2] + b"a:\r\n" * 300)
    assert port.status(wire) == 431


async def test_tiny_chunks_take_one_buffer() -> None:
    port = Port(keeps=True)
    connection, _ = port.connect()
    connection.data_received(post(None))
    connection.data_received(b"1\r\na\r\n" * 10_000)
    for _ in range(20):
        await asyncio.sleep(0)
    assert isinstance(connection._body, bytearray) and len(connection._body) == 10_000
    assert port.budget.held == 10_000
    connection.data_received(b"0\r\n\r\n")
    assert port.requests[0].body == b"a" * 10_000
    connection.connection_lost(None)
    assert port.budget.held == 10_000  # somebody has the request
    port.requests.clear()
    assert port.budget.held == 0


async def test_unfinished_bodies_lock_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perennial_serving.system.budget.PATIENCE_SECONDS", 3600.0)
    port = Port(budget=LIMIT)
    stalled = [port.connect() for _ in range(4)]
    for connection, _ in stalled:
        connection.data_received(post(LIMIT) + bytes(LIMIT // 4))
    assert port.budget.held == LIMIT
    # A large one is told to try again ...
    large, told = port.connect()
    large.data_received(post(LIMIT // 2) + bytes(LIMIT // 2))
    assert port.status(told) == 503 and b"retry-after: 1" in b"".join(told.writes)
    # ... a small one is taken, and the oldest unfinished one goes.
    small, taken = port.connect()
    small.data_received(post(10_000) + bytes(10_000))
    assert port.status(taken) == 200
    assert [bool(wire.writes) for _, wire in stalled] == [True, False, False, False]
    assert port.status(stalled[0][1]) == 503
    monkeypatch.setattr("perennial_serving.system.budget.PATIENCE_SECONDS", -1.0)
    large, taken = port.connect()
    large.data_received(post(LIMIT // 2) + bytes(LIMIT // 2))
    assert port.status(taken) == 200
    for connection, _ in stalled:
        connection.connection_lost(None)
    port.requests.clear()
    assert port.budget.held == 0


async def test_who_holds_everything_makes_room_for_itself() -> None:
    port = Port(budget=LIMIT // 2)
    connection, wire = port.connect()
    connection.data_received(post(LIMIT) + bytes(LIMIT // 2))
    port.budget._waiting[connection] -= 3600.0
    connection.data_received(bytes(LIMIT // 4))
    assert port.status(wire) == 503 and port.budget.held == 0
    connection.connection_lost(None)


async def test_an_answer_that_nobody_takes_is_counted_and_makes_room() -> None:
    port = Port(budget=LIMIT, keeps=True)
    connection, wire = port.connect()
    connection.data_received(GET)
    port.requests.pop().respond(200, bytes(LIMIT), b"")
    wire.unsent = LIMIT
    connection.pause_writing()
    assert port.budget.held == LIMIT and not wire.reading
    other, _ = port.connect()
    other.data_received(post(10_000) + bytes(10_000))
    assert len(port.requests) == 1 and wire.aborted
    connection.connection_lost(None)
    assert port.budget.held == 10_000


async def test_a_head_has_a_deadline_and_a_body_another() -> None:
    port = Port()
    now = asyncio.get_running_loop().time()
    for content, seconds in (
        (GET[:5], http1.HEAD_SECONDS),
        (post(10) + b"a", http1.STALLED_SECONDS),
        (b"", http1.KEEP_ALIVE_SECONDS),
        (GET, http1.KEEP_ALIVE_SECONDS),
    ):
        connection, wire = port.connect()
        if content:
            connection.data_received(content)
        port.listener.sweep(now + seconds - 1)
        assert not wire.aborted
        port.listener.sweep(now + seconds + 1)
        assert wire.aborted
        connection.connection_lost(None)


async def test_one_connection_too_many_takes_the_place_of_one_that_does_least() -> None:
    port = Port(keeps=True, most=4)
    busy, half, known, silent = (port.connect() for _ in range(4))
    known[0].data_received(GET)
    port.requests.pop().respond(200, b"", b"")
    busy[0].data_received(GET)
    half[0].data_received(GET[:5])
    others = [port.connect() for _ in range(20)]
    assert silent[1].aborted and half[1].aborted
    # However many come, who has been answered stays, and who waits for us.
    assert not busy[1].aborted and not known[1].aborted
    assert [wire.aborted for _, wire in others] == [True] * 18 + [False] * 2
    for connection, _ in others[18:]:
        connection.data_received(GET)
    last = port.connect()
    assert known[1].aborted and not busy[1].aborted
    last[0].data_received(GET)
    assert port.connect()[1].aborted  # all others are at work


async def test_who_ends_before_the_answer_gets_it() -> None:
    port = Port(keeps=True)
    connection, wire = port.connect()
    connection.data_received(GET)
    assert connection.eof_received()
    port.requests[0].respond(200, b"", b"")
    assert port.status(wire) == 200 and wire.closed
    idle, _ = port.connect()
    assert not idle.eof_received()
