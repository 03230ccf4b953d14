"""Microsoft's own emulator of its store, where there is one (``npm install -g azurite``)."""

import base64
import hashlib
import hmac
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import obstore
import pytest

from localcluster.apiserver import free_ports
from perennial_artifact.store import open_store

AZURITE = shutil.which("azurite-blob")
KEY = base64.b64encode(b"key of a test").decode()
OTHER = base64.b64encode(b"another key").decode()


def make_container(url: str) -> None:
    """Make the container of a URL, which obstore does not do: a request signed by shared key."""
    told = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2023-11-03"}
    signed = "PUT" + "\n" * 12 + "".join(f"{name}:{value}\n" for name, value in told.items())
    signed += "/team/team/models\nrestype:container"
    digest = hmac.digest(base64.b64decode(KEY), signed.encode(), hashlib.sha256)
    told["Authorization"] = f"SharedKey team:{base64.b64encode(digest).decode()}"
    asked = urllib.request.Request(f"{url}?restype=container", method="PUT", headers=told)
    urllib.request.urlopen(asked, timeout=20).close()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Run azurite with the account ``team`` and the container ``models``."""
    if AZURITE is None:
        pytest.skip("azurite is not installed")
    (port,) = free_ports(1)
    command = [AZURITE, "--inMemoryPersistence", "--disableTelemetry", "--silent"]
    command += ["--skipApiVersionCheck", "--blobPort", str(port)]
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"team:{KEY}"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    url, deadline = f"http://127.0.0.1:{port}/team", time.monotonic() + 30
    try:
        while True:
            try:
                make_container(f"{url}/models")
                break
            except urllib.error.URLError:  # it is still starting
                assert time.monotonic() < deadline and process.poll() is None
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)


SECRETS = [
    {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=team;AccountKey=KEY;BlobEndpoint=URL/;"},
    {
        "AZURE_STORAGE_ACCOUNT": "team",
        "AZURE_STORAGE_KEY": "KEY",
        "AZURE_STORAGE_SERVICE_ENDPOINT": "URL",
    },
]


@pytest.mark.parametrize("secret", SECRETS, ids=["connection-string", "keys"])
def test_azure_is_opened_by_what_its_own_tools_take(
    endpoint: str, tmp_path: Path, secret: dict[str, str]
) -> None:
    def store(key: str) -> object:
        for name, value in secret.items():
            (tmp_path / name).write_text(value.replace("KEY", key).replace("URL", endpoint))
        return open_store("az://models/team", tmp_path)

    obstore.put(store(KEY), "x", b"content", use_multipart=False)
    assert bytes(obstore.get(store(KEY), "x").bytes()) == b"content"
    with pytest.raises(Exception, match="AuthorizationFailure"):
        obstore.get(store(OTHER), "x")
