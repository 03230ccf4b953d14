"""HTTP/1.1 by its RFCs: a table of what comes, what they ask for, and where they say so."""

import gzip
import json
import socket
import zlib
from collections.abc import Iterator

import pytest
from onnx_models import doubling
from servers import Server, serving
from test_http1 import BODY

from perennial_serving.transport.http1.request import accepts_gzip, path_of

LIVE = "/v2/health/live"
INFER = "/v2/models/m/infer"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(doubling(tmp_path_factory.mktemp("doubling"))) as found:
        yield found
        assert found.process.poll() is None


def head(*lines: str) -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def get(target: str, *lines: str, version: str = "1.1", host: str | None = "m") -> bytes:
    named = () if host is None else (f"Host: {host}",)
    return head(f"GET {target} HTTP/{version}", *named, *lines)


def infer(body: bytes, *lines: str, method: str = "POST", target: str = INFER) -> bytes:
    first = f"{method} {target} HTTP/1.1"
    return head(first, "Host: m", f"Content-Length: {len(body)}", *lines) + body


CHUNKED = "Transfer-Encoding: chunked"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
UPGRADE = ("Connection: upgrade", "Upgrade: h2c")
GZIPPED, DEFLATED = gzip.compress(BODY), zlib.compress(BODY)
TWO = gzip.compress(BODY[:20]) + gzip.compress(BODY[20:])

# Section, what comes, the status of each answer; "closes" where the connection has to.
RULES: list[tuple[str, bytes, list[int], str]] = [
    ("9112 2.2: an empty line before a request", b"\r\n" + get(LIVE), [200], "stays"),
    ("9112 2.2: a bare LF", get(LIVE).replace(b"\r\n", b"\n"), [400], "closes"),
    ("9112 2.3: another major version", get(LIVE, version="2.0"), [505], "closes"),
    ("9112 3: no version", b"GET /v2/health/live\r\n\r\n", [505], "closes"),
    ("9112 3: a space too many", get(LIVE).replace(b" /", b"  /"), [200], "stays"),
    ("9112 3.2: no Host", get(LIVE, host=None), [400], "closes"),
    ("9112 3.2: no Host in 1.0", get(LIVE, version="1.0", host=None), [200], "closes"),
    ("9112 3.2: two Hosts", get(LIVE, "Host: other"), [400], "closes"),
    ("9112 3.2.2: absolute form", get(f"http://somewhere{LIVE}"), [200], "stays"),
    ("9112 3.2.2: with another scheme", get(f"HTTPS://a:1{LIVE}?x=http://b"), [200], "stays"),
    ("9112 3.2.2: of the root", get("http://somewhere"), [404], "stays"),
    ("9112 3.2.3: authority form", head("CONNECT m:1 HTTP/1.1", "Host: m"), [501], "closes"),
    ("9112 3.2.4: asterisk form", head("OPTIONS * HTTP/1.1", "Host: m"), [200], "stays"),
    ("9112 5.1: a space before the colon", get(LIVE, "X : y"), [400], "closes"),
    ("9112 5.2: a folded line", get(LIVE, "X: y\r\n z"), [400], "closes"),
    ("9112 6.1: an unknown coding", get(INFER, "Transfer-Encoding: x, chunked"), [501], "closes"),
    ("9112 6.1: in 1.0", get(LIVE, CHUNKED, version="1.0") + b"0\r\n\r\n", [400], "closes"),
    ("9112 6.1: by another case", infer(b"", "Transfer-Encoding: Chunked"), [400], "closes"),
    ("9112 6.3: two lengths", infer(BODY, "Content-Length: 1"), [400], "closes"),
    ("9112 6.3: a negative length", get(INFER, "Content-Length: -1"), [400], "closes"),
    (
        "9112 7.1: chunked",
        head(f"POST {INFER} HTTP/1.1", "Host: m", CHUNKED) + CHUNKS,
        [200],
        "stays",
    ),
    (
        "9112 7.1.1: a chunk's extension",
        head(f"POST {INFER} HTTP/1.1", "Host: m", CHUNKED)
        + CHUNKS.replace(b"\r\n", b";a=b\r\n", 1),
        [200],
        "stays",
    ),
    (
        "9112 7.1.2: a trailer",
        head(f"POST {INFER} HTTP/1.1", "Host: m", CHUNKED) + CHUNKS[:-2] + b"Host: x\r\n\r\n",
        [200],
        "stays",
    ),
    ("9112 9.3: 1.0 does not stay", get(LIVE, version="1.0"), [200], "closes"),
    ("9112 9.3.2: pipelined", get(LIVE) + infer(BODY) + get("/"), [200, 200, 404], "stays"),
    ("9112 9.6: asked to close", get(LIVE, "Connection: x, Close"), [200], "closes"),
    ("9110 4.2.3: an escaped letter", get(LIVE.replace("v", "%76", 1)), [200], "stays"),
    ("9110 7.8: an upgrade is not taken", get(LIVE, *UPGRADE), [200], "stays"),
    ("9110 8.4: none", infer(BODY, "Content-Encoding: Identity"), [200], "stays"),
    ("9110 8.4: by another case", infer(GZIPPED, "Content-Encoding: GZip"), [200], "stays"),
    ("9110 8.4.1.3: by its old name", infer(GZIPPED, "Content-Encoding: x-gzip"), [200], "stays"),
    ("9110 8.4.1.2: deflate", infer(DEFLATED, "Content-Encoding: deflate"), [200], "stays"),
    ("9110 8.4: unknown", infer(BODY, "Content-Encoding: br"), [415], "stays"),
    ("1952 2.2: members of gzip", infer(TWO, "Content-Encoding: gzip"), [200], "stays"),
    ("9110 9.1: an unknown method", get(LIVE).replace(b"GET", b"BREW"), [501], "closes"),
    ("9110 9.3.2: HEAD", get(LIVE).replace(b"GET", b"HEAD"), [200], "stays"),
    ("9110 10.1.1: expects what we cannot", infer(BODY, "Expect: miracles"), [417], "closes"),
    ("9110 10.1.1: 100-continue", infer(BODY, "Expect: 100-Continue"), [100, 200], "stays"),
    ("9110 15.5.6: a wrong method", infer(b"", method="PUT"), [405], "stays"),
]


def answers(content: bytes, is_head: bool) -> list[tuple[int, dict[str, str]]]:
    found = []
    while content:
        first, _, content = content.partition(b"\r\n\r\n")
        line, *lines = first.decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines)
        found.append((int(line.split()[1]), fields))
        content = content[0 if is_head else int(fields.get("content-length", 0)) :]
        is_head = False
    return found


@pytest.mark.parametrize(
    ("content", "expected", "end"), [rule[1:] for rule in RULES], ids=[r[0] for r in RULES]
)
def test_what_the_rfcs_say(server: Server, content: bytes, expected: list[int], end: str) -> None:
    last = get(LIVE, "Connection: close")
    with socket.create_connection(("127.0.0.1", server.http), timeout=20) as client:
        client.sendall(content + last)
        received = b""
        while more := client.recv(65536):
            received += more
    found = answers(received, content.startswith(b"HEAD"))
    statuses = [status for status, _ in found]
    assert statuses == expected + ([200] if end == "stays" else [])
    for status, fields in found:
        if status != 100:
            assert fields["date"].endswith("gmt")  # RFC 9110, section 6.6.1
            assert ("allow" in fields) == (status == 405)  # 15.5.6
    assert found[-1][1]["connection"] == "close"


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"gzip", True),
        (b"GZIP;q=0.5, br", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.0", False),
        (b"gzip;q=0, x-gzip", True),
        (b"*", True),
        (b"*;q=0", False),
        (b"*;q=0, gzip", True),
        (b"br, *;q=0.1", True),
        (b"identity", False),
        (b"gzipped", False),
        (b"", False),
    ],
)
def test_gzip_is_for_who_accepts_it(field: bytes, expected: bool) -> None:
    assert accepts_gzip({b"accept-encoding": field}) is expected


def test_targets() -> None:
    assert path_of(b"/a%2Fb%zz?c?d") == ("/a%2Fb%zz", b"c?d")
    assert path_of(b"/%6d%2f") == ("/m%2F", b"")
    assert path_of(b"http://h/a?b") == ("/a", b"b")
    assert path_of(b"*") == ("*", b"")


def test_an_answer_is_compressed_for_who_accepts_it(server: Server) -> None:
    one = {"name": "x", "shape": [2000, 1], "datatype": "FP32", "data": [1.5] * 2000}
    body = json.dumps({"inputs": [one]}).encode()
    for accepted, packed in (("gzip", True), ("gzip;q=0", False), ("*;q=0.2", True)):
        with socket.create_connection(("127.0.0.1", server.http), timeout=20) as client:
            lines = (f"Accept-Encoding: {accepted}", "Connection: close")
            client.sendall(infer(body, *lines))
            received = b""
            while more := client.recv(65536):
                received += more
        fields = received.partition(b"\r\n\r\n")[0].lower()
        assert (b"content-encoding: gzip" in fields) is packed
