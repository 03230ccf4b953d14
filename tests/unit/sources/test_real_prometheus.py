"""A real Prometheus that scrapes a real target: one number, or a sentence why there is none."""

import re
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from localcluster import binaries
from perennial.api.deployment import AnalysisMetric
from perennial.plan.core.outside import Measurement
from perennial.plan.rollout.analysis.sources import source_of
from perennial.plan.rollout.analysis.sources.source import Names
from perennial.sources.web import Web

NAMES = Names("team", "flights", "c-1", "s-1")
TOLD = b"""sales{pod="flights-c-1-x"} 0.25
sales{pod="flights-s-1-x"} 0.75
nothing_yet NaN
"""
LONGEST = 60
"""Seconds that it may take to start, or to have scraped; it is gone on as soon as it has."""


class Target(BaseHTTPRequestHandler):
    """What is scraped."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(TOLD)))
        self.end_headers()
        self.wfile.write(TOLD)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Target) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def prometheus(target: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("prometheus")
    (directory / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: target, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    log = directory / "log"
    command = [
        str(binaries.path("prometheus")), f"--config.file={directory}/prometheus.yml",
        f"--storage.tsdb.path={directory}/data", "--web.listen-address=127.0.0.1:0",
    ]  # fmt: skip
    with log.open("w") as stream, subprocess.Popen(command, stderr=stream) as process:
        try:
            waited_for(lambda: "ready to receive" in log.read_text(), log)
            (address,) = re.findall(r'msg="Listening on" address=([\d.:]+)', log.read_text())
            yield f"http://{address}"
        finally:
            process.terminate()


def waited_for(is_so: Callable[[], bool], log: Path) -> None:
    until = time.monotonic() + LONGEST
    while not is_so():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    found = Web({})
    yield found
    await found.close()


async def ask(web: Web, address: str, query: str) -> Measurement:
    limit = {"address": address, "query": query, "maximum": 1}
    asked = AnalysisMetric.model_validate({"name": "x", "prometheus": limit})
    assert asked.outside is not None
    return await web.ask(source_of(asked).question("id", asked.outside, NAMES))


async def scraped(web: Web, address: str) -> None:
    """Wait until the target was scraped: by what is asked, not by the clock."""
    until = time.monotonic() + LONGEST
    while (await ask(web, address, "count(sales)")).value != 2:
        assert time.monotonic() < until


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ('sum(sales{pod=~"{{name}}-{{canary}}-.*"})', 0.25),
        ('sales{pod=~"{{name}}-{{stable}}-.*"}', 0.75),
        ("sum(sales)", 1.0),
        ('scalar(max(up{job="target"})) + 1', 2.0),
        ('sum(sales{pod="a+b & c"}) or vector(0)', 0.0),
    ],
)
async def test_a_query_that_gives_one_number(
    web: Web, prometheus: str, query: str, value: float
) -> None:
    await scraped(web, prometheus)
    assert await ask(web, prometheus, query) == Measurement(value)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("no_such_metric", "the query gives no series"),
        ("sales", "the query gives 2 series, and one is wanted"),
        ("sum(nothing_yet)", "the query gives NaN"),
        ("vector(0) / vector(0)", "the query gives NaN"),
        ("1 / 0", "the query gives +Inf"),
        ("sales[5m]", "the query gives a range"),
        ('"text"', "the query gives a text"),
        ("sum(sales", "the query is no valid PromQL: "),
        ("sales{pod=~'('}", "the query is no valid PromQL: "),
        ("label_replace(sales, 'pod', 'x', '', '')", "the query failed: "),
    ],
)
async def test_one_that_gives_none_says_why(
    web: Web, prometheus: str, query: str, words: str
) -> None:
    await scraped(web, prometheus)
    found = await ask(web, prometheus, query)
    assert found.value is None and words in found.problem


async def test_what_is_no_prometheus_says_so(web: Web, target: str) -> None:
    found = await ask(web, f"http://{target}", "sum(sales)")
    assert found.problem == "it answered what is no answer of Prometheus"
