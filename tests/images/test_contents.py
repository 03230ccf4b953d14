"""In an image is nothing but what runs, and a true bill of it."""

import json
import re
import tarfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from containers import Container, container

from localcluster import binaries, buildah, images

NO_USE = {"sh", "bash", "dash", "busybox", "env", "apt", "apt-get", "dpkg", "pip", "pip3", "uv"}
PARTS = ["operator", "trainer", "serving"]


@pytest.fixture(scope="module", params=[*PARTS, "versitygw"])
def shipped(request: pytest.FixtureRequest) -> Iterator[Container]:
    with container(request.param) as found:
        yield found


@pytest.fixture(scope="module", params=PARTS)
def python(request: pytest.FixtureRequest) -> Iterator[Container]:
    with container(request.param) as found:
        yield found


def test_there_is_no_shell_no_installer_and_no_way_up(shipped: Container) -> None:
    files = [p for p in shipped.root.rglob("*") if not p.is_dir()]
    assert len(files) > 1
    assert [p for p in files if p.name in NO_USE] == []
    assert [p for p in files if not p.is_symlink() and p.stat().st_mode & 0o6000] == []


def test_labels_say_what_it_is(shipped: Container) -> None:
    said = {name.rpartition(".")[2]: text for name, text in shipped.labels.items()}
    assert said["title"] and said["licenses"] == "Apache-2.0"
    assert re.fullmatch(r"v?\d+\.\d+\.\d+", said["version"])


def test_the_bill_names_every_distribution_by_the_digest_that_was_asked_for(
    python: Container,
) -> None:
    bill = python.bill()
    (site,) = python.root.glob("opt/perennial/lib/python3*/site-packages")
    pins = (images.REQUIREMENTS / f"{python.part}.txt").read_text()
    asked = {
        name: set(re.findall(r"sha256:(\w+)", digests))
        for name, digests in re.findall(r"^([\w-]+)==.*\\\n((?: +--hash.*\n)+)", pins, re.M)
    }
    installed = {
        re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower(): d.version
        for d in metadata.distributions(path=[str(site)])
    }
    assert installed.keys() == asked.keys()
    for name, version in installed.items():
        assert bill[name]["purl"] == f"pkg:pypi/{name}@{version}"
        (digest,) = bill[name]["hashes"]
        assert digest["content"] in asked[name]


def test_the_bill_names_the_systems_packages_whose_licences_are_there(python: Container) -> None:
    packages = {n: c for n, c in python.bill().items() if c["purl"].startswith("pkg:deb/")}
    assert {"libc6", "libssl3", "ca-certificates"} <= packages.keys()
    assert "upstream=glibc" in packages["libc6"]["purl"]
    licences = {p.parent.name for p in python.root.glob("usr/share/doc/*/copyright")}
    assert packages.keys() == licences


def test_the_bill_of_the_store_names_its_modules() -> None:
    with container("versitygw") as store:
        bill = store.bill()
        assert bill["github.com/versity/versitygw"]["version"] == binaries.VERSITYGW
        assert "std" in bill and len(bill) > 20
        assert "Version" in store.run("versitygw", "--version")


def test_all_python_images_begin_with_the_same_layer() -> None:
    shipped = buildah.archives([image for image in images.wanted() if image.name in PARTS])[1:]
    assert len({first_layer(archive) for archive in shipped}) == 1


def first_layer(archive: Path) -> str:
    with tarfile.open(archive) as files:
        manifest = files.extractfile("manifest.json")
        assert manifest is not None
        return str(json.load(manifest)[0]["Layers"][0])
