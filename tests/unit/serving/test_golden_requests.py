"""Golden requests as the operator sends them to a pod: to a real server, and to hostile ones."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from onnx_models import boosted, doubling
from servers import serving

from perennial.plan.core.golden import Answered, GoldenQuestion, difference
from perennial.sources import pods
from perennial.sources.pods import Pods

SECONDS = 0.5
Respond = Callable[[asyncio.StreamWriter], Awaitable[None]]


def question(*requests: tuple[str, bytes], pod: str = "p") -> GoldenQuestion:
    return GoldenQuestion(pod, "r1", "127.0.0.1", "m", requests)


def body(name: str, *data: Any) -> bytes:
    tensor = {"name": name, "datatype": "FP32", "shape": [1, len(data)], "data": list(data)}
    return json.dumps({"inputs": [tensor]}).encode()


@pytest.fixture
async def asking() -> AsyncIterator[Pods]:
    found = Pods()
    yield found
    await found.close()


async def test_a_real_server_answers_rightly_or_says_why_it_refuses(
    asking: Pods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, rows = boosted(tmp_path)
    asked = [("right", body("input", *map(float, rows.iloc[0]))), ("wrong", body("other", 1.0))]
    with serving(directory) as server:
        monkeypatch.setattr(pods, "DATA_PORT", server.http)
        (found,) = await asking.golden([question(*asked)])
        again = (await asking.golden([question(*asked)]))[0]
    right = found.of("right")
    assert not right.refusal and not right.problem and right.outputs
    expected = list(right.outputs.items())
    assert difference(expected, again.of("right"), 0.0) == ""
    off = [(name, [value + 1 for value in data]) for name, data in expected]
    assert "was expected" in difference(off, again.of("right"), 0.0001)
    assert found.of("wrong").refusal.startswith("answered 400: ")


async def test_nothing_listens_where_a_model_has_gone(
    asking: Pods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(doubling(tmp_path)) as server:
        port = server.http
    monkeypatch.setattr(pods, "DATA_PORT", port)
    (found,) = await asking.golden([question(("a", b"{}"), ("b", b"{}"))])
    assert found.answered == (Answered("a", problem="did not answer its data port"),)
    assert "was not asked" in found.of("b").problem


@pytest.fixture
async def hostile(
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Callable[[Respond], Awaitable[None]]]:
    monkeypatch.setattr(pods, "GOLDEN_SECONDS", SECONDS)
    monkeypatch.setattr(pods, "MAXIMUM_BYTES", 20_000)
    running: list[asyncio.Server] = []
    tasks: set[asyncio.Task[None]] = set()

    async def start(respond: Respond) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                await reader.readuntil(b"\r\n\r\n")
                await respond(writer)
                await writer.drain()
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        running.append(server)
        monkeypatch.setattr(pods, "DATA_PORT", server.sockets[0].getsockname()[1])

    yield start
    for server in running:
        server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def says(text: bytes) -> Respond:
    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(text)

    return respond


def sized(status: bytes, text: bytes) -> Respond:
    head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    return says(head % (status, len(text)) + text)


async def hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


ELSEWHERE = b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
HOSTILE: dict[str, tuple[Respond, str, str]] = {
    "hangs": (hang, "", "did not answer its data port"),
    "ends at once": (says(b""), "", "did not answer its data port"),
    "is busy": (sized(b"503 Busy", b"{}"), "", "answered with status 503"),
    "redirects": (says(ELSEWHERE), "answered 307", ""),
    "is large": (sized(b"200 OK", b" " * 30_000), "the answer is too large", ""),
    "is no JSON": (sized(b"200 OK", b"<html>"), "what is no answer of a model", ""),
    "has no outputs": (sized(b"200 OK", b'{"outputs": 5}'), "what is no answer of a model", ""),
    "fails": (sized(b"500 No", b'{"error": "no"}'), "answered 500: no", ""),
}


@pytest.mark.parametrize(("respond", "refusal", "problem"), HOSTILE.values(), ids=HOSTILE)
async def test_a_pod_that_does_otherwise_has_not_answered_rightly(
    respond: Respond,
    refusal: str,
    problem: str,
    asking: Pods,
    hostile: Callable[[Respond], Awaitable[None]],
) -> None:
    await hostile(respond)
    (found,) = await asyncio.wait_for(asking.golden([question(("a", b"{}"))]), 40 * SECONDS)
    (answered,) = found.answered
    assert refusal in answered.refusal and answered.problem == problem
    assert bool(answered.refusal) != bool(answered.problem) and not answered.outputs
