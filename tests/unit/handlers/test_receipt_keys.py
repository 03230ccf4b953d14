"""A key is made once for each ModelDeployment that wants one, and read by nobody."""

import base64
import json
from typing import Any

import pytest
from builders import deployment
from kubernetes.aio.client.exceptions import ApiException

from perennial.api.values import Json
from perennial.cluster.queue import Later
from perennial.handlers import receipts
from perennial.handlers.receipts import ReceiptKeys

WANTS = {"serving": {"receipts": {}}}


class Server:
    """An API server that keeps Secrets, or answers with a status."""

    def __init__(self, status: int = 0) -> None:
        self.status, self.tries = status, 0
        self.secrets: dict[str, Json] = {}
        self.says = "secrets is forbidden"

    async def call(self, verb: str, path: str, query: Any, body: Json) -> Json:
        assert (verb, path) == ("POST", "/api/v1/namespaces/team/secrets")
        self.tries += 1
        name = body["metadata"]["name"]
        code = self.status or (409 if name in self.secrets else 0)
        if code:
            error = ApiException(status=code, reason="no")
            error.body = json.dumps({"message": self.says})
            raise error
        self.secrets[name] = body
        return body


async def missing(server: Any, keys: ReceiptKeys, spec: dict[str, Any] = WANTS) -> Any:
    return await keys.missing(server, deployment(spec))


async def test_it_is_made_once_and_belongs_to_its_deployment() -> None:
    server, keys = Server(), ReceiptKeys()
    assert await missing(server, keys, {}) is None and server.tries == 0
    for _ in range(3):
        assert await missing(server, keys) is None
    assert server.tries == 1
    (made,) = server.secrets.values()
    (owner,) = made["metadata"]["ownerReferences"]
    assert (made["metadata"]["name"], owner["uid"]) == ("flights-receipts", "uid-flights")
    assert len(base64.b64decode(made["data"]["key"])) == 32
    # Another operator, later: the key is there, and stays as it is.
    assert await missing(server, ReceiptKeys()) is None
    assert server.secrets == {"flights-receipts": made} and server.tries == 2


@pytest.mark.parametrize("pairs", ["Enabled", "Disabled"])
async def test_pairs_want_one_too(pairs: str) -> None:
    server = Server()
    assert await missing(server, ReceiptKeys(), {"serving": {"pairs": pairs}}) is None
    assert len(server.secrets) == (pairs == "Enabled")


async def test_no_two_are_the_same() -> None:
    made = set()
    for _ in range(2):
        server = Server()
        await missing(server, ReceiptKeys())
        made.add(server.secrets["flights-receipts"]["data"]["key"])
    assert len(made) == 2


async def test_one_that_was_deleted_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "THERE_SECONDS", 0.0)
    server, keys = Server(), ReceiptKeys()
    await missing(server, keys)
    server.secrets.clear()
    assert await missing(server, keys) is None and len(server.secrets) == 1


async def test_an_api_server_that_does_not_know_the_owners_kind_yet_is_waited_for() -> None:
    """As right after the chart was installed: pods without a key would never give receipts."""
    server, keys = Server(403), ReceiptKeys()
    server.says = "cannot set blockOwnerDeletion in this case because cannot find RESTMapping for"
    with pytest.raises(Later, match="does not know ModelDeployments yet"):
        await missing(server, keys)
    server.status = 0
    assert await missing(server, keys) is None and server.secrets


async def test_a_refusal_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    server, keys = Server(403), ReceiptKeys()
    found = await missing(server, keys)
    assert found.reason == "NoReceiptKey" and found.blame == "Cluster"
    assert "Secret flights-receipts cannot be made: secrets is forbidden" in found.message
    assert await missing(server, keys) is found and server.tries == 1
    monkeypatch.setattr(receipts, "REFUSED_SECONDS", 0.0)
    keys, server.status = ReceiptKeys(), 403
    await missing(server, keys)
    server.status = 0
    assert await missing(server, keys) is None and server.secrets


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_no_answer_is_no_refusal(status: int) -> None:
    with pytest.raises(ApiException):
        await missing(Server(status), ReceiptKeys())
