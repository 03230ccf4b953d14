"""Waiting and watching, at an API server that does not always answer as one would like."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from perennial.cli import following, requesting
from perennial.cli.connection import Connection
from perennial.cli.following import Followed, follow_kind
from perennial.cli.kinds import DEPLOYMENT
from perennial.cli.problem import Problem

Answer = tuple[int, Any]
REQUEST = "undo/anna 1"
SECONDS = 20.0


class Script:
    """What is answered: to each path a list of answers, the last of them again and again."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}

    def next(self, path: str) -> Answer:
        answers = self.answers.get(path, [(404, {"message": "404 page not found"})])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def api(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            code, body = script.next(path + ("?watch" if "watch=1" in query else ""))
            if code == 0:
                self.connection.close()
                return
            lines = body if isinstance(body, list) else [body]
            sent = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
            self.send_response(code)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: Any) -> None:
            pass

    monkeypatch.setattr(requesting, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(requesting, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(following, "RETRY_SECONDS", 0.05)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    file = tmp_path / "kubeconfig"
    url = f"http://127.0.0.1:{server.server_port}"
    named = {"cluster": "c", "user": "u"}
    config = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": named}],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {}}],
    }
    file.write_text(yaml.safe_dump(config))
    yield Connection(str(file))
    server.shutdown()
    server.server_close()


def body(handled: str = "", asked: str = REQUEST, **status: Any) -> Any:
    metadata = {
        "name": "flights",
        "namespace": "team",
        "uid": "u1",
        "annotations": {"perennial.dev/request": asked},
    }
    return {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": metadata,
        "status": {"lastRequest": handled, **status},
    }


ROOT = "/apis/perennial.dev/v1alpha1/namespaces/team/modeldeployments"
OBJECT, EVENTS = f"{ROOT}/flights", "/api/v1/namespaces/team/events"
GONE = {"message": 'modeldeployments "flights" not found', "details": {"name": "flights"}}


def event(message: str, reason: str = "UndoStarted", version: str = "7") -> Any:
    return {
        "metadata": {"uid": f"e-{reason}", "resourceVersion": version},
        "reason": reason,
        "message": message,
    }


def waited(api: Connection, before: Any = (), seconds: float = SECONDS) -> Any:
    told: list[str] = []
    answer = requesting.wait(api, body(), REQUEST, seconds, before, told.append)
    return answer, told


def test_an_outage_while_one_waits_is_told_once_and_outlasted(
    api: Connection, script: Script
) -> None:
    busy = {"message": "etcdserver: leader changed"}
    script.answers[OBJECT] = [(200, body()), (500, busy), (500, busy), (0, None),
                              (200, body(REQUEST))]  # fmt: skip
    script.answers[EVENTS] = [(200, {"items": [event(f"undone by {REQUEST}: back at once")]})]
    answer, told = waited(api)
    assert answer.heeded and answer.sentence == f"undone by {REQUEST}: back at once"
    assert len(told) == 2 and "leader changed" in told[0] and "does not answer" in told[1]


def test_what_was_said_before_is_no_answer(api: Connection, script: Script) -> None:
    old = event("undo: no earlier version is known", "NothingToDo")
    again = event("undo: no earlier version is known", "NothingToDo", "8")
    script.answers[OBJECT] = [(200, body(REQUEST))]
    script.answers[EVENTS] = [(200, {"items": [old]}), (200, {"items": [again]})]
    answer, _ = waited(api, [old])
    assert not answer.heeded and answer.sentence == "undo: no earlier version is known"
    assert len(script.answers[EVENTS]) == 1  # it was not content with the first


def test_who_may_not_see_events_is_told_how_it_stands(api: Connection, script: Script) -> None:
    ready = {"type": "Ready", "status": "True", "reason": "Canary", "message": "flights-2 serves"}
    script.answers[OBJECT] = [(200, body(REQUEST, conditions=[ready]))]
    script.answers[EVENTS] = [(403, {"message": "events is forbidden"})]
    answer, _ = waited(api)
    assert answer.heeded and answer.sentence == "handled; Canary: flights-2 serves"


def test_another_request_ends_the_wait(api: Connection, script: Script) -> None:
    script.answers[OBJECT] = [(200, body()), (200, body(asked="abort/2"))]
    with pytest.raises(Problem, match=r"another request took its place .*: abort/2"):
        waited(api)


def test_an_object_that_is_deleted_ends_the_wait(api: Connection, script: Script) -> None:
    script.answers[OBJECT] = [(200, body()), (404, GONE)]
    with pytest.raises(Problem, match='"flights" not found'):
        waited(api)


def test_what_keeps_the_operator_from_it_is_told(
    api: Connection, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requesting, "STALLED_SECONDS", 0.0)
    stalled = {"type": "Stalled", "status": "True", "reason": "UnknownField", "message": "upgrade"}
    script.answers[OBJECT] = [(200, body(conditions=[stalled]))]
    with pytest.raises(Problem, match=r"it is stalled: UnknownField\. It stays asked for"):
        waited(api, seconds=0.2)


def until(what: str, so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not so():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def names(followed: Followed) -> list[str]:
    return sorted(o["metadata"]["name"] for o in followed.items or ())


def other(name: str) -> Any:
    return {"metadata": {"name": name, "uid": f"u-{name}"}}


def test_a_watch_that_breaks_off_or_is_too_old_begins_anew(
    api: Connection, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [[other("a")], [other("a"), other("b")], [other("c")]]
    script.answers[ROOT] = [
        (200, {"metadata": {"resourceVersion": str(n)}, "items": items})
        for n, items in enumerate(listed)
    ]
    expired = {"type": "ERROR", "object": {"code": 410, "message": "too old"}}
    script.answers[f"{ROOT}?watch"] = [
        (200, [{"type": "ADDED", "object": other("z")}, expired]),
        (0, None),
        (200, [{"type": "BOOKMARK", "object": {}}, {"type": "ADDED", "object": other("d")},
               {"type": "DELETED", "object": other("c")}]),
        (200, []),
    ]  # fmt: skip
    changed = threading.Event()
    seen: list[list[str]] = []
    problems: list[str] = []
    original = Followed._set

    def noted(self: Followed, known: Any) -> None:
        problems.append(str(self.problem or ""))
        original(self, known)
        seen.append(names(self))

    monkeypatch.setattr(Followed, "_set", noted)
    follow_kind(api, DEPLOYMENT, "team", changed)
    until("it has seen all", lambda: ["d"] in seen)
    assert seen[: seen.index(["d"]) + 1] == [
        ["a"], ["a", "z"], ["a", "b"], ["c"], ["c", "d"], ["d"],
    ]  # fmt: skip
    assert "does not answer" in problems[3] and changed.is_set()


def test_pages_of_a_long_list_are_one(api: Connection, script: Script) -> None:
    script.answers[ROOT] = [
        (200, {"metadata": {"continue": "t"}, "items": [other("a")]}),
        (200, {"metadata": {"resourceVersion": "9"}, "items": [other("b")]}),
    ]
    items, version = api.listed(ROOT, {})
    assert [i["metadata"]["name"] for i in items] == ["a", "b"] and version == "9"


def test_a_signal_that_another_thread_is_given_ends_a_watch() -> None:
    """What the kernel may do; whoever waits without end for something new would sleep on."""
    code = """
import signal, threading, time
from perennial.cli.watching import watch

def interrupt():
    time.sleep(0.2)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    time.sleep(60)

# What is begun in the background of a shell ignores it.
signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Thread(target=interrupt, daemon=True).start()
watch(lambda columns: None, threading.Event(), lambda: None)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=SECONDS)
    assert done.returncode == -signal.SIGINT
