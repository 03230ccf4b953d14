"""The package needs nothing but the standard library."""

import ast
import sys
from pathlib import Path

import perennial_statistics

FOLDER = Path(perennial_statistics.__path__[0])
FORBIDDEN = {"random", "datetime", "time", "os"}


def imported(file: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(file.read_text())))
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return found | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_nothing_of_another_room_is_imported() -> None:
    own = perennial_statistics.__name__
    for file in FOLDER.glob("*.py"):
        for module in imported(file):
            known = module in sys.stdlib_module_names or module.split(".")[0] in (
                sys.stdlib_module_names
            )
            assert module.startswith(own) or known, f"{file.name} imports {module}"
            assert module not in FORBIDDEN, f"{file.name} imports {module}"


def test_every_file_is_in_the_table_of_contents() -> None:
    contents = perennial_statistics.__doc__ or ""
    missing = [f.stem for f in FOLDER.glob("*.py") if f.stem not in contents]
    assert missing == ["__init__"]
