"""Publishing and fetching where the store is a directory, such as a mounted claim."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest

from perennial_artifact import volumes
from perennial_artifact.manifest import MANIFEST, MODEL, PROFILE, File, Manifest, Signature
from perennial_artifact.store import (
    ArtifactNotFound,
    DigestMismatch,
    StoreUnreachable,
    fetch,
    open_store,
    publish,
)

CONTENTS = {MODEL: b"a model" * 1000, PROFILE: b"{}"}
STORE = "pvc://models/team #1"


@pytest.fixture
def claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the directory of the claim ``models``."""
    monkeypatch.setattr(volumes, "VOLUMES", str(tmp_path / "volumes"))
    made = tmp_path / "volumes" / "models"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    directory = tmp_path / "artifact"
    directory.mkdir()
    manifest = Manifest(
        task="Regression",
        signature=Signature(inputs=[], outputs=[]),
        files={
            name: File(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
            for name, content in CONTENTS.items()
        },
    )
    for name, content in {**CONTENTS, MANIFEST: manifest.to_json()}.items():
        (directory / name).write_bytes(content)
    return directory


def test_what_is_published_is_fetched(claim: Path, artifact: Path, tmp_path: Path) -> None:
    uri, digest, size = publish(artifact, STORE)
    assert uri == f"{STORE}/sha256/{digest}/"
    place = claim / "team #1" / "sha256" / digest
    assert sorted(f.name for f in place.iterdir()) == sorted([*CONTENTS, MANIFEST])
    assert size == sum(f.stat().st_size for f in place.iterdir())
    fetch(uri, digest, tmp_path / "model")
    assert (tmp_path / "model" / MODEL).read_bytes() == CONTENTS[MODEL]
    assert publish(artifact, STORE) == (uri, digest, size)
    with pytest.raises(DigestMismatch):
        fetch(uri, "0" * 64, tmp_path / "other")


def test_a_publication_that_is_cut_is_not_seen_and_is_made_good(
    claim: Path, artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, written = obstore.put, []

    def failing(store: object, name: str, content: bytes, **how: object) -> None:
        if written:
            raise OSError("the node is gone")
        written.append(name)
        put(store, name, content, **how)

    monkeypatch.setattr(obstore, "put", failing)
    with pytest.raises(StoreUnreachable, match="cannot be written by user"):
        publish(artifact, STORE)
    digest = hashlib.sha256((artifact / MANIFEST).read_bytes()).hexdigest()
    uri = f"{STORE}/sha256/{digest}/"
    with pytest.raises(ArtifactNotFound):
        fetch(uri, digest, tmp_path / "model")
    monkeypatch.undo()
    monkeypatch.setattr(volumes, "VOLUMES", str(claim.parent))
    assert publish(artifact, STORE)[0] == uri
    fetch(uri, digest, tmp_path / "model")


def test_a_file_is_replaced_as_a_whole(claim: Path, artifact: Path) -> None:
    """Who reads while another candidate publishes the same content sees the old file to its end."""
    uri, _, _ = publish(artifact, STORE)
    path = Path(volumes.path_of(uri), MODEL)
    path.write_bytes(b"older")
    with path.open("rb") as reader:
        publish(artifact, STORE)
        assert reader.read() == b"older"
    assert path.read_bytes() == CONTENTS[MODEL]


@pytest.fixture
def another_user() -> Iterator[None]:
    """Be the pods' user for a while; pytest's directories are its own user's alone."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    os.setegid(65532)
    os.seteuid(65532)
    yield
    os.seteuid(0)
    os.setegid(0)


@pytest.mark.parametrize(("make", "done"), [(True, "written"), (False, "read")])
def test_a_claim_that_the_pods_user_may_not_open_says_so(
    claim: Path, another_user: None, make: bool, done: str
) -> None:
    told = f"pvc://models/team cannot be {done} by user 65532, group 65532: .*Permission denied"
    with pytest.raises(StoreUnreachable, match=told):
        open_store("pvc://models/team", make=make)


def test_nothing_is_made_for_who_only_reads(claim: Path) -> None:
    with pytest.raises(ArtifactNotFound, match="pvc://models/nothing does not exist"):
        open_store("pvc://models/nothing")
    assert not list(claim.iterdir())
