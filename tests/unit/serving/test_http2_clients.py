"""The HTTP/2 transport against real peers: grpcio's clients, and h2spec, which knows the RFCs."""

import asyncio
import json
import os
import random
import subprocess
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import grpc.aio
import pytest
from http2_echo import FAILURE, LIMITS, echoing

from localcluster import binaries

OPTIONS = [("grpc.max_receive_message_length", -1)]
LARGE = random.Random(1).randbytes(10 << 20)
# Compressible, but not as what somebody made up.
DIGITS = LARGE.translate(bytes(n & 15 for n in range(256))) * 2


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with echoing() as found:
        yield found


@pytest.fixture(scope="module")
def channel(port: int) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS) as found:
        yield found


@pytest.fixture
async def aio(port: int) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS) as found:
        yield found


def call(channel: grpc.Channel, method: str, message: bytes = b"", **options: Any) -> bytes:
    return bytes(channel.unary_unary(f"/echo/{method}")(message, **options))


def failure(channel: grpc.Channel, method: str, message: bytes = b"", **options: Any) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, method, message, **options)
    return caught.value


@pytest.mark.parametrize("message", [b"", b"x", b"x" * 16379, b"x" * 16380, b"x" * 70000, LARGE])
def test_messages_of_every_size_go_and_come(channel: grpc.Channel, message: bytes) -> None:
    assert call(channel, "Echo", message) == message


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
@pytest.mark.parametrize("message", [b"", b"row " * 10000, LARGE[: 1 << 20]])
def test_compressed(channel: grpc.Channel, compression: Any, message: bytes) -> None:
    assert call(channel, "Echo", message, compression=compression) == message


def test_metadata(channel: grpc.Channel) -> None:
    given = (("traceparent", "00-ab"), ("twice", "1"), ("twice", "2"), ("raw-bin", b"\0\1"))
    found = json.loads(call(channel, "Metadata", metadata=given))
    assert found["traceparent"] == "00-ab"
    assert found["twice"] == "1,2"
    assert found["raw-bin"] == "AAE"
    assert found["te"] == "trailers"
    assert not any(name.startswith(":") for name in found)


def test_a_status_and_its_text(channel: grpc.Channel) -> None:
    error = failure(channel, "Fail")
    assert (error.code().value[0], error.details()) == FAILURE


def test_a_handler_that_raises(channel: grpc.Channel) -> None:
    assert failure(channel, "Raise").code() == grpc.StatusCode.INTERNAL
    assert call(channel, "Echo", b"still there") == b"still there"


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_too_large_a_message(channel: grpc.Channel, compression: Any) -> None:
    too_large = DIGITS[: LIMITS.message_bytes + 1]
    error = failure(channel, "Echo", too_large, compression=compression)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(LIMITS.message_bytes) in error.details()
    largest = too_large[:-1]
    assert call(channel, "Echo", largest, compression=compression) == largest


def test_what_is_compressed_beyond_measure_is_refused(channel: grpc.Channel) -> None:
    error = failure(channel, "Echo", bytes(8 << 20), compression=grpc.Compression.Gzip)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "100 times" in error.details()
    small = bytes(1 << 20)
    assert call(channel, "Echo", small, compression=grpc.Compression.Gzip) == small


@pytest.mark.parametrize("messages", [[], [b"a", b"b"], [b"", b""], [LARGE, LARGE]])
def test_other_than_one_message(channel: grpc.Channel, messages: list[bytes]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel.stream_unary("/echo/Echo")(iter(messages))
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_deadline(channel: grpc.Channel) -> None:
    error = failure(channel, "Never", timeout=0.05)
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert call(channel, "Later", b"in time", timeout=30) == b"in time"


async def test_cancelled_calls_are_told(aio: grpc.aio.Channel) -> None:
    before = int(await aio.unary_unary("/echo/Abandoned")(b""))
    calls = [aio.unary_unary("/echo/Never")(b"") for _ in range(20)]
    await aio.unary_unary("/echo/Later")(b"")
    for one in calls:
        one.cancel()
    while int(await aio.unary_unary("/echo/Abandoned")(b"")) < before + 20:
        pass


async def test_more_at_once_than_there_may_be_streams(aio: grpc.aio.Channel) -> None:
    method = aio.unary_unary("/echo/Later")
    messages = [os.urandom(random.Random(i).choice((1, 100, 20000))) for i in range(2500)]
    assert await asyncio.gather(*map(method, messages)) == messages


async def test_large_messages_at_once_wait_for_one_another(aio: grpc.aio.Channel) -> None:
    """They are four times what may be buffered."""
    method = aio.unary_unary("/echo/Echo")
    messages = [bytes((i,)) * len(LARGE) for i in range(26)]
    assert await asyncio.gather(*map(method, messages)) == messages


@pytest.mark.parametrize("section", ["generic", "http2", "hpack"])
def test_h2spec_finds_nothing(port: int, section: str) -> None:
    command = [str(binaries.path("h2spec")), section, "--port", str(port), "--timeout", "5"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert " 0 skipped, 0 failed" in done.stdout, done.stdout
