"""The bill of an image: every package once, by names that scanners know, valid CycloneDX."""

import base64
import json
from pathlib import Path

import pytest

import debian
import sbom

GO = """\
/usr/local/bin/versitygw: go1.26.8
	path	github.com/versity/versitygw/cmd/versitygw
	mod	github.com/versity/versitygw	v1.8.0	{digest}
	dep	github.com/old/name	v1.0.0
	=>	github.com/new/name	v1.0.1	{digest}
	build	CGO_ENABLED=0
""".replace("{digest}", "h1:" + base64.b64encode(bytes(32)).decode())


def distribution(site: Path, name: str, *more: str) -> None:
    place = site / f"{name}-1.0.dist-info"
    place.mkdir(parents=True)
    lines = ["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *more]
    (place / "METADATA").write_text("\n".join(lines) + "\n")


def report(**digests: str) -> sbom.Json:
    return {
        "install": [
            {
                "metadata": {"name": name},
                "download_info": {"archive_info": {"hashes": {"sha256": digest}}},
            }
            for name, digest in digests.items()
        ]
    }


def test_distributions_have_the_digest_of_what_was_installed(tmp_path: Path) -> None:
    distribution(tmp_path, "Typing_Extensions", "License-Expression: PSF-2.0")
    distribution(tmp_path, "idna", "Classifier: License :: OSI Approved :: BSD License")
    found = sbom.python_packages(tmp_path, report(typing_extensions="a" * 64, idna="b" * 64))
    by_name = {item["name"]: item for item in found}
    assert by_name["typing-extensions"]["purl"] == "pkg:pypi/typing-extensions@1.0"
    assert by_name["typing-extensions"]["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    assert by_name["typing-extensions"]["licenses"] == [{"expression": "PSF-2.0"}]
    assert by_name["idna"]["licenses"] == [{"license": {"name": "BSD License"}}]


def test_a_distribution_that_pip_did_not_install_is_refused(tmp_path: Path) -> None:
    distribution(tmp_path, "stowaway")
    with pytest.raises(KeyError, match="stowaway"):
        sbom.python_packages(tmp_path, report())


def test_debian_packages_name_their_source_and_release() -> None:
    package = debian.Package("libstdc++6", "12.2.0-14+deb12u1", "amd64", "gcc-12")
    (found,) = sbom.debian_packages([package], "debian-12")
    # As the purl specification wants it: "+" stands for itself nowhere in a purl.
    assert found["purl"] == (
        "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1"
        "?arch=amd64&distro=debian-12&upstream=gcc-12"
    )
    assert found["name"] == "libstdc++6"


def test_go_modules_are_those_that_were_linked() -> None:
    found = sbom.go_modules(GO)
    assert [item["purl"] for item in found] == [
        "pkg:golang/std@1.26.8",
        "pkg:golang/github.com/versity/versitygw@v1.8.0",
        "pkg:golang/github.com/new/name@v1.0.1",
    ]
    assert found[1]["hashes"] == [{"alg": "SHA-256", "content": "00" * 32}]


def test_the_document_is_valid_and_the_same_for_any_order(tmp_path: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator  # builds grammars: slow

    distribution(tmp_path, "numpy", "License-Expression: BSD-3-Clause AND 0BSD")
    parts = [
        *sbom.python_packages(tmp_path, report(numpy="c" * 64)),
        *sbom.debian_packages([debian.Package("libc6", "2.36", "amd64", "glibc")], "debian-12"),
        *sbom.go_modules(GO),
    ]
    text = sbom.document("perennial-serving", "0.1.0", parts)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text == sbom.document("perennial-serving", "0.1.0", reversed(parts))
    assert json.loads(text)["metadata"]["component"]["name"] == "perennial-serving"
