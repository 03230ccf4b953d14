"""docs/kubectl.md says what there is, and shows what is shown."""

import getpass
import importlib
import re
import tomllib
from pathlib import Path

import pytest
import scenes
from pages import PAGES

from perennial.cli.command import app
from perennial.cli.requesting import VERBS, request_text
from perennial.cli.screen import rendered

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "kubectl.md").read_text()
BLOCKS = re.findall(r"```\n\$ kubectl perennial (.+)\n((?:.|\n)*?)```", PAGE)


def test_every_transcript_is_what_the_code_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "anna")
    asked = request_text("promote", "looked at it", scenes.NOW)
    dialogue = f"deployment/flights: step 4 was ended by {asked}\n"
    assert len(BLOCKS) == 9
    for command, shown in BLOCKS:
        made = {rendered(page(80), 80) + "\n" for of, page in PAGES.values() if of == command}
        assert shown in made | {dialogue}, command


def test_what_pip_puts_on_the_path_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for name in ("kubectl-perennial", "kubectl_complete-perennial"):
        module, _, function = project["scripts"][name].partition(":")
        assert callable(getattr(importlib.import_module(module), function))
    assert "typer" in " ".join(project["optional-dependencies"]["cli"])


def test_every_command_is_told() -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert told == {str(c.name) for c in app.registered_commands}


def test_what_each_verb_needs_is_told() -> None:
    rights = PAGE.partition("## Rights")[2]
    for verb in VERBS:
        line = next(x for x in rights.splitlines() if f"`{verb.name}`" in x)
        assert f"`patch` of {verb.kind.plural}" in line
