"""``kubectl perennial`` and a real API server: what it shows, writes, waits for, and refuses."""

import copy
import json
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import scenes
import yaml
from asking import Answer, Kubectl
from operators import install, only, running
from terminal import COMMAND, environment, make, perennial, pods, write_status

from localcluster import binaries, credentials
from localcluster.apiserver import ApiServer
from perennial.cli.connection import Connection
from perennial.cli.kinds import Kind
from perennial.cli.problem import Problem

NAMESPACE = "shown"
Cli = Callable[..., Answer]


@pytest.fixture(scope="module")
def cli(server: ApiServer, kubectl: Kubectl) -> Cli:
    """The command, in a namespace that has an object of each kind."""
    make(kubectl, NAMESPACE, scenes.everything())
    kubectl("create", "serviceaccount", "default", "-n", NAMESPACE)
    for pod in pods(NAMESPACE):
        assert kubectl("apply", "-f", "-", body=pod).code == 0
    only_here = copy.deepcopy(scenes.at_rest())
    only_here["metadata"]["name"] = "prices"
    make(kubectl, NAMESPACE, [only_here])

    def run(*arguments: str, **more: str) -> Answer:
        return perennial(server.kubeconfig, *arguments, "-n", NAMESPACE, **more)

    return run


def test_all_kinds_are_a_tree(cli: Cli) -> None:
    found = cli("get")
    assert found.code == 0, found.error
    names = [line.strip("│ ").split("  ")[0].strip("├└─ ") for line in found.out.splitlines()]
    assert names == [
        "NAME",
        "training/flights",
        "version/flights-1",
        "version/flights-2",
        "deployment/flights",
        "monitor/flights",
        "deployment/prices",
    ]
    assert "\x1b" not in found.out


def test_one_object_is_shown_with_its_pods(cli: Cli) -> None:
    found = cli("get", "deployment", "flights")
    assert found.code == 0, found.error
    for words in ("◐ Canary", "pause 10s", "Undecided, suspected", "7d9f5b8c4-hx2lq"):
        assert words in found.out, found.out
    assert cli("get", "md/flights").out.splitlines()[1] == found.out.splitlines()[1]


@pytest.mark.parametrize("kind", ["training", "version", "monitor"])
def test_every_kind_has_a_page_and_a_history(cli: Cli, kind: str) -> None:
    name = "flights-2" if kind == "version" else "flights"
    for command in ("get", "history", "lineage"):
        found = cli(command, kind, name)
        assert found.code == 0 and found.out.strip(), found.error


def test_objects_can_be_had_whole(cli: Cli) -> None:
    found = json.loads(cli("get", "deployment", "flights", "-o", "json").out)
    assert found["kind"] == "ModelDeployment" and "managedFields" not in found["metadata"]
    listed = yaml.safe_load(cli("get", "-o", "yaml").out)
    assert listed["kind"] == "List" and len(listed["items"]) == 6
    assert {o["kind"] for o in listed["items"]} >= {"ModelVersion", "DriftMonitor"}


def test_an_object_that_is_had_whole_does_not_steer_the_terminal(
    cli: Cli, kubectl: Kubectl
) -> None:
    noted = "ü \x9b31m \x1b[31m"
    patch = {"metadata": {"annotations": {"note": noted}}}
    done = kubectl("patch", "md", "prices", "-n", NAMESPACE, "--type=merge",
                   "--patch-file=/dev/stdin", body=patch)  # fmt: skip
    assert done.code == 0, done.error
    for output, load in (("json", json.loads), ("yaml", yaml.safe_load)):
        out = cli("get", "prices", "-o", output).out
        assert not set(out) & set("\x1b\x9b")
        assert load(out)["metadata"]["annotations"]["note"] == noted


def test_the_kind_may_be_left_out_where_the_name_says_it(cli: Cli) -> None:
    assert cli("get", "prices").out.startswith("deployment/prices")
    found = cli("status", "flights")
    assert found.code == 2
    assert found.error == (
        "error: flights is a training, a deployment and a monitor: say which, by "
        "training/flights, deployment/flights or monitor/flights\n"
    )


@pytest.mark.parametrize(
    "arguments, code, told",
    [
        (("get", "pirces"), 1, "there is no object pirces in namespace shown: did you mean "
         "deployment/prices?"),
        (("history", "md", "zzz"), 1, "it has deployment/flights and deployment/prices"),
        (("get", "zzz", "-n", "void"), 1, "nor any other: name another with -n, or look in all"),
        (("retrain", "md/flights"), 2, "that can be asked of a training, not of a deployment"),
        (("abort", "monitor", "flights"), 2, "that can be asked of a deployment, not of a monitor"),
        (("pause", "md"), 2, "name a deployment, such as deployment/flights"),
        (("history", "mv"), 2, "name a version, such as version/flights"),
        (("get", "flights", "-A"), 2, "-A is for lists"),
        (("get", "-w", "-o", "json"), 2, "take one of them"),
        (("undo", "prices", "--timeout", "soon"), 2, "is not a duration"),
        (("get", "--context", "moon"), 1, "has no context moon"),
        (("get", "--kubeconfig", "/nowhere"), 1, "no cluster is configured in /nowhere"),
        (("dance",), 2, "No such command 'dance'"),
        (("promote",), 2, "Missing argument"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_in_a_sentence(
    server: ApiServer, cli: Cli, arguments: tuple[str, ...], code: int, told: str
) -> None:
    where = () if "-n" in arguments else ("-n", NAMESPACE)
    found = perennial(server.kubeconfig, *arguments, *where)
    assert (found.code, found.out) == (code, ""), found
    assert told in found.error
    assert len(found.error.splitlines()) == 1 or "Usage" in found.error


def test_a_cluster_that_does_not_answer_is_told_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    authority = Path(__file__)  # never read: nobody listens
    file.write_text(credentials.kubeconfig("http://127.0.0.1:9", authority, "x"))
    found = perennial(file, "get")
    assert found.code == 1 and found.out == ""
    assert "the API server at http://127.0.0.1:9 does not answer" in found.error
    assert "--context" in found.error and len(found.error.splitlines()) == 1


@pytest.mark.parametrize("text", ["{", "[]", "current-context: a", "clusters: 7\ncontexts: x"])
def test_a_kubeconfig_that_is_none_is_told_in_a_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    found = perennial(file, "get")
    assert found.code == 1 and found.out == ""
    assert f"no cluster is configured in {file}" in found.error
    assert "--kubeconfig" in found.error and len(found.error.splitlines()) == 1


def test_several_kubeconfigs_are_one(server: ApiServer, cli: Cli, tmp_path: Path) -> None:
    both = f"{tmp_path / 'nowhere'}:{server.kubeconfig}"
    assert perennial(both, "get", "-n", NAMESPACE).code == 0


def test_a_cluster_without_perennial_is_told_in_a_sentence(
    server: ApiServer, kubectl: Kubectl
) -> None:
    api = Connection(str(server.kubeconfig))
    told = "does not know perennial.dev/v1alpha1: install Perennial there"
    for name in ("", "flights"):
        with pytest.raises(Problem, match=told) as problem:
            api.get(Kind("ModelDream", "modeldreams", "mdr"), NAMESPACE, name)
        assert not problem.value.absent


def account(server: ApiServer, kubectl: Kubectl, place: Path, name: str, *roles: str) -> Path:
    """Return the kubeconfig of somebody with some of the chart's roles."""
    for role in ("view", "edit"):
        objects = [o for o in install(kubectl) if o["kind"] == "ClusterRole"]
        made = next(o for o in objects if o["metadata"]["name"].endswith(f"-{role}"))
        assert (
            kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", body=made).code == 0
        )
    kubectl("create", "serviceaccount", name, "-n", NAMESPACE)
    for role in roles:
        kubectl("create", "rolebinding", f"{name}-{role}", "-n", NAMESPACE,
                f"--clusterrole={role}", f"--serviceaccount={NAMESPACE}:{name}")  # fmt: skip
    token = kubectl("create", "token", name, "-n", NAMESPACE).out.strip()
    file = place / f"{name}.kubeconfig"
    file.write_text(credentials.kubeconfig(server.url, server.authority, token))
    return file


def test_who_may_only_look_sees_and_cannot_steer(
    server: ApiServer, kubectl: Kubectl, cli: Cli, tmp_path: Path
) -> None:
    file = account(server, kubectl, tmp_path, "viewer", "perennial-view")
    seen = perennial(file, "get", "deployment", "flights", "-n", NAMESPACE)
    assert seen.code == 0 and "◐ Canary" in seen.out
    assert "without its pods: you may not list pods" in seen.error
    refused = perennial(file, "promote", "flights", "-n", NAMESPACE)
    assert refused.code == 1 and len(refused.error.splitlines()) == 1
    assert "you may not patch modeldeployments" in refused.error
    assert "perennial-edit" in refused.error
    outside = perennial(file, "get", "-A")
    assert outside.code == 1 and "you may not list" in outside.error


def test_patch_of_our_kinds_is_all_that_a_verb_needs(
    server: ApiServer, kubectl: Kubectl, cli: Cli, tmp_path: Path
) -> None:
    file = account(server, kubectl, tmp_path, "editor", "perennial-view", "perennial-edit")
    done = perennial(file, "pause", "prices", "--no-wait", "-n", NAMESPACE)
    assert done.code == 0, done.error
    assert done.out.startswith("deployment/prices: asked for pause/")


def test_nobody_who_handles_it_is_told(cli: Cli, kubectl: Kubectl) -> None:
    found = cli("undo", "prices", "--timeout", "1s", "--reason", "it looks odd")
    assert found.code == 1 and found.out == ""
    assert "deployment/prices did not handle undo/" in found.error
    assert "is an operator running? It stays asked for" in found.error
    body = json.loads(cli("get", "prices", "-o", "json").out)
    assert body["metadata"]["annotations"]["perennial.dev/request"].endswith("Z: it looks odd")
    again = cli("abort", "prices", "--no-wait")
    assert "undo/" in again.error and "abort takes its place" in again.error


def test_what_the_operator_said_is_told(
    server: ApiServer, kubectl: Kubectl, cli: Cli, tmp_path: Path
) -> None:
    space = "steered"
    serves = copy.deepcopy(scenes.at_rest())
    serves["spec"]["model"] = {"artifact": {"uri": "s3://m/x/", "sha256": scenes.SHA}}
    learns = copy.deepcopy(scenes.training())
    for body in (serves, learns):
        body["status"] = {}
    make(kubectl, space, [serves, learns])
    objects = install(kubectl, *only(space))

    def ask(*words: str) -> Answer:
        return perennial(server.kubeconfig, *words, "-n", space)

    with running(server, kubectl, objects, tmp_path, "steering") as operator:
        try:
            retried = ask("retry", "flights", "--reason", "once more")
            assert retried.code == 0, retried.error
            assert "0 rejected revisions may be tried again, asked by retry/" in retried.out
            assert retried.out.rstrip().endswith(": once more")
            for _ in range(2):  # the second is an Event that is counted, not made
                idle = ask("promote", "md/flights", "--full")
                assert idle.code == 1, idle.error
                assert idle.out == "deployment/flights: promote-full: no rollout is under way\n"
            learned = ask("retrain", "flights")
            assert learned.code == 0, learned.error
            assert "retrain/" in learned.out or "it follows run" in learned.out
        except AssertionError:
            print(operator.log.read_text())
            raise


def test_status_tells_by_its_exit_code(cli: Cli, kubectl: Kubectl) -> None:
    assert cli("status", "prices").code == 0
    under_way = cli("status", "md/flights")
    assert under_way.code == 1 and under_way.out.startswith("◐ Canary: flights-2 on trial")
    assert cli("status", "md/flights", "--timeout", "1s").code == 2
    late = cli("status", "md/flights", "--watch", "--timeout", "1s")
    assert late.code == 1 and late.error == "error: deployment/flights was not done within 1s\n"


@pytest.mark.parametrize("end, code", [("at_rest", 0), ("rolled_back", 1)])
def test_status_waits_for_the_end(
    server: ApiServer, kubectl: Kubectl, cli: Cli, end: str, code: int
) -> None:
    space = f"ends-{code}"
    make(kubectl, space, [scenes.deployment()])
    command = [*COMMAND, "status", "flights", "-n", space, "--watch", "--timeout", "60s"]
    env = environment(server.kubeconfig)
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "Canary" in process.stdout.readline()
        ended = getattr(scenes, end)()["status"]
        write_status(kubectl, space, "modeldeployment", "flights", ended)
        words = process.stdout.read()
        assert process.wait(60) == code, words
    assert ("Serving" if code == 0 else "AnalysisFailed") in words


def test_what_is_watched_without_a_terminal_is_written_once_a_change(
    server: ApiServer, kubectl: Kubectl, cli: Cli
) -> None:
    space = "watched"
    make(kubectl, space, [scenes.deployment()])
    command = [*COMMAND, "watch", "-n", space]
    env = environment(server.kubeconfig)
    # What is begun in the background of a shell ignores Ctrl-C, and so does what it begins.
    heeded = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=env, stdout=pipe, text=True, preexec_fn=heeded) as process:
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(3)]
        assert first[0].startswith("--- 20") and "◐ Canary" in first[2]
        ended = scenes.at_rest()["status"]
        write_status(kubectl, space, "modeldeployment", "flights", ended)
        second = [process.stdout.readline() for _ in range(3)]
        assert second[0].startswith("--- 20") and "✔ Serving" in second[2]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stdout.read() == ""


def test_what_is_deleted_ends_a_watch(server: ApiServer, kubectl: Kubectl, cli: Cli) -> None:
    space = "deleted"
    make(kubectl, space, [scenes.monitor()])
    command = [*COMMAND, "watch", "dm/flights", "-n", space]
    env = environment(server.kubeconfig)
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=env, text=True, **both) as process:  # type: ignore[call-overload]
        assert process.stdout.readline().startswith("---")
        assert kubectl("delete", "dm", "flights", "-n", space).code == 0
        _, error = process.communicate(timeout=30)
        assert process.returncode == 1 and error == "error: monitor/flights was deleted\n"


def test_kubectl_finds_it_and_completes_it(server: ApiServer, cli: Cli, tmp_path: Path) -> None:
    for name in ("kubectl-perennial", "kubectl_complete-perennial"):
        script = tmp_path / name
        function = "main" if name == "kubectl-perennial" else "complete"
        code = f"from perennial.cli.__main__ import {function}; {function}()"
        script.write_text(f"#!{COMMAND[0]}\n{code}\n")
        script.chmod(0o755)
    env = environment(server.kubeconfig)
    env["PATH"] = f"{tmp_path}:{env['PATH']}"

    def kubectl_says(*arguments: str) -> str:
        command = [str(binaries.path("kubectl")), *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "monitor/flights" in kubectl_says("perennial", "get", "-n", NAMESPACE)
    completes = ("__complete", "perennial")
    assert "lineage\n" in kubectl_says(*completes, "li")
    names = kubectl_says(*completes, "promote", "-n", NAMESPACE, "")
    assert "flights\n" in names and "prices\n" in names and names.rstrip().endswith(":4")
    assert kubectl_says(*completes, "get", "-n", NAMESPACE, "version/").splitlines()[:2] == [
        "version/flights-1",
        "version/flights-2",
    ]
    assert "training/flights" in kubectl_says(*completes, "retrain", "-n", NAMESPACE, "training/")
