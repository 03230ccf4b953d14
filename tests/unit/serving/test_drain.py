"""POST /drain: clients leave the connections that they have, and lose no request by it."""

import asyncio
import http.client
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from http2_peer import Peer, until
from onnx_models import doubling
from servers import Server, serving

from perennial.plan.core.signature import Signature, SignatureQuestion
from perennial.sources import pods
from perennial.sources.pods import Pods
from perennial_serving.system.budget import Budget
from perennial_serving.system.errors import refusal
from perennial_serving.system.sockets import bind
from perennial_serving.transport.http1 import connection as http1
from perennial_serving.transport.http1.request import Request
from perennial_serving.transport.http2 import connection as http2
from perennial_serving.transport.http2 import frames
from perennial_serving.transport.listen import http_port

BODY = json.dumps(
    {"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [2.0]}]}
).encode()
LIVE = "/inference.GRPCInferenceService/ServerLive"


@pytest.fixture(scope="module", params=["1", "2"], ids=["one process", "two"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    directory = doubling(tmp_path_factory.mktemp("doubling"))
    with serving(directory, "--workers", request.param) as found:
        yield found
        assert found.process.poll() is None


def asked(server: Server, method: str) -> tuple[int, str | None]:
    """Ask for a drain; return the status, and which methods there are."""
    for _ in range(20):
        connection = http.client.HTTPConnection("127.0.0.1", server.metrics, timeout=20)
        connection.request(method, "/drain")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 503:  # on a busy machine a process may take too long
            return answer.status, answer.getheader("Allow")
    raise AssertionError("no process answers")


class Kept:
    """A connection that its client keeps."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=20)
        assert not self.ends()

    def ends(self) -> bool:
        """Ask, and tell whether the answer, which has to be a good one, ends the connection."""
        self._connection.request("POST", "/v2/models/m/infer", BODY)
        answer = self._connection.getresponse()
        assert answer.status == 200 and json.load(answer)["outputs"][0]["data"] == [4.0]
        return answer.getheader("Connection") == "close"

    def close(self) -> None:
        self._connection.close()


def test_connections_that_are_here_end_with_their_next_answers_and_new_ones_stay(
    server: Server,
) -> None:
    kept = [Kept(server) for _ in range(12)]  # with both processes
    for _ in range(2):  # asked twice is asked once
        assert asked(server, "POST") == (200, None)
    live = http.client.HTTPConnection("127.0.0.1", server.http, timeout=20)
    live.request("GET", "/v2/health/ready")
    assert live.getresponse().status == 200  # it is no end
    live.close()
    assert all(one.ends() for one in kept)
    assert not any(one.ends() for one in [Kept(server) for _ in range(12)])
    for one in kept:
        one.close()


def test_only_a_post_drains(server: Server) -> None:
    kept = Kept(server)
    assert asked(server, "GET") == (405, "POST")
    assert not kept.ends()
    kept.close()


def test_calls_go_on_while_their_connections_are_drained(server: Server) -> None:
    """Not one of them fails: those on their way are answered, the others go over a new one."""
    failed: list[grpc.RpcError] = []
    done, answered = threading.Event(), 0

    def call() -> None:
        nonlocal answered
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
            live = channel.unary_unary(LIVE)
            while not done.is_set():
                try:
                    live(b"", timeout=20)
                    answered += 1
                except grpc.RpcError as error:
                    failed.append(error)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        assert asked(server, "POST")[0] == 200
        done.wait(1.5)  # beyond the last GOAWAY
        before, deadline = answered, time.monotonic() + 60
        while answered == before:
            assert time.monotonic() < deadline and not failed
            time.sleep(0.01)
    done.set()
    for thread in threads:
        thread.join()
    assert not failed


def metadata(server: Server) -> bytes:
    with urllib.request.urlopen(f"{server.url}/v2/models/m") as answer:
        found: bytes = answer.read()
        return found


async def test_the_operator_drains_and_reads_what_a_model_takes_and_gives(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pods, "PORT", server.metrics)
    asking = Pods()
    assert await asking.drain("127.0.0.1")
    (told,) = await asking.signatures([SignatureQuestion("p", "r1", "127.0.0.1", "m")])
    (other,) = await asking.signatures([SignatureQuestion("p", "r1", "127.0.0.1", "n")])
    await asking.close()
    assert told.signature == Signature.from_json(metadata(server))
    assert [t.name for t in told.signature.inputs] == ["x"]
    assert (other.signature, other.problem) == (None, "answered with status 404")


async def test_streams_that_come_before_the_peer_hears_are_answered() -> None:
    peer = Peer()
    peer.send(peer.request(1))
    assert peer.answers()[1]["ended"]
    peer.protocol.ask_to_leave()
    peer.protocol.ask_to_leave()
    goodbye = peer.answers()
    assert goodbye == {0: {"last": frames.MAX_31, "code": frames.NO_ERROR}}
    peer.send(peer.request(3))
    assert peer.answers()[3]["ended"]
    peer.protocol.close_gracefully()  # which follows by itself
    assert peer.answers()[0] == {"last": 3, "code": frames.NO_ERROR}
    peer.lose()


async def test_the_last_word_follows_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http2, "HEARING_SECONDS", 0.0)
    peer = Peer()
    peer.protocol.ask_to_leave()
    peer.seen()
    await until(lambda: bool(peer.transport.writes))
    assert peer.answers()[0]["last"] == 0
    peer.lose()


async def test_a_connection_of_http2_lives_no_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    peer = Peer()
    peer.protocol._tick()
    assert peer.seen() == []  # it is young
    began = peer.protocol._began
    monkeypatch.setattr(peer.protocol, "_began", began - http2.LIFE_SECONDS + 61)
    peer.protocol._tick()
    assert peer.seen() == []
    monkeypatch.setattr(peer.protocol, "_began", began - http2.LIFE_SECONDS + 59)
    peer.protocol._tick()  # there is none within its life after this
    assert peer.answers()[0]["last"] == frames.MAX_31
    peer.lose()


@pytest.mark.parametrize("seconds", [0.0, 300.0])
async def test_a_connection_of_http1_lives_no_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """It ends behind an answer, but not before a request that has come, whole or in part."""
    monkeypatch.setattr(http1, "LIFE_SECONDS", seconds)
    waiting: list[Request] = []
    port = http_port(waiting.append, refusal, 1000, Budget(1 << 20), 10)
    with bind("127.0.0.1", 0) as bound:
        await port.start(bound)
        reader, writer = await asyncio.open_connection(*bound.getsockname())
        get = b"GET / HTTP/1.1\r\nHost: m\r\n\r\n"
        heads = []
        for more in (get + get[:9], get[9:] + get, b""):
            writer.write(more)
            await until(lambda: bool(waiting))
            await asyncio.sleep(0.02)  # so that all that was sent is read
            waiting.pop().respond(200, b"", b"")
            heads.append(await reader.readuntil(b"\r\n\r\n"))
        assert [b"connection: close" in head for head in heads] == [False, False, seconds == 0.0]
        writer.close()
        await port.stop(0.0)


def test_the_longest_life_is_that_of_the_docs() -> None:
    told = (Path(__file__).resolve().parents[3] / "docs" / "serving.md").read_text()
    assert http1.LIFE_SECONDS == http2.LIFE_SECONDS == 300.0
    assert "five minutes" in told
