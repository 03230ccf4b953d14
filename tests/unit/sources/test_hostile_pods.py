"""A pod's metrics port that redirects, never ends, dawdles, or answers with a bomb.

None of them is an answer, and none costs much: each ends within the time and size that an answer
may have, and one pod that hangs holds up no other.
"""

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from perennial.plan.core.questions import Question
from perennial.sources import pods
from perennial.sources.pods import Pods
from perennial_artifact.windows import Requests, Window

SECONDS, MAXIMUM_BYTES = 0.5, 100_000
Respond = Callable[[asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PACKED = b"Content-Encoding: gzip"
BOMB = gzip.compress(bytes(64 * 2**20))  # 64 KiB that become 64 MiB


class Server:
    """Servers on one port of many loopback addresses, one for each way to answer."""

    def __init__(self) -> None:
        self.port = 0
        self.heads: list[bytes] = []
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def pod(self, name: str, respond: Respond) -> Question:
        """Return what is asked of a pod whose metrics port answers so."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await respond(writer)
                await writer.drain()
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        address = f"127.0.0.{len(self._servers) + 2}"
        server = await asyncio.start_server(serve, address, self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._servers.append(server)
        return Question(name, "r1", address, 0, 60, 2, ("requests",))

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    monkeypatch.setattr(pods, "SECONDS", SECONDS)
    monkeypatch.setattr(pods, "MAXIMUM_BYTES", MAXIMUM_BYTES)
    running = Server()
    yield running
    await running.close()


async def read(server: Server, asked: list[Question], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ask twice, so that what the first answer leaves behind is seen; return who answered."""
    monkeypatch.setattr(pods, "PORT", server.port)
    asking = Pods()
    try:
        await asking.ask(asked)
        return {h.pod for h in await asking.ask(asked) if h.window is not None}
    finally:
        await asking.close()


def says(*pieces: bytes) -> Respond:
    async def respond(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return respond


def again(piece: bytes, every: float = 0.0, first: bytes = b"") -> Respond:
    """Say a piece for ever."""

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every)

    return respond


def sized(body: bytes, *headers: bytes) -> bytes:
    """Return a whole answer with a body."""
    head = (*headers, b"Content-Length: %d" % len(body), b"")
    return OK + b"".join(line + b"\r\n" for line in head) + body


async def hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


GOOD = Window(
    model="m", version="1", since=0, clock=61, start=0, end=60, requests=Requests([], [])
).to_json()
HOSTILE: dict[str, Respond] = {
    "says nothing": hang,
    "ends at once": says(),
    "is no HTTP": again(b"\x00\xff\r\n"),
    "a slow head": again(b"X: y\r\n", 0.05, OK),
    "an endless head": again(b"X: " + b"y" * 1000 + b"\r\n", 0, OK),
    "an endless line": again(b"y" * 10_000, 0, OK + b"X: "),
    "one hint after another": again(b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.001),
    "a slow body": again(b"1\r\nx\r\n", 0.05, CHUNKED),
    "an endless body": again(b"5\r\nxxxxx\r\n" * 1000, 0, CHUNKED),
    "a body until the end that never comes": again(b"x" * 10_000, 0, OK + b"\r\n"),
    "a large body": says(OK + b"Content-Length: 1000000000\r\n\r\n", b"x" * (MAXIMUM_BYTES + 1)),
    "a body cut short": says(OK + b"Content-Length: 10\r\n\r\nxxx"),
    "a gzip bomb": says(sized(BOMB, PACKED)),
    "a deflate bomb": says(sized(BOMB, b"Content-Encoding: deflate")),
    "packed, though nobody asked for it": says(sized(gzip.compress(b"1"), PACKED)),
    "an error": says(b"HTTP/1.1 500 No\r\nContent-Length: 1\r\n\r\nx"),
    "not modified": says(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("respond", HOSTILE.values(), ids=HOSTILE)
async def test_it_is_no_answer_and_costs_no_more_than_one(
    respond: Respond, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [await server.pod("hostile", respond), await server.pod("good", says(sized(GOOD)))]
    tracemalloc.start()
    try:
        found = await asyncio.wait_for(read(server, asked, monkeypatch), 40 * SECONDS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == {"good"}
    assert peak < 8 * 2**20


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(
    status: int, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    visited = list[str]()

    async def secret(writer: asyncio.StreamWriter) -> None:
        visited.append("the operator was sent elsewhere")
        await says(sized(b"a secret"))(writer)

    elsewhere = await server.pod("elsewhere", secret)
    target = b"http://%s:%d/window" % (elsewhere.address.encode(), server.port)
    head = b"HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, target)
    asked = await server.pod("hostile", says(head))
    assert await read(server, [asked], monkeypatch) == set() and not visited


async def test_nothing_is_told_to_a_pod_but_the_question(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = sized(GOOD, b"Set-Cookie: id=1; Path=/", b"Connection: keep-alive")
    asked = [await server.pod("first", says(sets)), await server.pod("second", says(sets))]
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert await read(server, asked, monkeypatch) == {"first", "second"}
    names = {
        line.partition(b":")[0].lower() for head in server.heads for line in head.split(b"\r\n")[1:]
    }
    assert names - {b""} <= {b"host", b"accept", b"accept-encoding", b"user-agent", b"connection"}
    assert all(b"Accept-Encoding: identity" in head for head in server.heads)


async def test_pods_that_hang_hold_up_no_other(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [await server.pod(f"hanging-{n}", hang) for n in range(40)]
    asked.append(await server.pod("good", says(sized(GOOD))))
    found = await asyncio.wait_for(read(server, asked, monkeypatch), 40 * SECONDS)
    assert found == {"good"}
