"""Asking serving pods: whatever they answer, or not, it is bounded in time and size."""

import asyncio
import gzip
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web

from perennial.plan.core.questions import Question
from perennial.plan.core.signature import Signature, SignatureAnswer, SignatureQuestion
from perennial.sources import pods
from perennial.sources.pods import Pods, url
from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.windows import Bucket, Column, Requests, Window

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
NOW = int(time.time()) // 2 * 2


def window(start: int, end: int, clock: float | None = None, **more: Any) -> Window:
    requests = Requests([0.1], [Bucket(start, 1, 3, 2, 1, [5, 1])])
    return Window(
        model="m", version="1", since=0, clock=time.time() if clock is None else clock,
        start=start, end=end, requests=requests, **more,
    )  # fmt: skip


def question(address: str = "127.0.0.1", seconds: int = 60) -> Question:
    return Question("p", "r1", address, NOW - seconds, NOW, 2, ("requests",))


def asked(request: web.Request) -> tuple[int, int]:
    return int(request.query["from"]), int(request.query["to"])


@pytest.fixture
async def serve(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """Let a handler answer as pods on 127.0.0.1 to 127.0.0.3 do."""
    runners = []

    async def begin(handler: Handler) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        for last in (2, 3):
            await web.TCPSite(runner, f"127.0.0.{last}", port).start()
        monkeypatch.setattr(pods, "PORT", port)

    yield begin
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def asking() -> AsyncIterator[Pods]:
    found = Pods()
    yield found
    await found.close()


async def test_a_window_is_read_and_the_clock_compared(serve: Any, asking: Pods) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.path == "/window" and request.query["parts"] == "requests"
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(body=window(*asked(request), time.time() + 9).to_json())

    await serve(answer)
    (heard,) = await asking.ask([question()])
    assert heard.window is not None and heard.window.requests == window(NOW - 60, NOW).requests
    assert 8.5 < heard.skew < 9.5 and heard.is_skewed and not heard.problem


async def test_a_body_that_comes_in_pieces_is_read_to_its_end(serve: Any, asking: Pods) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        body = window(*asked(request)).to_json()
        for piece in (body[:50], body[50:]):
            await response.write(piece)
            await asyncio.sleep(0.05)  # so that they are two packets
        return response

    await serve(answer)
    (heard,) = await asking.ask([question()])
    assert heard.window is not None


async def test_an_answer_of_a_wide_model_comes_whole(serve: Any, asking: Pods) -> None:
    """Well above what is read from a connection at once."""
    wide = [Column([n] * 12, 0, 0, 0) for n in range(30_000)]
    size = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal size
        body = window(*asked(request), features=wide).to_json()
        size = len(body)
        return web.Response(body=body)

    await serve(answer)
    (heard,) = await asking.ask([question()])
    assert 2**20 < size < pods.MAXIMUM_BYTES
    assert heard.window is not None and heard.window.features == wide


async def test_what_pods_say_is_read_beside_the_event_loop(
    serve: Any, asking: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large answer takes a while to read, in which others go on."""
    readers = list[tuple[type, int]]()

    def noting(of: type) -> None:
        real = of.from_json  # type: ignore[attr-defined]

        def read(body: bytes) -> Any:
            readers.append((of, threading.get_ident()))
            return real(body)

        monkeypatch.setattr(of, "from_json", read)

    for of in (Window, Profile, Signature):
        noting(of)
    profile = Profile(rows=1, features=[]).to_json()

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/window":
            return web.Response(body=window(*asked(request)).to_json())
        return web.Response(body=profile if request.path == "/profile" else METADATA)

    await serve(answer)
    await asking.ask([question()])
    await asking.profile(question(), hashlib.sha256(profile).hexdigest())
    await asking.signatures([SignatureQuestion("p", "r1", "127.0.0.1", "flights")])
    assert [of for of, _ in readers] == [Window, Profile, Signature]
    assert threading.get_ident() not in {thread for _, thread in readers}


async def test_a_pod_that_is_early_is_asked_for_what_its_clock_has_passed(
    serve: Any, asking: Pods
) -> None:
    clock = NOW - 3.5

    async def answer(request: web.Request) -> web.Response:
        start, end = asked(request)
        if clock < end:
            return web.json_response({"error": "early", "clock": clock}, status=425)
        return web.Response(body=window(start, end, clock).to_json())

    await serve(answer)
    (heard,) = await asking.ask([question()])
    assert heard.window is not None and heard.window.end == NOW - 4
    (heard,) = await asking.ask([question(seconds=2)])  # nothing of that has been yet
    assert heard.window is None and heard.problem == "its clock is behind" and heard.skew < -3


@pytest.mark.parametrize(
    ("handler", "why"),
    [
        (lambda _: web.Response(status=500), "answered with status 500"),
        (lambda _: web.Response(status=404), "answered with status 404"),
        (lambda _: web.HTTPFound("http://127.0.0.1:1/"), "answered with status 302"),
        (lambda _: web.Response(body=b"<html>"), "answered what is no window"),
        (lambda _: web.Response(body=b"[" * 100_000), "answered what is no window"),
        (lambda _: web.Response(body=b" " * 1_001), "answered what is no window"),
        (lambda _: web.Response(body=window(1, 2).to_json()), "answered with another window"),
        (lambda _: web.json_response({"clock": None}, status=425), "answered what is no window"),
        (lambda _: web.Response(body=b"[]", status=425), "answered what is no window"),
        (
            lambda _: web.Response(body=b'{"clock": 1e999}', status=425),
            "answered what is no window",
        ),
    ],
)
async def test_nonsense_is_no_answer(
    serve: Any, asking: Pods, monkeypatch: pytest.MonkeyPatch, handler: Any, why: str
) -> None:
    if getattr(handler(None), "body", b"") == b" " * 1_001:
        monkeypatch.setattr(pods, "MAXIMUM_BYTES", 1_000)

    async def answer(request: web.Request) -> web.Response:
        found: web.Response = handler(request)
        if isinstance(found, web.HTTPException):
            raise found
        return found

    await serve(answer)
    (heard,) = await asking.ask([question()])
    assert (heard.window, heard.problem) == (None, why)


async def test_a_clock_far_ahead_is_known_by_the_refusal(serve: Any, asking: Pods) -> None:
    """What was asked for is to such a pod in wider buckets already."""

    async def answer(request: web.Request) -> web.Response:
        date = formatdate(time.time() + 1_000, usegmt=True)
        return web.Response(status=400, headers={"Date": date})

    await serve(answer)
    (heard,) = await asking.ask([question()])
    assert heard.window is None and 998 < heard.skew < 1_002


async def test_nothing_is_inflated(serve: Any, asking: Pods) -> None:
    async def answer(request: web.Request) -> web.Response:
        body = gzip.compress(window(*asked(request)).to_json() + b" " * 10_000_000)
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    await serve(answer)
    (heard,) = await asking.ask([question()])
    assert (heard.window, heard.problem) == (None, "answered what is no window")


async def test_a_pod_that_hangs_is_given_up_and_keeps_no_other_waiting(
    serve: Any, asking: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pods, "SECONDS", 0.5)

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.host.startswith("127.0.0.2"):
            await asyncio.sleep(60)
        response = web.StreamResponse()
        await response.prepare(request)
        if request.host.startswith("127.0.0.3"):
            while True:  # a body without an end, slowly
                await response.write(b" ")
                await asyncio.sleep(0.05)
        await response.write(window(*asked(request)).to_json())
        return response

    await serve(answer)
    questions = [question(f"127.0.0.{n}") for n in (2, 3, 1)]
    slow = asyncio.create_task(asking.ask(questions))
    (quick,) = await asking.ask([question()])
    assert quick.window is not None and not slow.done()
    assert [(h.window is None, h.problem) for h in await slow] == [
        (True, "did not answer its metrics port"),
        (True, "did not answer its metrics port"),
        (False, ""),
    ]


async def test_nobody_listens(asking: Pods, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pods, "PORT", 1)
    (heard,) = await asking.ask([question()])
    assert heard.problem == "did not answer its metrics port"


async def test_a_profile_is_the_one_that_was_counted_on(serve: Any, asking: Pods) -> None:
    profile = Profile(rows=1, features=[FeatureProfile(name="x", kind="Numeric", counts=[1])])
    body = profile.to_json()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body)

    await serve(answer)
    digest = hashlib.sha256(body).hexdigest()
    assert await asking.profile(question(), digest) == profile
    assert await asking.profile(question(), "0" * 64) is None


METADATA = b'{"name": "m", "inputs": [], "outputs": []}'


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (web.Response(body=METADATA), ""),
        (web.Response(status=404), "answered with status 404"),
        (web.Response(body=b'{"inputs": 1}'), "answered what is no model's metadata"),
        (web.Response(body=b"[" * 100_000), "answered what is no model's metadata"),
        (web.Response(body=METADATA, headers={"Content-Encoding": "gzip"}),
         "answered what is no model's metadata"),
    ],
)  # fmt: skip
async def test_a_model_tells_what_it_takes_and_gives(
    serve: Any, asking: Pods, answer: web.Response, why: str
) -> None:
    async def told(request: web.Request) -> web.Response:
        assert (request.method, request.path) == ("GET", "/v2/models/flights")
        return answer

    await serve(told)
    (found,) = await asking.signatures([SignatureQuestion("p", "r1", "127.0.0.1", "flights")])
    assert found == SignatureAnswer("p", "r1", found.signature, why)
    assert (found.signature is None) == bool(why)


async def test_a_pod_that_hangs_tells_nothing_and_drains_nothing(
    serve: Any, asking: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pods, "SECONDS", 0.3)

    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    await serve(hang)
    (found,) = await asking.signatures([SignatureQuestion("p", "r1", "127.0.0.1", "m")])
    assert found.signature is None and found.problem == pods.SILENT
    assert not await asking.drain("127.0.0.1")


@pytest.mark.parametrize(("status", "does"), [(200, True), (404, False), (405, False)])
async def test_a_pod_is_asked_to_let_its_clients_go(
    serve: Any, asking: Pods, status: int, does: bool
) -> None:
    seen: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.path))
        return web.Response(status=status)

    await serve(answer)
    assert await asking.drain("127.0.0.1") == does
    assert seen == [("POST", "/drain")]


def test_a_pods_address_of_either_family_can_be_asked() -> None:
    assert url("10.0.0.1", "/window") == "http://10.0.0.1:9090/window"
    assert url("fd00::1", "/window") == "http://[fd00::1]:9090/window"
