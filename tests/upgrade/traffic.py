"""Requests to all pods that serve, and what they answer besides."""

import contextlib
import json
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

from upgrade import store
from upgrade.node import Node, Served

Json = dict[str, Any]

AT_ONCE = 20
"""Rows of a request: of a model that takes multiples of seven only, all fail."""


@contextlib.contextmanager
def sent(node: Node) -> Iterator[None]:
    """Send requests meanwhile."""
    ended = threading.Event()
    sending = threading.Thread(target=_send, args=(node, ended))
    sending.start()
    try:
        yield
    finally:
        ended.set()
        sending.join()


def get(url: str) -> bytes:
    """Return what a URL answers."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def url(pod: Served) -> str:
    """Return where a pod's model is."""
    return f"http://{pod.address}:8080/v2/models/{pod.model}"


def infer(pod: Served, body: bytes) -> bytes:
    """Return what a pod's model answers to a request."""
    with urllib.request.urlopen(f"{url(pod)}/infer", body, timeout=5) as answer:
        return bytes(answer.read())


def _send(node: Node, ended: threading.Event) -> None:
    known: dict[Served, Iterator[bytes]] = {}
    while not ended.wait(0.3):
        for pod in list(node.serving.values()):
            # What fails is counted there, and what is gone is asked no more.
            with contextlib.suppress(OSError):
                infer(pod, next(known.get(pod) or known.setdefault(pod, bodies(pod))))


def bodies(pod: Served) -> Iterator[bytes]:
    """Return requests without end, for what a pod's model takes."""
    return _requests(json.loads(get(url(pod)))["inputs"], store.rows())


def _requests(inputs: list[Json], rows: list[dict[str, Any]]) -> Iterator[bytes]:
    while True:
        for start in range(0, len(rows), AT_ONCE):
            chosen = rows[start : start + AT_ONCE]
            tensors = [
                {
                    "name": i["name"],
                    "shape": [AT_ONCE, 1][: len(i["shape"])],
                    "datatype": i["datatype"],
                    "data": [row.get(i["name"], 0) for row in chosen],
                }
                for i in inputs
            ]
            yield json.dumps({"inputs": tensors}).encode()
