"""HTTP/1.1 as clients really speak it: pipelined, chunked, with Expect, in pieces, and wrongly."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from onnx_models import doubling
from servers import Server, serving

BODY = json.dumps(
    {"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [2.0]}]}
).encode()
LIMIT = 20_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = doubling(tmp_path_factory.mktemp("doubling"))
    with serving(directory, "--max-body-bytes", str(LIMIT)) as found:
        yield found
        assert found.process.poll() is None


def request(*lines: str, path: str = "/v2/models/m/infer", method: str = "POST") -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: m", *lines]
    return ("\r\n".join(head) + "\r\n\r\n").encode()


WHOLE = request(f"Content-Length: {len(BODY)}") + BODY
LAST = request("Connection: close", path="/v2/health/live", method="GET")


class Client:
    def __init__(self, server: Server) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.http), timeout=20)
        self._read = b""

    def send(self, content: bytes) -> None:
        self._socket.sendall(content)

    def answer(self, has_body: bool = True) -> tuple[int, dict[str, str], bytes]:
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, rest = self._read.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        status = int(first.split(" ")[1])
        headers = dict(line.lower().split(": ", 1) for line in lines)
        length = int(headers.get("content-length", 0)) if has_body and status != 100 else 0
        self._read = rest
        while len(self._read) < length:
            self._more()
        body, self._read = self._read[:length], self._read[length:]
        return status, headers, body

    def is_closed(self) -> bool:
        return self._read == b"" and self._socket.recv(1) == b""

    def _more(self) -> None:
        found = self._socket.recv(65536)
        assert found, "the server closed"
        self._read += found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    found = Client(server)
    yield found
    found.close()


def doubled(answer: tuple[int, dict[str, str], bytes]) -> bool:
    return answer[0] == 200 and json.loads(answer[2])["outputs"][0]["data"] == [4.0]


def test_a_connection_is_kept_and_closed_when_asked(client: Client) -> None:
    for _ in range(3):
        client.send(WHOLE)
        assert doubled(client.answer())
    client.send(LAST)
    status, headers, _ = client.answer()
    assert status == 200 and headers["connection"] == "close"
    assert client.is_closed()


def test_pipelined_requests_are_answered_in_order(client: Client) -> None:
    live = request(path="/v2/health/live", method="GET")
    client.send((WHOLE + live) * 100 + LAST)
    for _ in range(100):
        assert doubled(client.answer())
        assert json.loads(client.answer()[2]) == {"live": True}
    assert client.answer()[1]["connection"] == "close"
    assert client.is_closed()


def test_a_request_may_come_byte_by_byte(client: Client) -> None:
    for n in range(len(WHOLE)):
        client.send(WHOLE[n : n + 1])
    assert doubled(client.answer())


def test_a_chunked_body_is_put_together_and_its_trailer_changes_nothing(client: Client) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, BODY[n : n + 1]) for n in range(len(BODY)))
    trailer = b"0\r\nContent-Encoding: gzip\r\n\r\n"
    for _ in range(2):
        client.send(request("Transfer-Encoding: chunked") + chunks + trailer)
        assert doubled(client.answer())


def test_who_expects_100_is_told_to_go_on(client: Client) -> None:
    client.send(request(f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
    assert client.answer()[0] == 100
    client.send(BODY)
    assert doubled(client.answer())


def test_head_has_no_body(client: Client) -> None:
    client.send(request(path="/v2", method="HEAD"))
    status, headers, _ = client.answer(has_body=False)
    assert status == 200 and int(headers["content-length"]) > 0
    client.send(WHOLE)
    assert doubled(client.answer())


def test_a_client_of_http_1_0_is_answered_and_let_go(client: Client) -> None:
    client.send(b"GET /v2/health/live HTTP/1.0\r\n\r\n")
    assert client.answer()[0] == 200
    assert client.is_closed()


@pytest.mark.parametrize("split", [0, 1, 150, 170])
def test_another_protocol_is_not_taken_up_and_costs_no_body(client: Client, split: int) -> None:
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    for content, answers in (
        (request(*upgrade, f"Content-Length: {len(BODY)}") + BODY, 1),
        (request(*upgrade, "Transfer-Encoding: chunked") + chunked, 1),
        (request(*upgrade, f"Content-Length: {len(BODY)}") + BODY + WHOLE, 2),
    ):
        client.send(content[:split])
        time.sleep(0.01)
        client.send(content[split:])
        for _ in range(answers):
            assert doubled(client.answer())
    client.send(request(*upgrade, path="/v2/health/live", method="GET"))
    assert client.answer()[0] == 200


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"rubbish\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (request("Content-Length: 1", "Transfer-Encoding: chunked"), 400),
        (request("Content-Length: many"), 400),
        (request(f"Content-Length: {LIMIT + 1}"), 413),
        (request(f"Content-Length: {LIMIT + 1}", "Expect: 100-continue"), 413),
        (request("Transfer-Encoding: chunked") + b"5001\r\n" + b"x" * 0x5001, 413),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 431),
    ],
)
def test_what_is_wrong_is_told_and_ends_the_connection(
    client: Client, content: bytes, status: int
) -> None:
    client.send(content)
    found, headers, body = client.answer()
    assert found == status and json.loads(body)["error"]
    assert headers["connection"] == "close" and client.is_closed()


def test_a_client_that_goes_away_in_the_middle_harms_nobody(server: Server) -> None:
    for n in (1, 20, len(WHOLE) - 1, len(WHOLE)):
        gone = Client(server)
        gone.send(WHOLE[:n])
        gone.close()
    other = Client(server)
    other.send(WHOLE)
    assert doubled(other.answer())
    other.close()


def test_a_request_that_has_begun_to_come_is_answered_though_the_server_ends(
    tmp_path: Path,
) -> None:
    with serving(doubling(tmp_path)) as server:
        begun, idle = Client(server), Client(server)
        begun.send(WHOLE[:30])
        idle.send(WHOLE)
        assert doubled(idle.answer())
        server.process.send_signal(signal.SIGTERM)
        assert idle.is_closed()
        time.sleep(0.1)
        begun.send(WHOLE[30:])
        found = begun.answer()
        assert doubled(found) and found[1]["connection"] == "close"
        assert server.process.wait(30) == 0
        begun.close()
        idle.close()
