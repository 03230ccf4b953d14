"""Secrets with the keys of the clouds' own tools, as obstore is told of them."""

import json
import traceback
from pathlib import Path
from typing import Any

import pytest

from perennial_artifact.credentials import KEYS, PATHS, configuration
from perennial_artifact.store import StoreUnreachable, open_store

KEY = "bm8gcmVhbCBrZXk="
USER = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
ACCOUNT = {
    "private_key": "none",
    "private_key_id": "1",
    "client_email": "a@b",
    "disable_oauth": True,
}
VALUES = {
    "AWS_ENDPOINT_URL": "http://store:7070",
    "AWS_ENDPOINT_URL_S3": "http://store:7070",
    "GOOGLE_APPLICATION_CREDENTIALS": json.dumps(USER),
    "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(ACCOUNT),
    "GOOGLE_BASE_URL": "http://store:7070",
    "AZURE_STORAGE_ACCOUNT_KEY": KEY,
    "AZURE_STORAGE_KEY": KEY,
    "AZURE_STORAGE_SAS_TOKEN": "?sv=2024-11-04&sig=a%2Fb",
    "AZURE_STORAGE_CONNECTION_STRING": f"AccountName=team;AccountKey={KEY}",
    "AZURE_STORAGE_SERVICE_ENDPOINT": "https://team.blob.core.chinacloudapi.cn/",
}
NEEDED = {
    "AWS_ACCESS_KEY_ID": {"AWS_SECRET_ACCESS_KEY": "b"},
    "AWS_SECRET_ACCESS_KEY": {"AWS_ACCESS_KEY_ID": "a"},
}


def mounted(place: Path, keys: dict[str, str]) -> Path:
    """Return a directory as the kubelet mounts a Secret."""
    data = place / "..data"
    data.mkdir()
    for name, value in keys.items():
        (data / name).write_text(value + "\n")
        (place / name).symlink_to(data / name)
    return place


def opened(uri: str, place: Path, keys: dict[str, str]) -> dict[str, Any]:
    """Return what obstore says that it was told."""
    return dict(open_store(uri, mounted(place, keys)).config)


@pytest.mark.parametrize(("scheme", "name"), [(s, n) for s, names in KEYS.items() for n in names])
def test_obstore_takes_every_key_that_is_known(scheme: str, name: str, tmp_path: Path) -> None:
    value = VALUES.get(name, "true" if name.endswith("SKIP_SIGNATURE") else "team")
    account = {"AZURE_STORAGE_ACCOUNT": "team"} if scheme == "az" else {}
    keys = {**account, name: value, **NEEDED.get(name, {})}
    told = opened(f"{scheme}://models/x", tmp_path, keys)
    ours = KEYS[scheme][name]
    if name in PATHS:
        assert told[ours] == str(tmp_path / name)
    elif name == "AZURE_STORAGE_CONNECTION_STRING":
        assert (told["account_name"], told["account_key"]) == ("team", KEY)
    else:
        assert told[ours] == value.rstrip("/")


@pytest.mark.parametrize(
    ("uri", "own", "told"),
    [
        (
            "s3://models",
            {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"},
            {"bucket": "models", "access_key_id": "a", "secret_access_key": "b"},
        ),
        ("gs://models", {}, {"bucket": "models"}),
        (
            "az://models",
            {"AZURE_STORAGE_ACCOUNT": "team"},
            {"container_name": "models", "account_name": "team"},
        ),
    ],
)
def test_keys_that_are_no_settings_of_the_store_are_passed_over(
    uri: str, own: dict[str, str], told: dict[str, str], tmp_path: Path
) -> None:
    others = {
        "password": "x",
        "AWS_PROFILE": "x",
        "AWS_ALLOW_HTTP": "true",  # obstore ends the process of who gives it a client's option
        "GOOGLE_CLOUD_PROJECT": "x",
        "AZURE_STORAGE_AUTH_MODE": "key",
    }
    (tmp_path / "keystore.p12").write_bytes(b"\xff\xfe\x00")
    clouds = {"AWS_REGION", "GOOGLE_BASE_URL", "AZURE_CLIENT_ID"}
    mine = {"s3": "AWS", "gs": "GOOGLE", "az": "AZURE"}[uri[:2]]
    foreign = {name: "x" for name in clouds if not name.startswith(mine)}
    assert opened(uri, tmp_path, {**others, **foreign, **own}) == told


@pytest.mark.parametrize(
    ("scheme", "secret", "told"),
    [
        ("s3", {"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-1"}, {"region": "eu-west-1"}),
        ("s3", {"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}, {"region": "a"}),
        (
            "s3",
            {"AWS_ENDPOINT_URL": "https://a", "AWS_ENDPOINT_URL_S3": "https://b/"},
            {
                "endpoint": "https://b",
                "region": "us-east-1",
                "virtual_hosted_style_request": "false",
            },
        ),
        (
            "s3",
            {"AWS_ENDPOINT_URL": "https://a", "AWS_REGION": "x"},
            {"endpoint": "https://a", "region": "x", "virtual_hosted_style_request": "false"},
        ),
        ("https", {"AWS_REGION": "a"}, {}),
    ],
)
def test_of_two_keys_the_more_special_counts(
    scheme: str, secret: dict[str, str], told: dict[str, str]
) -> None:
    assert configuration(scheme, secret) == told


@pytest.mark.parametrize(
    ("connection", "told"),
    [
        (
            "DefaultEndpointsProtocol=https;AccountName=team;AccountKey=a2V5PT0=;"
            "EndpointSuffix=core.windows.net",
            ("team", "a2V5PT0=", None, "https://team.blob.core.windows.net"),
        ),
        (
            "AccountName=team;AccountKey=a2V5;EndpointSuffix=core.chinacloudapi.cn;",
            ("team", "a2V5", None, "https://team.blob.core.chinacloudapi.cn"),
        ),
        (
            "BlobEndpoint=https://team.blob.core.windows.net/;QueueEndpoint=https://q/;"
            "SharedAccessSignature=sv=2024-11-04&sig=a%3D",
            ("team", None, "sv=2024-11-04&sig=a%3D", "https://team.blob.core.windows.net"),
        ),
        (
            "accountname=dev;accountkey=a2V5;blobendpoint=http://127.0.0.1:10000/dev;",
            ("dev", "a2V5", None, "http://127.0.0.1:10000/dev"),
        ),
        ("nonsense", (None, None, None, None)),
    ],
)
def test_an_azure_connection_string_is_taken_apart(
    connection: str, told: tuple[str | None, ...]
) -> None:
    found = configuration("az", {"AZURE_STORAGE_CONNECTION_STRING": connection})
    names = ("account_name", "account_key", "sas_key", "endpoint")
    assert found == {name: value for name, value in zip(names, told, strict=True) if value}


@pytest.mark.parametrize(
    ("uri", "keys"),
    [
        # A key that was made JSON twice is text, which the parser quotes.
        ("gs://models", {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps("hunter2")}),
        ("gs://models", {"GOOGLE_APPLICATION_CREDENTIALS": json.dumps("hunter2")}),
        ("s3://models", {"AWS_SECRET_ACCESS_KEY": "hunter2"}),
        ("az://models", {"AZURE_STORAGE_ACCOUNT": "team", "AZURE_STORAGE_KEY": "hunter2-"}),
        ("az://models", {"AZURE_STORAGE_ACCOUNT": "team", "AZURE_STORAGE_SAS_TOKEN": "hunter2"}),
        ("az://models", {"AZURE_STORAGE_CONNECTION_STRING": "AccountKey=hunter2"}),
    ],
)
def test_what_is_wrong_with_a_secret_is_told_without_it(
    uri: str, keys: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(StoreUnreachable, match=f"{uri} is no store that can be opened: .") as told:
        opened(uri, tmp_path, keys)
    assert "hunter" not in "".join(traceback.format_exception(told.value, limit=0))


def test_a_key_that_is_no_text_says_so(tmp_path: Path) -> None:
    (tmp_path / "AWS_REGION").write_bytes(b"\xff")
    with pytest.raises(StoreUnreachable, match="can't decode byte"):
        open_store("s3://models", tmp_path)


def test_without_a_secret_the_pods_environment_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreUnreachable, match="Account must be specified"):
        open_store("az://models", tmp_path / "none")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "team")
    open_store("az://models", tmp_path / "none")


def test_an_azure_uri_may_name_its_account() -> None:
    found = open_store("az://models@team.blob.core.windows.net/x").config
    assert found == {"account_name": "team", "container_name": "models"}
