"""A URL has its say before a version has traffic, once the chart allows that it is asked."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest
from bad_models import fails_every_fifth, publish_changed
from test_shown_first import NAME, apply, condition, serves
from trial import artifact_of

from flights import demo
from localcluster.state import locate

# What flights serves is JSON with a number in it: how many rows its first input takes, -1 for any.
URL = "http://flights.{{namespace}}.svc/v2/models/flights"
CHECK = {"name": "flights", "url": URL, "path": "/inputs/0/shape/0", "interval": "5s"}


def allow(urls: list[dict[str, str]]) -> None:
    """Let models ask URLs, and wait for the operator that knows."""
    allowed = f"allowedUrls={json.dumps(urls)}"
    demo.install("-f", str(locate().values), "--set-json", allowed)


@pytest.fixture
def stable(alone: None, answers: Counter[str]) -> Iterator[dict[str, str]]:
    """Serve a good version; return its artifact."""
    good = artifact_of("flights-1")
    apply(good)
    demo.wait("it serves", lambda: serves(good), 60)
    yield good
    demo.kubectl("delete", "md", NAME, "-n", demo.NAMESPACE)


def test_a_url_is_asked_once_the_chart_allows_it(stable: dict[str, str]) -> None:
    good = publish_changed(stable, lambda content: fails_every_fifth(content, "of a url"))
    apply(good, {"web": [{**CHECK, "minimum": -1}]})
    refused = "it says that it may not ask"
    demo.wait(refused, lambda: condition("Stalled").get("reason") == "UrlNotAllowed", 60)
    assert condition("Ready")["status"] == "True" and not serves(good)
    try:
        allow([{"url": "http://flights.{namespace}.svc"}])
        demo.wait("it took over", lambda: serves(good), 120)
        bad = publish_changed(stable, lambda content: fails_every_fifth(content, "refused"))
        apply(bad, {"web": [{**CHECK, "minimum": 1}]})
        no = "what the URL says rejects it"
        demo.wait(no, lambda: condition("RolledOut").get("reason") == "BeforeTrafficFailed", 90)
        assert "-1 misses the minimum of 1" in condition("RolledOut")["message"]
    finally:
        allow([])
