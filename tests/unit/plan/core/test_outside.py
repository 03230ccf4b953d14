"""Which URLs an administrator lets models ask; what is not plain is refused."""

import pytest

from perennial.plan.core.outside import AllowedUrl, is_allowed

PROMETHEUS = "http://prometheus.monitoring.svc:9090"
OWN = "http://*.{namespace}.svc:*"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        (f"{PROMETHEUS}/api/v1/query?query=up", PROMETHEUS),
        ("HTTP://Prometheus.monitoring.svc.:9090/", PROMETHEUS),
        ("http://checks.team.svc/x", OWN),
        ("http://checks.team.svc:8080/x", OWN),
        ("http://a.example:80/x", "http://a.example"),
        ("https://a.example/team/x", "https://a.example:443/team"),
        ("https://a.example/team", "https://a.example/team"),
        ("https://a.example/team/x", "https://a.example/team/"),
        ("http://[fd00::1]:9090/x", "http://[fd00::1]:9090"),
    ],
)
def test_what_begins_so_may_be_asked(url: str, allowed: str) -> None:
    assert is_allowed(url, [AllowedUrl(allowed)], "team")
    assert not is_allowed(url, [], "team")


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://prometheus.monitoring.svc/", PROMETHEUS),  # another port
        ("https://prometheus.monitoring.svc:9090/", PROMETHEUS),
        ("http://prometheus.monitoring.svc.evil.example:9090/", PROMETHEUS),
        ("http://evil-prometheus.monitoring.svc:9090/", PROMETHEUS),
        ("http://prometheusXmonitoring.svc:9090/", PROMETHEUS),  # a dot is a dot
        (f"http://user@{PROMETHEUS[7:]}/", PROMETHEUS),
        (f"{PROMETHEUS}@evil.example/", PROMETHEUS),
        (f"{PROMETHEUS}\\@evil.example/", PROMETHEUS),
        (f"{PROMETHEUS}/#x", PROMETHEUS),
        (f"{PROMETHEUS}/ x", PROMETHEUS),
        (f"{PROMETHEUS}/\r\nHost: x", PROMETHEUS),
        (f"{PROMETHEUS}/é", PROMETHEUS),
        ("http://checks.other.svc/x", OWN),
        ("http://a.b.team.svc/x", OWN),  # one label
        ("http://.team.svc/x", OWN),
        ("http://*.team.svc/x", OWN),
        ("http://checks.{namespace}.svc/x", OWN),
        ("http://\u212aube.team.svc/x", OWN),  # a letter that is a k in disguise
        ("https://a.example/teams", "https://a.example/team"),
        ("https://a.example/team/../other", "https://a.example/team"),
        ("https://a.example/team/%2e%2E/other", "https://a.example/team"),
        ("https://a.example/team/..%2Fother", "https://a.example/team"),
        ("https://a.example/team/..%5cother", "https://a.example/team"),
        ("https://a.example/team/.%2e/other", "https://a.example/team"),
        ("https://a.example/team/..;/other", "https://a.example/team"),  # as Tomcat reads it
        ("https://a.example/team/..%3Bx/other", "https://a.example/team"),
        ("https://a.example/team/%252e%252e/other", "https://a.example/team"),  # decoded twice
        ("file:///etc/passwd", "http://a.example"),
        ("", PROMETHEUS),
        (f"{PROMETHEUS}/", "nonsense"),
    ],
)
def test_what_only_looks_like_it_may_not(url: str, allowed: str) -> None:
    assert not is_allowed(url, [AllowedUrl(allowed)], "team")


def test_it_may_be_allowed_to_some_namespaces_only() -> None:
    allowed = [AllowedUrl(PROMETHEUS, ("team", "shop"))]
    assert is_allowed(PROMETHEUS, allowed, "shop")
    assert not is_allowed(PROMETHEUS, allowed, "other")
