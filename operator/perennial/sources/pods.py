"""Ask serving pods what they counted and serve, on their metrics port, and golden requests."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TypeVar

import aiohttp

from perennial.plan.core.golden import Answered, GoldenAnswer, GoldenQuestion
from perennial.plan.core.golden import read as read_golden
from perennial.plan.core.questions import Answer, Question
from perennial.plan.core.signature import Signature, SignatureAnswer, SignatureQuestion
from perennial_artifact.profile import Profile
from perennial_artifact.windows import Window

PORT, DATA_PORT = 9090, 8080
SECONDS = 3.0
GOLDEN_SECONDS = 5.0
"""How long a model may think about one golden request."""
CONNECT_SECONDS = 1.0
MAXIMUM_BYTES = 4 * 1024 * 1024
CONNECTIONS = 512
TOO_EARLY = 425
SILENT = "did not answer its metrics port"

T = TypeVar("T")


class Pods:
    """Connections to pods, apart from those to the API server; closed by :meth:`close`.

    What a pod says is believed to be a pod's word: it may hang, lie, send too much, or nonsense.
    """

    def __init__(
        self, meanwhile: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    ) -> None:
        """Ask pods; ``meanwhile`` surrounds each time of waiting for them."""
        self._meanwhile = meanwhile
        self._session: aiohttp.ClientSession | None = None
        # Reading a large answer takes a while, in which the event loop goes on.
        self._reader = ThreadPoolExecutor(1, "windows")

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
        self._reader.shutdown(wait=False, cancel_futures=True)

    async def ask(self, questions: Sequence[Question]) -> tuple[Answer, ...]:
        """Return what came of each question, in their order, after a few seconds at the latest."""
        async with self._meanwhile():
            return tuple(await asyncio.gather(*(self._window(q) for q in questions)))

    async def signatures(
        self, questions: Sequence[SignatureQuestion]
    ) -> tuple[SignatureAnswer, ...]:
        """Return what came of each question, in their order, after a few seconds at the latest."""
        async with self._meanwhile():
            return tuple(await asyncio.gather(*(self._signature(q) for q in questions)))

    async def profile(self, question: Question, digest: str) -> Profile | None:
        """Return the profile of this SHA-256 that a pod counts on, None where it gives none."""

        def read(body: bytes) -> Profile:
            if hashlib.sha256(body).hexdigest() != digest:
                raise ValueError("the profile is another one")
            return Profile.from_json(body)

        try:
            async with self._meanwhile(), asyncio.timeout(SECONDS):
                status, body, _ = await self._get(question.address, "/profile")
                return await self._read(read, body) if status == 200 else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None

    async def drain(self, address: str) -> bool:
        """Ask a pod to let its clients go elsewhere; tell whether it does."""
        try:
            async with asyncio.timeout(SECONDS):
                status, _, _ = await self._get(address, "/drain", "POST")
                return status == 200
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False

    async def golden(self, questions: Sequence[GoldenQuestion]) -> tuple[GoldenAnswer, ...]:
        """Return what pods make of golden requests, in the order of the questions."""
        return tuple(await asyncio.gather(*(self._golden(q) for q in questions)))

    async def _golden(self, q: GoldenQuestion) -> GoldenAnswer:
        """Return what came of each request, up to the first that is left unanswered."""
        found: list[Answered] = []
        for name, body in q.requests:
            found.append(await self._infer(q, name, body))
            if found[-1].problem:
                break
        return GoldenAnswer(q.pod, q.revision, tuple(found))

    async def _infer(self, q: GoldenQuestion, name: str, asked: bytes) -> Answered:
        path = f"/v2/models/{q.model}/infer"
        try:
            async with asyncio.timeout(GOLDEN_SECONDS):
                status, body, _ = await self._get(q.address, path, "POST", DATA_PORT, asked)
                return await self._read(partial(read_golden, name, status), body)
        except (aiohttp.ClientError, TimeoutError):
            return Answered(name, problem="did not answer its data port")
        except ValueError as error:
            return Answered(name, refusal=f"gave no answer of a model: {error}")

    async def _signature(self, q: SignatureQuestion) -> SignatureAnswer:
        try:
            async with asyncio.timeout(SECONDS):
                status, body, _ = await self._get(q.address, f"/v2/models/{q.model}")
                if status != 200:
                    return SignatureAnswer(
                        q.pod, q.revision, None, f"answered with status {status}"
                    )
                found = await self._read(Signature.from_json, body)
        except (aiohttp.ClientError, TimeoutError):
            return SignatureAnswer(q.pod, q.revision, None, SILENT)
        except ValueError:
            return SignatureAnswer(q.pod, q.revision, None, "answered what is no model's metadata")
        return SignatureAnswer(q.pod, q.revision, found)

    async def _window(self, q: Question) -> Answer:
        skew = 0.0
        try:
            async with asyncio.timeout(SECONDS):
                end = q.end
                status, body, clock, skew = await self._counted(q, end)
                if status == TOO_EARLY:
                    its_clock = float((await self._read(json.loads, body))["clock"])
                    # What its own clock has passed.
                    end = min(end - q.step, int(its_clock) // q.step * q.step)
                    skew = its_clock - clock
                    if end <= q.start:
                        return Answer(q.pod, q.revision, None, "its clock is behind", skew)
                    status, body, clock, _ = await self._counted(q, end)
                if status != 200:
                    return Answer(q.pod, q.revision, None, f"answered with status {status}", skew)
                window = await self._read(Window.from_json, body)
        except (aiohttp.ClientError, TimeoutError):
            return Answer(q.pod, q.revision, None, SILENT, skew)
        except (ValueError, KeyError, TypeError, OverflowError):
            return Answer(q.pod, q.revision, None, "answered what is no window", skew)
        if (window.start, window.end) != (q.start, end):
            return Answer(q.pod, q.revision, None, "answered with another window", skew)
        return Answer(q.pod, q.revision, window, "", window.clock - clock)

    async def _counted(self, q: Question, end: int) -> tuple[int, bytes, float, float]:
        """Return status, body, what our clock was when the pod looked at its own, and the skew.

        That is what the head of the answer tells, to a second: a pod whose clock is far ahead
        refuses what it does not keep so exactly any more.
        """
        path = f"/window?from={q.start}&to={end}&parts={','.join(q.parts)}"
        began = time.time()
        status, body, date = await self._get(q.address, path)
        clock = (began + time.time()) / 2
        skew = parsedate_to_datetime(date).timestamp() - clock if date else 0.0
        return status, body, clock, skew

    async def _get(
        self,
        address: str,
        path: str,
        method: str = "GET",
        port: int | None = None,
        asked: bytes | None = None,
    ) -> tuple[int, bytes, str]:
        """Return status, body, read to its end, and date.

        Raises:
            ValueError: it is too large, or compressed, which nobody asked for.
        """
        seconds = SECONDS if asked is None else GOLDEN_SECONDS
        request = self._connected().request(
            method,
            url(address, path, port),
            data=asked,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS),
        )
        async with request as answer:
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise ValueError("the answer is compressed")
            body = bytearray()
            async for piece in answer.content.iter_any():
                body += piece
                if len(body) > MAXIMUM_BYTES:
                    raise ValueError("the answer is too large")
            return answer.status, bytes(body), answer.headers.get("Date", "")

    async def _read(self, read: Callable[[bytes], T], body: bytes) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reader, read, body)

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                auto_decompress=False,
                headers={"Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def url(address: str, path: str, port: int | None = None) -> str:
    """Return the URL of a path on a pod's port, by default that of its metrics."""
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{port or PORT}{path}"
