"""The operator's configuration from its environment."""

from perennial.plan.core import Settings
from perennial.plan.core.outside import AllowedUrl
from perennial.settings import Options, read


def test_without_an_environment_everything_has_a_default() -> None:
    settings, options = read({})
    assert settings == Settings()
    assert options == Options(
        namespace="perennial-system",
        watch_namespaces=(),
        lease="perennial",
        health_port=8080,
        metrics_port=9090,
        store_secret="",
        store_namespaces=(),
    )


def test_lists_are_split_at_commas_and_the_secret_serves_both() -> None:
    settings, options = read(
        {
            "PERENNIAL_IMAGE_PULL_SECRETS": "one, two,",
            "PERENNIAL_WATCH_NAMESPACES": "a,b",
            "PERENNIAL_ALLOWED_SCHEMES": "s3, file",
            "PERENNIAL_STORE_SECRET": "store",
            "PERENNIAL_METRICS_PORT": "1234",
        }
    )
    assert settings.image_pull_secrets == ("one", "two")
    assert settings.schemes == {"s3", "file"}
    assert options.watch_namespaces == ("a", "b") and options.metrics_port == 1234
    assert settings.store_secret == options.store_secret == "store"


def test_urls_that_may_be_asked_are_read_as_the_chart_writes_them() -> None:
    written = '[{"url":"http://p:9090"},{"namespaces":["team"],"url":"http://*.{namespace}.svc"}]'
    settings, _ = read({"PERENNIAL_ALLOWED_URLS": written})
    assert settings.allowed_urls == (
        AllowedUrl("http://p:9090"),
        AllowedUrl("http://*.{namespace}.svc", ("team",)),
    )
