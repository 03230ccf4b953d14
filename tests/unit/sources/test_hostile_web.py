"""What users name is late, huge, redirects, hangs, or is no HTTP: none of it is a number.

The servers are real ones, on the loopback device.
"""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from perennial.plan.core.outside import Measurement, Message
from perennial.plan.rollout.analysis.sources.prometheus import PrometheusQuestion
from perennial.plan.rollout.analysis.sources.web import WebQuestion
from perennial.sources import web
from perennial.sources.web import Web

SECONDS, MAXIMUM_BYTES = 0.5, 20_000
Respond = Callable[[asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\n"


@dataclass
class Servers:
    """Servers on ports of their own; what they were asked is kept."""

    heads: list[bytes]
    running: list[asyncio.Server]
    tasks: set[asyncio.Task[None]]

    async def url(self, respond: Respond, host: str = "127.0.0.1") -> str:
        """Return where a server answers so."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self.tasks.add(task)
            try:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await respond(writer)
                await writer.drain()
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.running.append(server)
        return f"http://{host}:{server.sockets[0].getsockname()[1]}/x"


@pytest.fixture
async def servers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Servers]:
    monkeypatch.setattr(web, "SECONDS", SECONDS)
    monkeypatch.setattr(web, "MAXIMUM_BYTES", MAXIMUM_BYTES)
    made = Servers([], [], set())
    yield made
    for server in made.running:
        server.close()
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)


@pytest.fixture
async def asking() -> AsyncIterator[Web]:
    found = Web({})
    yield found
    await found.close()


def says(*pieces: bytes) -> Respond:
    async def respond(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return respond


def sized(body: bytes, *headers: bytes) -> bytes:
    head = (*headers, b"Content-Length: %d" % len(body), b"Connection: close", b"")
    return OK + b"".join(line + b"\r\n" for line in head) + body


def again(piece: bytes, every: float = 0.0, first: bytes = b"") -> Respond:
    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every)

    return respond


async def hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def ask(asking: Web, url: str, path: str = "") -> Measurement:
    return await asyncio.wait_for(asking.ask(WebQuestion("id", url, path)), 40 * SECONDS)


GOOD = says(sized(b'{"score": 0.5}'))
LATE, LARGE = "it did not answer within 0.5 s", "its answer is larger than 19 KiB"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HOSTILE: dict[str, tuple[Respond, str]] = {
    "says nothing": (hang, LATE),
    "a slow head": (again(b"X: y\r\n", 0.05, OK), LATE),
    "a slow body": (again(b"1\r\n1\r\n", 0.05, CHUNKED), LATE),
    "a body that never ends": (again(b"400\r\n" + b" " * 1024 + b"\r\n", 0, CHUNKED), LARGE),
    "a huge body": (again(b" " * 4096, 0, OK + b"Content-Length: 999999999\r\n\r\n"), LARGE),
    "is no HTTP": (says(b"hello\r\n\r\n"), "no HTTP"),
    "ends at once": (says(), "the connection was closed"),
    "an endless head": (again(b"X: " + b"y" * 1000 + b"\r\n", 0, OK), "no HTTP"),
    "a body cut short": (says(OK + b"Content-Length: 10\r\n\r\n1"), "did not come whole"),
    "packed": (says(sized(gzip.compress(b"1"), b"Content-Encoding: gzip")), "is compressed"),
    "no JSON": (says(sized(b"<html>")), "no JSON"),
    "no such path": (says(sized(b'{"a": 1}')), "nothing at /score"),
    "no number": (says(sized(b'{"score": "high"}')), "is a text, not a number"),
    "an error": (says(b"HTTP/1.1 500 No\r\nContent-Length: 1\r\n\r\n1"), "with status 500"),
    "no content": (says(b"HTTP/1.1 204 No\r\n\r\n"), "with status 204"),
}


@pytest.mark.parametrize(("respond", "words"), HOSTILE.values(), ids=HOSTILE)
async def test_it_is_no_number_and_says_why(
    respond: Respond, words: str, servers: Servers, asking: Web
) -> None:
    found = await ask(asking, await servers.url(respond), "/score")
    assert found.value is None and words in found.problem
    # And the next one is asked as ever.
    assert await ask(asking, await servers.url(GOOD), "/score") == Measurement(0.5)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int, servers: Servers, asking: Web) -> None:
    elsewhere = await servers.url(GOOD)
    head = f"HTTP/1.1 {status} Moved\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n"
    found = await ask(asking, await servers.url(says(head.encode())))
    assert found.problem == f"it answered with status {status}, and a redirect is not followed"
    assert len(servers.heads) == 1


async def test_nothing_is_told_but_the_question(
    servers: Servers, asking: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    sets = says(sized(b"1", b"Set-Cookie: id=1; Path=/"))
    url = await servers.url(sets)
    for _ in range(2):
        assert await ask(asking, url) == Measurement(1.0)
    names = {
        line.partition(b":")[0].lower()
        for head in servers.heads
        for line in head.split(b"\r\n")[1:]
    }
    assert names - {b""} <= {b"host", b"accept", b"accept-encoding", b"user-agent"}
    assert all(head.startswith(b"GET /x HTTP/1.1\r\n") for head in servers.heads)


async def test_one_host_that_hangs_holds_up_no_other(servers: Servers, asking: Web) -> None:
    hanging, good = await servers.url(hang), await servers.url(GOOD)
    tasks = [asyncio.create_task(ask(asking, hanging)) for _ in range(3 * web.CONNECTIONS_A_HOST)]
    await asyncio.sleep(0)
    assert await ask(asking, good, "/score") == Measurement(0.5)
    assert not any(task.done() for task in tasks)  # it did not wait for any of them
    assert {(await task).problem for task in tasks} == {LATE}


async def test_a_port_where_nobody_listens_says_so(asking: Web) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    problem = (await ask(asking, url)).problem
    assert problem == "it cannot be connected to: Connection refused"


async def test_a_name_tells_nobody_its_address(
    asking: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    leading_to(monkeypatch, "192.0.2.1")
    monkeypatch.setattr(web, "CONNECT_SECONDS", 0.1)
    assert "192.0.2.1" not in (await ask(asking, "http://inner.example:8080/")).problem


async def test_https_where_nobody_speaks_it_says_so(asking: Web) -> None:
    def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 No\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        found = await ask(asking, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert found.problem == "it does not speak TLS as https asks for"


def leading_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let every name lead to some addresses; return the names that are looked up."""
    asked: list[str] = []

    def look_up(host: str, port: int, *, family: int, type: int, flags: int) -> list[object]:
        asked.append(host)
        kind = socket.AF_INET6
        return [(kind, type, 6, "", (a, port, 0, 0)) if ":" in a else
                (socket.AF_INET, type, 6, "", (a, port)) for a in addresses]  # fmt: skip

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


FORBIDDEN = [
    "127.0.0.1",
    "127.1.2.3",
    "::1",
    "::ffff:127.0.0.1",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "fe80::1",
    "fd00:ec2::254",
    "168.63.129.16",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "10.96.0.1",
    # An IPv4 address within an IPv6 one, as a translator on the way takes it.
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "64:ff9b::a60:1",
    "2002:a9fe:a9fe::1",
]


@pytest.mark.parametrize("address", FORBIDDEN)
async def test_a_name_leads_neither_home_nor_to_the_api_server_nor_to_a_clouds_secrets(
    address: str, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await servers.url(GOOD, "metrics.example")
    leading_to(monkeypatch, address)
    asking = Web({"KUBERNETES_SERVICE_HOST": "10.96.0.1"})
    try:
        found = await ask(asking, url)
    finally:
        await asking.close()
    assert "leads to an address that is never asked" in found.problem and not servers.heads


@pytest.mark.parametrize(
    ("told", "host", "leads_to"),
    [
        ("fd00:0:0::0001", "metrics.example", "fd00::1"),
        ("[fd00::1]", "metrics.example", "fd00::1"),
        ("api.cloud.example", "API.cloud.example.", "192.0.2.1"),
    ],
)
async def test_the_api_server_is_known_however_the_environment_writes_it(
    told: str, host: str, leads_to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leading_to(monkeypatch, leads_to)
    asking = Web({"KUBERNETES_SERVICE_HOST": told})
    try:
        found = await ask(asking, f"http://{host}:8080/")
    finally:
        await asking.close()
    assert "leads to an address that is never asked" in found.problem


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0127.0.0.1", "127.0.0.1."])
async def test_a_number_that_only_some_take_for_an_address_is_none(
    host: str, servers: Servers, asking: Web
) -> None:
    """A namespace may be called 1, so that *.{namespace} is 127.1: the operator's own machine."""
    found = await ask(asking, await servers.url(GOOD, host))
    assert found.value is None and not servers.heads
    assert "never asked" in found.problem or "is no address" in found.problem


async def test_an_answer_that_nobody_foresaw_is_no_number_and_no_fault_of_who_asks(
    servers: Servers, asking: Web
) -> None:
    body = b'{"status":"success","data":{"resultType":"scalar","result":[1,1%s]}}' % (b"0" * 400)
    question = PrometheusQuestion("id", await servers.url(says(sized(body))))
    found = await asking.ask(question)
    assert found == Measurement(None, "it answered what is no answer of Prometheus")

    class Surprised(WebQuestion):
        def read(self, status: int, body: bytes) -> Measurement:
            raise OverflowError

    found = await asking.ask(Surprised("id", await servers.url(GOOD)))
    assert found == Measurement(None, "its answer cannot be read")


async def test_it_is_the_address_that_was_looked_at_which_is_asked(
    servers: Servers, asking: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads elsewhere at a second look cannot get around the first."""
    asked = leading_to(monkeypatch, "192.0.2.1", "127.0.0.1")
    monkeypatch.setattr(web, "CONNECT_SECONDS", 0.1)
    found = await ask(asking, await servers.url(GOOD, "two.example"))
    assert found.value is None and not servers.heads and asked == ["two.example"]


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]"])
async def test_not_even_written_out_a_clouds_secrets_are_asked(host: str, asking: Web) -> None:
    found = await ask(asking, f"http://{host}/latest/meta-data/")
    assert "is an address that is never asked" in found.problem


async def test_a_name_that_nobody_knows_says_so(
    asking: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert (await ask(asking, "http://nobody.example/")).problem == "its name is not known"


async def test_a_message_is_sent_whole_once_and_nothing_with_it(
    servers: Servers, asking: Web
) -> None:
    taken = says(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    url = await servers.url(taken)
    message = Message("id-1", url, "application/cloudevents+json", b'{"id": "id-1"}')
    assert await asking.send(message) == ""
    (head,) = servers.heads
    assert head.startswith(b"POST /x HTTP/1.1\r\n") and b"Content-Length: 14\r\n" in head
    names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]}
    assert names - {b""} == {
        b"host", b"accept", b"accept-encoding", b"user-agent", b"content-type", b"content-length"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("respond", "words"),
    [
        (hang, LATE),
        (says(), "the connection was closed"),
        (says(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), "with status 500"),
        (says(b"HTTP/1.1 307 No\r\nLocation: http://127.0.0.1:1/\r\n\r\n"), "is not followed"),
    ],
)
async def test_a_message_that_is_not_taken_says_why(
    respond: Respond, words: str, servers: Servers, asking: Web
) -> None:
    message = Message("id-1", await servers.url(respond), "text/plain", b"x")
    assert words in await asyncio.wait_for(asking.send(message), 40 * SECONDS)
    assert len(servers.heads) == 1


@pytest.mark.parametrize(
    "respond",
    [
        again(b" " * 4096, 0, OK + b"Content-Length: 999999999\r\n\r\n"),
        again(b"1\r\n1\r\n", 0.05, CHUNKED),
        says(sized(gzip.compress(b"1"), b"Content-Encoding: gzip")),
        says(OK + b"Content-Length: 10\r\n\r\n1"),
    ],
    ids=["a huge body", "a slow body", "packed", "a body cut short"],
)
async def test_a_message_is_taken_by_the_status_whatever_is_said_with_it(
    respond: Respond, servers: Servers, asking: Web
) -> None:
    """Else it would be sent ten times to whoever took the first, and called given up."""
    message = Message("id-1", await servers.url(respond), "text/plain", b"x")
    assert await asyncio.wait_for(asking.send(message), 40 * SECONDS) == ""
