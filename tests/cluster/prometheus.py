"""A real Prometheus and Alertmanager beside the cluster, as docs/monitoring.md says."""

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from chart import CHART
from flights import demo
from localcluster import binaries

PAGE = CHART.parents[1] / "docs" / "monitoring.md"
RECEIVERS = ("page", "ticket", "channel")
Notified = list[tuple[str, dict[str, Any]]]
"""Alerts that a person is told of, each with by which receiver, the newest last."""


class Prometheus:
    """One that runs: what it scrapes, and what it says."""

    def __init__(self, directory: Path, url: str, proxy: str, told: Notified) -> None:
        self._directory, self._url, self._proxy = directory, url, proxy
        self.told = told

    def discover(self) -> None:
        """Tell it which pods there are, labelled as by its own discovery in a cluster."""
        pods = json.loads(demo.kubectl("get", "pods", "-A", "-o", "json"))["items"]
        found = [target(self._proxy, pod, port) for pod in pods for port in ports(pod)]
        partial = self._directory / "targets.part"
        partial.write_text(json.dumps(found))
        partial.rename(self._directory / "targets.json")

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are pending or firing, of the pods that there are now."""
        self.discover()
        with urllib.request.urlopen(f"{self._url}/api/v1/alerts", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["alerts"]
        return found


def ports(pod: dict[str, Any]) -> list[str]:
    containers = pod["spec"]["containers"]
    return [port.get("name", "") for c in containers for port in c.get("ports", [])]


def target(proxy: str, pod: dict[str, Any], port: str) -> dict[str, Any]:
    """Return what is scraped of a pod: by way of the API server, for pods are in the cluster."""
    meta = pod["metadata"]
    path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}:9090/proxy/metrics"
    labels = {
        f"__meta_kubernetes_pod_label_{re.sub('[^a-zA-Z0-9_]', '_', key)}": value
        for key, value in meta.get("labels", {}).items()
    }
    labels["__meta_kubernetes_namespace"] = meta["namespace"]
    labels["__meta_kubernetes_pod_name"] = labels["instance"] = meta["name"]
    labels["__meta_kubernetes_pod_container_port_name"] = port
    return {"targets": [proxy], "labels": {"__metrics_path__": path, **labels}}


def written(first_key: str) -> str:
    """Return the YAML block of the page that begins with a key."""
    (found,) = re.findall(rf"```yaml\n({first_key}:.*?)```", PAGE.read_text(), re.DOTALL)
    return str(found)


def configuration(alertmanager: str) -> str:
    """Return the page's jobs, with a file for the discovery that Debian's build has not."""
    jobs = written("scrape_configs").replace(
        "kubernetes_sd_configs: [{role: pod}]",
        "file_sd_configs: [{files: [targets.json], refresh_interval: 2s}]",
    )
    often = "global: {scrape_interval: 2s, evaluation_interval: 2s}\n"
    alerting = (
        f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}\n"
    )
    return f"{often}{alerting}rule_files: [{json.dumps(str(CHART / 'rules' / '*.yaml'))}]\n{jobs}"


def routes(receiver: str) -> str:
    """Return the page's routes, with where each of its receivers is."""
    found = written("route").replace("route:\n", "route:\n  group_wait: 1s\n", 1)
    for name in RECEIVERS:
        hook = f"webhook_configs: [{{url: 'http://{receiver}/{name}'}}]"
        found = found.replace(f"- name: {name}\n", f"- name: {name}\n  {hook}\n")
    return found


@contextmanager
def receiving() -> Iterator[tuple[str, Notified]]:
    """Be what Alertmanager tells: give the address, and what comes."""
    told: Notified = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.extend((self.path.strip("/"), alert) for alert in body["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_port}", told
        finally:
            server.shutdown()


@contextmanager
def started(name: str, log: Path, ready: str, *options: str) -> Iterator[str]:
    """Run one of the two until the end of the block, and give its address."""
    command = [str(binaries.path(name)), *options, "--web.listen-address=127.0.0.1:0"]
    with log.open("w") as stream, subprocess.Popen(command, stderr=stream) as process:
        try:
            demo.wait(f"{name} runs", lambda: ready in log.read_text(), 60)
            (address,) = re.findall(r'msg="?Listening on"? address=([\d.:]+)', log.read_text())
            yield address
        finally:
            process.terminate()


@contextmanager
def running(directory: Path) -> Iterator[Prometheus]:
    """Run Prometheus and Alertmanager until the end of the block."""
    proxying = [os.environ["KUBECTL"], "proxy", "--port=0"]
    with ExitStack() as stack:
        receiver, told = stack.enter_context(receiving())
        (directory / "alertmanager.yml").write_text(routes(receiver))
        alertmanager = stack.enter_context(
            started(
                "alertmanager",
                directory / "alertmanager.log",
                "Listening on",
                f"--config.file={directory}/alertmanager.yml",
                f"--storage.path={directory}/alerts",
                "--cluster.listen-address=",
            )
        )
        proxy = stack.enter_context(subprocess.Popen(proxying, stdout=subprocess.PIPE, text=True))
        stack.callback(proxy.terminate)
        assert proxy.stdout is not None
        through = proxy.stdout.readline().rpartition(" ")[2].strip()  # Starting to serve on …
        (directory / "prometheus.yml").write_text(configuration(alertmanager))
        address = stack.enter_context(
            started(
                "prometheus",
                directory / "prometheus.log",
                "ready to receive",
                f"--config.file={directory}/prometheus.yml",
                f"--storage.tsdb.path={directory}/data",
            )
        )
        yield Prometheus(directory, f"http://{address}", through, told)
