"""Write what is in an image as a software bill of materials: CycloneDX 1.6, JSON.

Reading:
    https://cyclonedx.org/docs/1.6/json/
    https://github.com/package-url/purl-spec
"""

import argparse
import base64
import json
import platform
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import debian

Json = dict[str, Any]


def component(purl: str, name: str, version: str, sha256: str = "", **more: Any) -> Json:
    """Return one component."""
    hashes = {"hashes": [{"alg": "SHA-256", "content": sha256}]} if sha256 else {}
    named = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    return {**named, **hashes, **more}


def _licence(found: metadata.PackageMetadata) -> Json:
    """Return what a distribution says about its licence, where it says it shortly."""
    for expression in found.get_all("License-Expression", []):
        return {"licenses": [{"expression": expression}]}
    classifiers = [c for c in found.get_all("Classifier", []) if c.startswith("License :: ")]
    names = [c.rpartition(" :: ")[2] for c in classifiers]
    return {"licenses": [{"license": {"name": name}} for name in names]} if names else {}


def python_packages(site: Path, report: Json) -> list[Json]:
    """Return the distributions in a directory, with the digests of pip's installation report.

    Raises:
        KeyError: one is there that the report does not know.
    """
    digests = {}
    for item in report["install"]:
        name, archive = item["metadata"]["name"], item["download_info"]["archive_info"]
        digests[_normal(name)] = archive["hashes"]["sha256"]
    found = []
    for distribution in metadata.distributions(path=[str(site)]):
        name, version = _normal(distribution.metadata["Name"]), distribution.version
        licence = _licence(distribution.metadata)
        purl = f"pkg:pypi/{name}@{version}"
        found.append(component(purl, name, version, digests[name], **licence))
    return found


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def debian_packages(packages: Iterable[debian.Package], release: str) -> list[Json]:
    """Return Debian's packages; ``release`` is the distribution's own, such as ``debian-12``."""
    found = []
    for package in packages:
        qualifiers = {"arch": package.architecture, "distro": release, "upstream": package.source}
        name, version = quote(package.name, safe=""), quote(package.version, safe=":")
        purl = f"pkg:deb/debian/{name}@{version}?{urlencode(qualifiers)}"
        found.append(component(purl, package.name, package.version))
    return found


def go_modules(listing: str) -> list[Json]:
    """Return what ``go version -m`` lists: the toolchain, the module built, those it was built of.

    A module's ``h1:`` digest is the SHA-256 of the list of its files' digests.
    """
    first, *lines = listing.splitlines()
    go = first.rsplit("go", 1)[1]
    found = [component(f"pkg:golang/std@{go}", "std", go)]
    for line in lines:
        match line.strip().split("\t"):
            case ["mod" | "dep" | "=>" as kind, name, version, *h1]:
                if kind == "=>":
                    found.pop()  # what this one stands in for
                digest = base64.b64decode(h1[0].removeprefix("h1:")).hex() if any(h1) else ""
                found.append(component(f"pkg:golang/{name}@{version}", name, version, digest))
    return found


def document(name: str, version: str, components: Iterable[Json]) -> str:
    """Return the bill of an image."""
    image = {"type": "container", "bom-ref": name, "name": name, "version": version}
    found = sorted(components, key=lambda item: str(item["bom-ref"]))
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": image},
        "components": found,
    }
    return json.dumps(bill, indent=1) + "\n"


def _python_image(site: Path, report: Path, layers: list[Path]) -> list[Json]:
    system = platform.freedesktop_os_release()
    release = f"{system['ID']}-{system['VERSION_ID']}"
    found = python_packages(site, json.loads(report.read_text()))
    found += debian_packages(set().union(*map(debian.owners_below, layers)), release)
    if not debian.owners([Path(sys.executable).resolve()]):
        version = platform.python_version()
        found.append(component(f"pkg:generic/python@{version}", "python", version))
    return found


def main() -> None:
    """Print the bill of the image that is being built."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("version")
    parser.add_argument("--go", action="store_true", help="read what go version -m says")
    parser.add_argument("--site", type=Path, help="directory of Python distributions")
    parser.add_argument("--report", type=Path, help="pip's report of their installation")
    parser.add_argument("--layers", type=Path, nargs="*", help="copies of the system's files")
    chosen = parser.parse_args()
    if chosen.go:
        found = go_modules(sys.stdin.read())
    else:
        found = _python_image(chosen.site, chosen.report, chosen.layers)
    print(document(chosen.name, chosen.version, found), end="")


if __name__ == "__main__":
    main()
