"""What the chart makes of its values, and which values it refuses."""

import json
from typing import Any

import pytest
import yaml

from chart import CHART, containers, environment, helm, parse, pods, render, select, template
from perennial.api import KINDS
from perennial.api.crd import definition
from perennial.plan.core import Settings
from perennial.plan.core.outside import is_allowed
from perennial.settings import read

SHA = "sha256:" + "a" * 64
PARTS = ("operator", "serving", "trainer", "store.embedded")


def images(objects: list[dict[str, Any]]) -> dict[str, str]:
    """Return every image that is run: by the chart's pods, and by the operator for models."""
    found = {
        f"{name}/{c['name']}": c["image"]
        for name, pod in pods(objects).items()
        for c in containers(pod)
    }
    env = environment(objects)
    return found | {key: env[key] for key in ("PERENNIAL_SERVING_IMAGE", "PERENNIAL_TRAINER_IMAGE")}


def test_helm_finds_nothing_wrong() -> None:
    done = helm("lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_defaults_are_those_of_the_release_and_every_pod_is_there() -> None:
    objects = render()
    assert set(pods(objects)) == {
        "Deployment/perennial",
        "Deployment/perennial-store",
        "Pod/perennial-test",
    }
    assert {image.rpartition(":")[2] for image in images(objects).values()} == {"0.1.0"}


BAD = [
    ("operator.nonsense=1", "at '/operator': additional properties 'nonsense' not allowed"),
    ("nonsense=1", "additional properties 'nonsense' not allowed"),
    ("operator.replicas=0", "at '/operator/replicas': minimum: got 0, want 1"),
    ("operator.replicas=two", "at '/operator/replicas': got string, want integer"),
    ("operator.image.pullPolicy=Sometimes", "at '/operator/image/pullPolicy': value must be one"),
    ("serving.image.digest=sha256:abc", "at '/serving/image/digest': 'sha256:abc' does not match"),
    ("serving.requestLog.shipSeconds=0", "at '/serving/requestLog/shipSeconds': minimum"),
    ("trainer.image.repository=", "at '/trainer/image/repository': minLength"),
    ("allowedSchemes:=[]", "at '/allowedSchemes': minItems: got 0, want 1"),
    ('allowedUrls:=["http://p"]', "at '/allowedUrls/0': got string, want object"),
    ('allowedUrls:=[{"url": "ftp://p"}]', "at '/allowedUrls/0/url': 'ftp://p' does not match"),
    ('allowedUrls:=[{"url": "http://a@p"}]', "at '/allowedUrls/0/url': 'http://a@p' does not"),
    ('allowedUrls:=[{"url": "http://{name}.x"}]', "at '/allowedUrls/0/url'"),
    ('allowedSchemes:=["ftp"]', "at '/allowedSchemes/0': value must be one of 's3'"),
    ('watchNamespaces:=["A"]', "at '/watchNamespaces/0': 'A' does not match pattern"),
    ('watchNamespaces:=["a", "a"]', "at '/watchNamespaces': items at 0 and 1 are equal"),
    ("store.uri=models", "at '/store/uri': 'models' does not match pattern"),
    ("store.embedded.enabled=perhaps", "at '/store/embedded/enabled': got string, want boolean"),
    ('store.embedded.buckets:=["A b"]', "at '/store/embedded/buckets/0': 'A b' does not match"),
    ("store.embedded.persistence.size=10", "at '/store/embedded/persistence/size'"),
    ("global.imagePullSecrets:=[{}]", "missing property 'name'"),
    ('store.namespaces:=["A"]', "at '/store/namespaces/0': 'A' does not match pattern"),
    ("networkPolicy.enabled=yes please", "at '/networkPolicy/enabled': got string, want boolean"),
    ("networkPolicy.apiServerPorts:=[0]", "at '/networkPolicy/apiServerPorts/0': minimum"),
    ("networkPolicy.prometheus:=[{}]", "at '/networkPolicy/prometheus/0': minProperties"),
    ("crds.keep=1", "at '/crds/keep': got number, want boolean"),
]


@pytest.mark.parametrize(("setting", "told"), BAD)
def test_a_bad_value_is_refused_and_the_message_names_the_field(setting: str, told: str) -> None:
    done = template(setting)
    assert done.returncode != 0 and told in done.stderr, done.stderr


def test_every_value_has_a_place_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def compare(value: Any, node: dict[str, Any], path: str) -> None:
        if isinstance(value, dict) and "properties" in node:
            assert set(value) == set(node["properties"]), path
            assert node["additionalProperties"] is False, path
            for key, inner in value.items():
                compare(inner, node["properties"][key], f"{path}.{key}")

    compare(values, schema, "")


@pytest.mark.parametrize("url", ["http://p.monitoring.svc:9090", "http://*.{namespace}.svc:*/a/"])
def test_urls_that_may_be_asked_reach_the_operator(url: str) -> None:
    allowed = json.dumps([{"url": url, "namespaces": ["team"]}, {"url": "https://[fd00::1]:1"}])
    settings, _ = read(environment(render(f"allowedUrls:={allowed}")))
    assert [(a.url, a.namespaces) for a in settings.allowed_urls] == [
        (url, ("team",)),
        ("https://[fd00::1]:1", ()),
    ]
    asked = url.replace("*", "checks", 1).replace("*", "80").replace("{namespace}", "team") + "/a/x"
    assert is_allowed(asked.replace("/a//a", "/a"), settings.allowed_urls, "team")


def test_a_digest_beats_a_tag() -> None:
    settings = [f"{part}.image.{k}" for part in PARTS for k in (f"digest={SHA}", "tag=v9")]
    assert all(image.endswith(f"@{SHA}") for image in images(render(*settings)).values())
    tagged = images(render(*(f"{part}.image.tag=v9" for part in PARTS)))
    assert all(image.endswith(":v9") for image in tagged.values())


def test_a_mirror_is_one_setting() -> None:
    found = images(render("global.imageRegistry=mirror.example:5000/team"))
    assert set(found) == set(images(render()))
    assert all(image.startswith("mirror.example:5000/team/perennial/") for image in found.values())


def test_pull_secrets_reach_every_pod_and_the_operator() -> None:
    objects = render('global.imagePullSecrets:=[{"name": "one"}, {"name": "two"}]')
    for name, pod in pods(objects).items():
        assert pod["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}], name
    settings, _ = read(environment(objects))
    assert settings.image_pull_secrets == ("one", "two")
    assert "PERENNIAL_IMAGE_PULL_SECRETS" not in environment(render())


def test_how_often_logs_are_shipped_is_left_to_the_pods_unless_it_is_said() -> None:
    assert "PERENNIAL_LOG_SHIP_SECONDS" not in environment(render())
    settings, _ = read(environment(render("serving.requestLog.shipSeconds=3")))
    assert settings.log_ship_seconds == 3


def test_the_operator_reads_what_the_chart_sets() -> None:
    settings, options = read(environment(render('allowedSchemes:=["s3", "file"]')))
    assert settings == Settings(
        serving_image="perennial/serving:0.1.0",
        trainer_image="perennial/trainer:0.1.0",
        store_uri="s3://models",
        store_secret="perennial-store",
        schemes=frozenset({"s3", "file"}),
    )
    assert (options.namespace, options.lease) == ("perennial-system", "perennial")


@pytest.mark.parametrize("keep", ["true", "false"])
def test_the_kinds_are_those_of_the_models_and_are_kept_where_it_is_asked(keep: str) -> None:
    found = {o["metadata"]["name"]: o for o in render(f"crds.keep={keep}") if "Custom" in o["kind"]}
    assert len(found) == len(KINDS)
    for kind in KINDS:
        wanted = definition(kind)
        if keep == "true":
            wanted["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}
        assert found[wanted["metadata"]["name"]] == wanted
    assert not [o for o in render("crds.enabled=false") if "Custom" in o["kind"]]


def test_a_store_of_ones_own() -> None:
    own = ("store.embedded.enabled=false", "store.uri=gs://ours", "store.existingSecret=gcs")
    objects = render(*own)
    assert set(pods(objects)) == {"Deployment/perennial", "Pod/perennial-test"}
    assert not [o for o in objects if o["kind"] in ("Secret", "PersistentVolumeClaim")]
    assert environment(objects)["PERENNIAL_STORE_SECRET"] == "gcs"


def test_without_a_default_store_there_is_no_secret_of_it() -> None:
    objects = render("store.embedded.enabled=false", "store.uri=")
    assert environment(objects)["PERENNIAL_STORE_SECRET"] == ""


def test_no_credential_stands_in_a_pod() -> None:
    objects = render()
    secret = select(objects, "Secret", "perennial-store")
    assert secret is not None
    keys = [secret["data"][f"AWS_{k}"] for k in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")]
    others = str([o for o in objects if o is not secret])
    assert all(len(key) > 20 and key not in others for key in keys)


def test_what_a_person_sets_on_the_operators_pod_is_there() -> None:
    objects = render(
        "operator.replicas=2",
        "operator.podLabels.team=a",
        "operator.podAnnotations.note=b",
        "operator.nodeSelector.disk=ssd",
        'operator.tolerations:=[{"key": "gpu"}]',
        'operator.affinity:={"nodeAffinity": {}}',
        'operator.extraEnv:=[{"name": "HTTPS_PROXY", "value": "p"}]',
    )
    deployment = select(objects, "Deployment")
    assert deployment is not None and deployment["spec"]["replicas"] == 2
    pod = deployment["spec"]["template"]
    assert (
        pod["metadata"]["labels"]["team"] == "a" and pod["metadata"]["annotations"]["note"] == "b"
    )
    assert pod["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert (
        pod["spec"]["tolerations"] == [{"key": "gpu"}] and "nodeAffinity" in pod["spec"]["affinity"]
    )
    assert environment(objects)["HTTPS_PROXY"] == "p"


def test_two_releases_share_no_cluster_wide_name() -> None:
    def names(release: str) -> set[str]:
        done = helm("template", release, str(CHART), "--set", "crds.enabled=false")
        return {f"{o['kind']}/{o['metadata']['name']}" for o in parse(done.stdout)}

    assert not names("one") & names("other")
