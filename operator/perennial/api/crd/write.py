"""Write ``crds/*.yaml`` from the Pydantic models.

``python -m perennial.api.crd [--check] [DIR]`` writes one CustomResourceDefinition a kind;
with ``--check`` it writes nothing and exits with 1 when a file is stale.
"""

import argparse
import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from perennial.api import GROUP, KINDS, VERSION
from perennial.api.common import Column, Kind
from perennial.api.crd.translate import open_api_schema
from perennial.api.values import Json

HEADER = "# Generated from operator/perennial/api by `python -m perennial.api.crd`; do not edit.\n"


def _column(column: Column) -> Json:
    out: Json = {"name": column.name, "jsonPath": column.json_path, "type": column.type}
    if column.priority:
        out["priority"] = column.priority
    if column.description:
        out["description"] = column.description
    return out


def definition(kind: type[Kind]) -> Json:
    """Return the CustomResourceDefinition of a kind."""
    name = kind.kind()
    subresources: Json = {"status": {}}
    if kind.SCALE:
        subresources["scale"] = kind.SCALE
    version: Json = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [_column(column) for column in kind.COLUMNS],
        "subresources": subresources,
        "schema": {"openAPIV3Schema": open_api_schema(kind)},
    }
    if kind.SELECTABLE:
        version["selectableFields"] = [{"jsonPath": path} for path in kind.SELECTABLE]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": name,
                "listKind": f"{name}List",
                "plural": kind.PLURAL,
                "singular": name.lower(),
                "shortNames": [kind.SHORT],
                "categories": ["perennial"],
            },
            "versions": [version],
        },
    }


class _Dumper(yaml.SafeDumper):
    """Writes equal parts out each time: an anchor would save bytes and cost the reader."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@functools.cache
def files() -> Mapping[str, str]:
    """Return the text of every generated file by its name."""
    return {
        f"{GROUP}_{kind.PLURAL}.yaml": HEADER
        + yaml.dump(
            definition(kind), Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True
        )
        for kind in KINDS
    }


def stale(directory: Path) -> list[str]:
    """Return what differs between a directory and the models, as sentences; empty when nothing."""
    wanted = files()
    found = {path.name: path.read_text("utf-8") for path in directory.glob("*.yaml")}
    return [
        *(f"{name} is missing" for name in wanted if name not in found),
        *(f"{name} is stale" for name in wanted if found.get(name, wanted[name]) != wanted[name]),
        *(f"{name} belongs to no kind" for name in sorted(found) if name not in wanted),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or check them; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m perennial.api.crd", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when stale")
    parser.add_argument(
        "directory", nargs="?", type=Path, default=Path(__file__).parents[4] / "crds"
    )
    options = parser.parse_args(arguments)
    directory: Path = options.directory
    if options.check:
        problems = stale(directory)
        for problem in problems:
            print(f"{directory / problem}; run: python -m perennial.api.crd", file=sys.stderr)
        return 1 if problems else 0
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (directory / name).write_text(text, "utf-8")
    return 0
