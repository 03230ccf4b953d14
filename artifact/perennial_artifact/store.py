"""Object stores by URI: publish an artifact by its digest, fetch and verify one."""

import hashlib
import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from perennial_artifact.credentials import KEYS, PATHS, configuration
from perennial_artifact.manifest import MANIFEST, Manifest
from perennial_artifact.volumes import path_of

MAXIMUM_MANIFEST_BYTES = 4 * 1024 * 1024


class ArtifactError(Exception):
    """An artifact cannot be had; ``reason`` is a word for programs, the text a sentence."""

    reason = "ArtifactError"


class DigestMismatch(ArtifactError):
    """What the store holds is not what was asked for."""

    reason = "DigestMismatch"


class ArtifactNotFound(ArtifactError):
    """Nothing is there."""

    reason = "ArtifactNotFound"


class StoreUnreachable(ArtifactError):
    """The store does not answer, or refuses the credentials."""

    reason = "StoreUnreachable"


def open_store(uri: str, secret_dir: Path | None = None, make: bool = False) -> Any:
    """Return an obstore store for a directory's URI.

    ``secret_dir`` is a mounted Secret with the keys in `credentials.KEYS`; without one, obstore
    finds the pod's own identity. A pvc:// URI is a directory of a mounted claim; ``make`` makes
    one that is not there.

    Raises:
        ArtifactNotFound: the directory is not there.
        StoreUnreachable: the URI or the settings make no store, or it may not be looked into.
    """
    from obstore.store import LocalStore, from_url

    parsed = urlparse(uri)
    if parsed.scheme in ("file", "pvc"):
        directory = Path(path_of(uri) if parsed.scheme == "pvc" else parsed.path)
        try:
            if make:
                directory.mkdir(parents=True, exist_ok=True)
            found = directory.is_dir()
        except OSError as error:
            raise unreachable(uri, "written" if make else "read", error) from error
        if not found:
            raise ArtifactNotFound(f"{uri} does not exist: check the URI, or train again")
        return LocalStore(directory)
    try:
        config = configuration(parsed.scheme, _known(parsed.scheme, secret_dir))
        options: dict[str, Any] = {"connect_timeout": "5s", "timeout": "120s"}
        if config.get("endpoint", config.get("base_url", "")).startswith("http://"):
            options["allow_http"] = True
        return from_url(
            uri,
            config=config or None,
            client_options=options,
            retry_config={"max_retries": 3, "retry_timeout": _seconds(20)},
        )
    except Exception as error:
        # What follows "file:" may quote the key that cannot be parsed; a traceback would show it.
        message = str(error).partition("\n")[0].partition(" file: ")[0]
        raise StoreUnreachable(f"{uri} is no store that can be opened: {message}") from None


def unreachable(uri: str, done: str, error: Exception) -> StoreUnreachable:
    """Return what to raise where a store refuses to be read or written."""
    if uri.startswith(("pvc://", "file://")):
        message = str(error).partition("\n")[0]
        who = f"user {os.geteuid()}, group {os.getegid()}"
        return StoreUnreachable(f"{uri} cannot be {done} by {who}: {message}")
    # Not the error's own text: it may carry the request with its signature.
    return StoreUnreachable(
        f"{uri} cannot be {done}: check the store's endpoint and the Secret's credentials "
        f"({type(error).__name__})"
    )


def _seconds(n: int) -> Any:
    from datetime import timedelta

    return timedelta(seconds=n)


def _known(scheme: str, secret_dir: Path | None) -> dict[str, str]:
    """Return the keys of a mounted Secret that are known; the others are not even read."""
    files = [secret_dir / name for name in KEYS.get(scheme, ()) if secret_dir is not None]
    return {
        f.name: str(f) if f.name in PATHS else f.read_text().strip() for f in files if f.is_file()
    }


def _get(store: Any, name: str, uri: str) -> bytes:
    import obstore
    from obstore.exceptions import NotFoundError

    try:
        return bytes(obstore.get(store, name).bytes())
    except (NotFoundError, FileNotFoundError) as error:
        raise ArtifactNotFound(
            f"{uri.rstrip('/')}/{name} does not exist: check the URI, or train again"
        ) from error
    except Exception as error:
        raise unreachable(uri, "read", error) from error


def _verify(content: bytes, sha256: str, what: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DigestMismatch(
            f"{what} has sha256 {found}, but {sha256} was asked for: the artifact was changed or "
            "the digest is wrong"
        )


def fetch(
    uri: str,
    sha256: str,
    into: Path,
    secret_dir: Path | None = None,
    only: Collection[str] | None = None,
) -> Manifest:
    """Bring an artifact into a directory; a file appears there only after its digest was verified.

    ``only`` names the files that are wanted of it, by default all.

    Raises:
        DigestMismatch: the manifest or a file is not the one that was asked for.
        ArtifactNotFound: a file is not there.
        StoreUnreachable: the store does not answer.
        ValueError: the manifest is none.
    """
    store = open_store(uri, secret_dir)
    document = _get(store, MANIFEST, uri)
    _verify(document, sha256, MANIFEST)
    if len(document) > MAXIMUM_MANIFEST_BYTES:
        raise DigestMismatch(f"{MANIFEST} is larger than {MAXIMUM_MANIFEST_BYTES} bytes")
    manifest = Manifest.from_json(document)
    into.mkdir(parents=True, exist_ok=True)
    wanted = [n for n in manifest.files if only is None or n in only]
    for name, file in ((n, manifest.files[n]) for n in wanted):
        content = _get(store, name, uri)
        _verify(content, file.sha256, name)
        (into / name).write_bytes(content)
    (into / MANIFEST).write_bytes(document)
    return manifest


def publish(
    directory: Path, store_uri: str, secret_dir: Path | None = None
) -> tuple[str, str, int]:
    """Upload a directory with a manifest; return its URI, digest and size in bytes.

    The manifest goes last, so that an artifact that can be seen is whole; doing it twice is
    harmless, since the place follows from the content. A file on a disk, too, is seen whole or not
    at all: it is written beside its place and renamed.

    Raises:
        StoreUnreachable: the store does not take the files.
    """
    import obstore

    document = (directory / MANIFEST).read_bytes()
    digest = hashlib.sha256(document).hexdigest()
    uri = f"{store_uri.rstrip('/')}/sha256/{digest}/"
    store = open_store(uri, secret_dir, make=True)
    size = 0
    for name in [*Manifest.from_json(document).files, MANIFEST]:
        content = (directory / name).read_bytes()
        size += len(content)
        try:
            # In one piece: not every S3 server that keeps files can join several.
            obstore.put(store, name, content, use_multipart=False)
        except Exception as error:
            raise unreachable(uri, "written", error) from error
    return uri, digest, size


def clear(directory: Path) -> None:
    """Empty a directory that an interrupted fetch may have left half full."""
    for child in directory.iterdir() if directory.is_dir() else ():
        shutil.rmtree(child) if child.is_dir() else child.unlink()
