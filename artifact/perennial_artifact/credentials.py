"""Which keys of a Secret open a store, and what obstore calls them."""

from collections.abc import Mapping
from urllib.parse import urlparse

KEYS = {
    "s3": {
        "AWS_ACCESS_KEY_ID": "access_key_id",
        "AWS_SECRET_ACCESS_KEY": "secret_access_key",
        "AWS_SESSION_TOKEN": "session_token",
        "AWS_DEFAULT_REGION": "region",
        "AWS_REGION": "region",
        "AWS_ENDPOINT_URL": "endpoint",
        "AWS_ENDPOINT_URL_S3": "endpoint",
        "AWS_SKIP_SIGNATURE": "skip_signature",
    },
    "gs": {
        "GOOGLE_APPLICATION_CREDENTIALS": "application_credentials",
        "GOOGLE_SERVICE_ACCOUNT_KEY": "service_account_key",
        "GOOGLE_BASE_URL": "base_url",
        "GOOGLE_SKIP_SIGNATURE": "skip_signature",
    },
    "az": {
        "AZURE_STORAGE_ACCOUNT_NAME": "account_name",
        "AZURE_STORAGE_ACCOUNT": "account_name",
        "AZURE_STORAGE_ACCOUNT_KEY": "account_key",
        "AZURE_STORAGE_KEY": "account_key",
        "AZURE_STORAGE_SAS_TOKEN": "sas_key",
        "AZURE_STORAGE_CONNECTION_STRING": "connection_string",
        "AZURE_STORAGE_SERVICE_ENDPOINT": "endpoint",
        "AZURE_CLIENT_ID": "client_id",
        "AZURE_TENANT_ID": "tenant_id",
        "AZURE_CLIENT_SECRET": "client_secret",
        "AZURE_AUTHORITY_HOST": "authority_host",
        "AZURE_SKIP_SIGNATURE": "skip_signature",
    },
}
"""By scheme, each setting's name in the cloud's own tools (or else obstore's variable) and its name
in obstore's configuration; of two that mean the same, the later counts."""

PATHS = frozenset({"GOOGLE_APPLICATION_CREDENTIALS"})
"""Settings whose value is the path of a file: the Secret's key is that file."""

KNOWN = "; ".join(f"for {scheme}:// {', '.join(names)}" for scheme, names in KEYS.items())
"""The table in words."""


def configuration(scheme: str, secret: Mapping[str, str]) -> dict[str, str]:
    """Return obstore's configuration for a scheme from a Secret's keys, whatever else it holds."""
    named = KEYS.get(scheme, {})
    config = {ours: secret[name] for name, ours in named.items() if secret.get(name)}
    if connection := config.pop("connection_string", ""):
        config |= _connection(connection)
    if scheme == "s3" and "endpoint" in config:
        # Another server than Amazon's: few have regions, or a host name for each bucket.
        config = {"region": "us-east-1", **config, "virtual_hosted_style_request": "false"}
    if "endpoint" in config:
        config["endpoint"] = config["endpoint"].rstrip("/")
    return config


def _connection(text: str) -> dict[str, str]:
    """Return the settings in an Azure connection string, which obstore does not read."""
    pairs = (part.partition("=") for part in text.split(";"))
    fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
    account, endpoint = fields.get("accountname", ""), fields.get("blobendpoint", "")
    if endpoint and not account:  # a shared access signature's names no account
        account = (urlparse(endpoint).hostname or "").partition(".")[0]
    elif account and not endpoint:
        protocol = fields.get("defaultendpointsprotocol", "https")
        suffix = fields.get("endpointsuffix", "core.windows.net")
        endpoint = f"{protocol}://{account}.blob.{suffix}"
    found = {
        "account_name": account,
        "account_key": fields.get("accountkey", ""),
        "sas_key": fields.get("sharedaccesssignature", ""),
        "endpoint": endpoint,
    }
    return {name: value for name, value in found.items() if value}
