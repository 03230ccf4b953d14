"""The alerts: promtool sees them fire, end and be quiet; each has a page, and no other."""

import functools
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart import CHART, render, select
from localcluster import binaries
from perennial.cluster import metrics
from perennial_serving.evidence.metrics import Metrics

ROOT = CHART.parents[1]
RULES = sorted((CHART / "rules").glob("*.yaml"))
PLAYED = sorted((Path(__file__).parent / "alerts").glob("*.yaml"))
PAGES = ROOT / "docs" / "runbooks"
MONITORING = ROOT / "docs" / "monitoring.md"
ENABLED = "metrics.prometheusRule.enabled=true"


def ids(path: Path) -> str:
    return path.stem


def rules() -> list[dict[str, Any]]:
    groups = [g for path in RULES for g in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = [rule for rule in rules() if "alert" in rule]
NAMES = sorted({a["alert"] for a in ALERTS})


@pytest.fixture(scope="module")
def promtool() -> str:
    if not shutil.which("promtool") and not shutil.which("apt-get"):
        pytest.skip("needs promtool, of Prometheus, and there is no apt-get to fetch it with")
    return str(binaries.path("promtool"))


@pytest.mark.parametrize("played", PLAYED, ids=ids)
def test_alerts_fire_end_and_are_quiet_as_they_are_played(promtool: str, played: Path) -> None:
    command = [promtool, "test", "rules", str(played)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@functools.cache
def played_groups() -> list[dict[str, Any]]:
    read = [yaml.load(path.read_text(), yaml.CSafeLoader) for path in PLAYED]
    return [group for file in read for group in file["tests"]]


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_is_seen_to_fire_to_end_and_to_be_quiet(name: str) -> None:
    """Quiet: with little traffic, or where it is not meant, and so not at any time."""
    about = [g for g in played_groups() if g["name"].startswith(f"{name} ")]
    seen: dict[bool, list[str]] = {True: [], False: []}
    for group in about:
        fired = [bool(t["exp_alerts"]) for t in group["alert_rule_test"]]
        assert {t["alertname"] for t in group["alert_rule_test"]} == {name}
        quiet = f"{name} is quiet" in group["name"]
        assert not any(fired) if quiet else any(fired) and not fired[-1], group["name"]
        seen[quiet].append(group["name"])
    assert seen[True] and seen[False]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda a: f"{a['alert']}-{a['labels']['severity']}")
def test_each_alert_says_what_is_the_matter_and_where_to_read_on(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    told = alert["annotations"]
    assert set(told) == {"summary", "description", "runbook_url"}
    assert told["runbook_url"] == f"https://perennial.dev/docs/runbooks/{alert['alert']}.md"
    page = (PAGES / f"{alert['alert']}.md").read_text()
    assert page.startswith(f"# {alert['alert']}\n")
    parts = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert parts == ["What it means", "What to look at", "What to do"]
    assert "```\n" in page, "commands to begin with"


def test_each_page_has_its_alert_and_the_list_has_them_all() -> None:
    assert sorted(page.stem for page in PAGES.glob("*.md")) == NAMES
    row = r"^\| \[(\w+)\]\(runbooks/(\w+)\.md\) \| ([a-z, ]+) \|"
    rows = re.findall(row, MONITORING.read_text(), re.MULTILINE)
    severities = {
        name: ", ".join(a["labels"]["severity"] for a in ALERTS if a["alert"] == name)
        for name in NAMES
    }
    assert {name: severity for name, page, severity in rows if name == page} == severities


def exported() -> set[str]:
    """Return the names of all series that the operator and the server can show."""
    server = Metrics("m", "1")
    server.with_log()
    families = [*metrics.REGISTRY.collect(), *server.collect()]
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
    return {f.name + end for f in families for end in suffixes.get(f.type, ())}


def test_alerts_read_only_what_is_exported_or_recorded() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    known = exported() | recorded
    for rule in rules():
        expression = re.sub(r'"[^"]*"', "", rule["expr"])
        names = re.findall(r"\b(?:\w+:)?(?:perennial|workqueue|leader)_\w+(?::\w+)?", expression)
        assert names and set(names) <= known, set(names) - known


def test_alerts_name_only_conditions_and_reasons_that_there_are() -> None:
    rooms = (ROOT / "operator" / "perennial", ROOT / "serving" / "perennial_serving")
    code = "".join(path.read_text() for room in rooms for path in room.rglob("*.py"))
    for rule in rules():
        for found in re.findall(r'\b(?:type|reason|result|kind)!?=~?"([^"]+)"', rule["expr"]):
            for word in found.split("|"):
                assert f'"{word}"' in code or f"class {word}(" in code, word


def test_the_prometheus_operators_rules_are_the_plain_files() -> None:
    objects = render(ENABLED)
    for path in RULES:
        rule = select(objects, "PrometheusRule", f"perennial-{path.stem}")
        assert rule is not None and rule["spec"] == yaml.safe_load(path.read_text())
    assert not [o for o in render() if o["apiVersion"].startswith("monitoring.coreos.com")]


def test_runbooks_may_be_read_elsewhere() -> None:
    objects = render(ENABLED, "metrics.prometheusRule.runbooks=https://wiki.example/perennial")
    text = str([o for o in objects if o["kind"] == "PrometheusRule"])
    assert text.count("https://wiki.example/perennial/Perennial") == len(ALERTS)
    assert "perennial.dev/docs" not in text


def test_what_is_to_be_scraped_is_what_the_pods_are_called() -> None:
    objects = render("metrics.podMonitor.enabled=true", "metrics.podMonitor.labels.release=ours")
    monitors = [o for o in objects if o["kind"] == "PodMonitor"]
    assert [o["metadata"]["labels"]["release"] for o in monitors] == ["ours", "ours"]
    of_operator, of_models = (o["spec"] for o in monitors)
    deployment = select(objects, "Deployment")
    assert deployment is not None
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert of_operator["selector"]["matchLabels"].items() <= labels.items()
    assert of_operator["podMetricsEndpoints"] == [{"port": "metrics", "honorLabels": True}]
    assert of_models["namespaceSelector"] == {"any": True}
    some = render("metrics.podMonitor.enabled=true", 'watchNamespaces:=["a", "b"]')
    of_models = [o for o in some if o["kind"] == "PodMonitor"][1]["spec"]
    assert of_models["namespaceSelector"] == {"matchNames": ["a", "b"]}


def test_the_pages_way_to_scrape_is_sound(promtool: str, tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(scrape_configs:\n.*?)```", MONITORING.read_text(), re.DOTALL)
    # Debian's Prometheus is built without the Kubernetes API; tests/cluster scrapes by the rest.
    block = block.replace(
        "kubernetes_sd_configs: [{role: pod}]", "file_sd_configs: [{files: [x.json]}]"
    )
    (tmp_path / "prometheus.yml").write_text(block)
    command = [promtool, "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
