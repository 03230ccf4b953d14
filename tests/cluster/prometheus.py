"""A real Prometheus beside the cluster that scrapes as docs/monitoring.md says, with our rules."""

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chart import CHART
from flights import demo
from localcluster import binaries

PAGE = CHART.parents[1] / "docs" / "monitoring.md"


class Prometheus:
    """One that runs: what it scrapes, and what it says."""

    def __init__(self, directory: Path, url: str, proxy: str) -> None:
        self._directory, self._url, self._proxy = directory, url, proxy

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


def configuration() -> str:
    """Return the page's jobs, with a file for the discovery that Debian's build has not."""
    (jobs,) = re.findall(r"```yaml\n(scrape_configs:\n.*?)```", PAGE.read_text(), re.DOTALL)
    jobs = jobs.replace(
        "kubernetes_sd_configs: [{role: pod}]",
        "file_sd_configs: [{files: [targets.json], refresh_interval: 2s}]",
    )
    often = "global: {scrape_interval: 2s, evaluation_interval: 2s}\n"
    return f"{often}rule_files: [{json.dumps(str(CHART / 'rules' / '*.yaml'))}]\n{jobs}"


@contextmanager
def running(directory: Path) -> Iterator[Prometheus]:
    """Run Prometheus until the end of the block."""
    (directory / "prometheus.yml").write_text(configuration())
    log = directory / "log"
    proxying = [os.environ["KUBECTL"], "proxy", "--port=0"]
    command = [
        str(binaries.path("prometheus")), f"--config.file={directory}/prometheus.yml",
        f"--storage.tsdb.path={directory}/data", "--web.listen-address=127.0.0.1:0",
    ]  # fmt: skip
    with (
        log.open("w") as stream,
        subprocess.Popen(proxying, stdout=subprocess.PIPE, text=True) as proxy,
        subprocess.Popen(command, stderr=stream) as prometheus,
    ):
        try:
            assert proxy.stdout is not None
            through = proxy.stdout.readline().rpartition(" ")[2].strip()  # Starting to serve on …
            demo.wait("Prometheus runs", lambda: "ready to receive" in log.read_text(), 60)
            (address,) = re.findall(r'msg="Listening on" address=([\d.:]+)', log.read_text())
            yield Prometheus(directory, f"http://{address}", through)
        finally:
            proxy.terminate()
            prometheus.terminate()
