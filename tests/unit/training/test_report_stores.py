"""What becomes of a page where the store refuses, or does not answer."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from perennial_artifact.store import StoreUnreachable
from perennial_training.report import publish as publishing
from perennial_training.report.publish import KEPT, publish

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "r"}


class ReadOnly(BaseHTTPRequestHandler):
    """A store that lets nobody write."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"<Error><Code>AccessDenied</Code></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def read_only() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), ReadOnly)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def silent() -> Iterator[int]:
    """Take connections, and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def secret(place: Path, port: int) -> Path:
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}.items():
        (place / name).write_text(value)
    return place


def test_a_refusal_is_told_without_the_request(tmp_path: Path) -> None:
    with read_only() as port, pytest.raises(StoreUnreachable) as refused:
        publish("s3://logs/reports/fraud", 1, "<html>", secret(tmp_path, port))
    assert str(refused.value).startswith("s3://logs/reports/fraud cannot be written: check")
    assert "Signature" not in str(refused.value) and "secret" not in str(refused.value)


def test_a_store_that_is_silent_is_not_waited_for_to_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "PATIENCE_SECONDS", 0.5)
    with silent() as port, pytest.raises(StoreUnreachable, match="TimeoutError"):
        publish("s3://logs/reports/fraud", 1, "<html>", secret(tmp_path, port))


def test_what_is_no_report_is_not_removed(tmp_path: Path) -> None:
    into = f"file://{tmp_path}/reports"
    publish(into, 1, "<html>", None)
    mine = tmp_path / "reports" / "1" / "mine.txt"
    mine.write_text("mine")
    publish(into, KEPT + 2, "<html>", None)
    assert mine.exists() and not mine.with_name("report.html").exists()
