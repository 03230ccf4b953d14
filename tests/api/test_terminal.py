"""``kubectl perennial watch`` in a real terminal: it redraws, fits, and leaves all as it was."""

import contextlib
import copy
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import scenes
from asking import Kubectl
from terminal import COMMAND, environment, make, write_status

from localcluster.apiserver import ApiServer

pytestmark = pytest.mark.skipif(
    shutil.which("tmux") is None, reason="there is no tmux to see a terminal by"
)
SECONDS = 40.0


class Terminal:
    """A terminal of tmux, of its own server."""

    def __init__(self, socket: Path, env: dict[str, str], width: int, height: int) -> None:
        self._base = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        size = ["-x", str(width), "-y", str(height)]
        shell = ["env", "-i", "PS1=$ ", *(f"{k}={v}" for k, v in env.items()), "bash", "--norc"]
        self._run("new-session", "-d", *size, *shell)

    def _run(self, *arguments: str) -> str:
        command = [*self._base, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def type(self, *keys: str) -> None:
        """Press keys, by tmux' names."""
        self._run("send-keys", *keys)

    def resize(self, width: int, height: int) -> None:
        """Make it larger or smaller."""
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def screen(self, colours: bool = False) -> str:
        """Return what is on it."""
        return self._run("capture-pane", "-p", *(["-e"] if colours else []))

    def modes(self) -> str:
        """Return whether the cursor is shown, and whether the other screen is."""
        return self._run("display-message", "-p", "#{cursor_flag} #{alternate_on}").strip()

    def wait(self, what: str, so: Callable[[str], bool]) -> str:
        """Wait until its screen is so; return it."""
        deadline = time.monotonic() + SECONDS
        while not so(found := self.screen()):
            assert time.monotonic() < deadline, f"{what}:\n{found}"
            time.sleep(0.1)
        return found

    def close(self) -> None:
        """End it, and its server."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("kill-server")


Open = Callable[..., Terminal]


@pytest.fixture
def terminal(server: ApiServer, tmp_path: Path) -> Iterator[Open]:
    opened: list[Terminal] = []

    def open_(width: int = 100, height: int = 40, **env: str) -> Terminal:
        socket = tmp_path / f"tmux-{len(opened)}"
        found = Terminal(socket, environment(server.kubeconfig, **env), width, height)
        opened.append(found)
        return found

    yield open_
    for each in opened:
        each.close()


def watch(space: str) -> str:
    return f"{shlex.join(COMMAND)} watch md flights -n {space}; echo left $?"


def test_a_watch_redraws_and_leaves_the_terminal_as_it_was(
    server: ApiServer, kubectl: Kubectl, terminal: Open
) -> None:
    space = "terminal"
    make(kubectl, space, [scenes.deployment()])
    screen = terminal(COLUMNS="100", LINES="40")  # as some shells export them
    screen.type("echo before", "Enter")
    screen.type(watch(space), "Enter")
    drawn = screen.wait("it is drawn", lambda s: "◐ Canary" in s)
    assert drawn.startswith("deployment/flights  namespace terminal")
    assert "echo before" not in drawn and "━━━━━━━─── 67 % (70 % asked)" in drawn
    assert screen.modes() == "0 1"
    body = copy.deepcopy(scenes.deployment())
    analysis = body["status"]["rollout"]["analysis"]
    analysis["metrics"][1] |= {"value": 0.06, "course": [0.0, 0.03, 0.06]}
    write_status(kubectl, space, "modeldeployment", "flights", body["status"])
    drawn = screen.wait("a new value is drawn", lambda s: "6%" in s)
    assert "▁▅█" in next(line for line in drawn.splitlines() if line.startswith("refusals"))
    screen.resize(60, 40)
    narrow = screen.wait("it fits", lambda s: "━" not in s and "◐ Canary" in s)
    assert "67 % (70 % asked)" in narrow
    screen.resize(100, 6)
    short = screen.wait("what has no room is counted", lambda s: "more lines" in s)
    assert len(short.rstrip("\n").splitlines()) == 6
    screen.resize(100, 40)
    write_status(kubectl, space, "modeldeployment", "flights", scenes.at_rest()["status"])
    screen.wait("the end is drawn", lambda s: "✔ Serving" in s)
    screen.type("C-c")
    after = screen.wait("it ends", lambda s: "left 130" in s)
    assert screen.modes() == "1 0"
    assert "echo before" in after and "✔ Serving" in after and "Traceback" not in after
    screen.type("echo still here", "Enter")
    screen.wait("the shell goes on", lambda s: "\nstill here" in s)


def test_colours_only_add_to_words(server: ApiServer, kubectl: Kubectl, terminal: Open) -> None:
    space = "colours"
    make(kubectl, space, [scenes.rolled_back()])
    seen = {}
    for name, env in {"colour": {}, "plain": {"NO_COLOR": "1"}, "dumb": {"TERM": "dumb"}}.items():
        screen = terminal(**env)
        screen.type("clear", "Enter")
        command = f"{shlex.join(COMMAND)} get md flights -n {space}; echo left $?"
        screen.type(command, "Enter")
        screen.wait("it is written", lambda s: "left 0" in s)
        seen[name] = screen.screen(colours=True)
    assert "\x1b[33m" in seen["colour"]
    for name in ("plain", "dumb"):
        assert "\x1b" not in seen[name].partition("deployment/flights")[2], seen[name]
        assert "! AnalysisFailed" in seen[name] and "✖ flights-2" in seen[name]


def test_a_signal_to_end_leaves_the_terminal_as_it_was(
    server: ApiServer, kubectl: Kubectl, terminal: Open
) -> None:
    space = "ended"
    make(kubectl, space, [scenes.at_rest()])
    screen = terminal()
    screen.type(f"{shlex.join(COMMAND)} watch -n {space} & wait $!; echo left $?", "Enter")
    screen.wait("it is drawn", lambda s: "✔ Serving" in s and screen.modes() == "0 1")
    pid = screen._run("display-message", "-p", "#{pane_pid}").strip()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    subprocess.run(["kill", *children], check=True)
    screen.wait("it ends", lambda s: "left 130" in s)
    assert screen.modes() == "1 0"
