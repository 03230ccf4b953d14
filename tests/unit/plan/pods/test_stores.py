"""Which Secret a serving pod gets: only one that opens the store of its artifact."""

from dataclasses import replace
from typing import Any

import pytest
from builders import SETTINGS, SHA, artifact_of, deployment, training
from manifests import made, pod_of
from rollout_world import World

from perennial.api import ModelVersion
from perennial.plan.core import Settings
from perennial.plan.pods.volumes import secret_of
from perennial.plan.serving.revision import as_written

GCS = Settings(store_uri="gs://models", store_secret="gcs")


def model(uri: str, secret: str = "") -> dict[str, Any]:
    ref = {"secretRef": {"name": secret}} if secret else {}
    return {"model": {"artifact": {"uri": uri, "sha256": SHA, **ref}}}


def secret(workload: dict[str, Any]) -> str:
    """Return the Secret that ``fetch``, and nothing else, mounts."""
    pod = pod_of(workload)
    found = secret_of(pod, "store")
    containers = (*pod["initContainers"], *pod["containers"])
    holders = [
        c["name"] for c in containers if any(m["name"] == "store" for m in c["volumeMounts"])
    ]
    assert holders == (["fetch"] if found else [])
    return found


@pytest.mark.parametrize(
    ("uri", "own", "settings", "expected"),
    [
        ("s3://models/x/", "", SETTINGS, "perennial-store"),
        ("s3://more/x/", "", SETTINGS, "perennial-store"),
        ("gs://models/x/", "", SETTINGS, ""),
        ("az://models/x/", "", SETTINGS, ""),
        ("pvc://models/x/", "", SETTINGS, ""),
        ("s3://models/x/", "", GCS, ""),
        ("gs://models/x/", "", GCS, "gcs"),
        ("s3://models/x/", "", replace(SETTINGS, store_uri=""), ""),
        ("s3://models/x/", "mine", SETTINGS, "mine"),
        ("gs://models/x/", "mine", SETTINGS, "mine"),
    ],
)
def test_an_artifact_has_its_own_secret_else_the_charts_where_that_opens_it(
    uri: str, own: str, settings: Settings, expected: str
) -> None:
    assert secret(made(model(uri, own), settings)) == expected


@pytest.mark.parametrize(
    ("store", "uri", "expected"),
    [
        (None, "s3://models/t/", "perennial-store"),
        (None, "gs://models/t/", ""),
        ({"uri": "gs://team"}, "gs://team/t/", ""),
        ({"uri": "gs://team", "secretRef": {"name": "key"}}, "gs://team/t/", "key"),
        ({"uri": "gs://team", "secretRef": {"name": "key"}}, "s3://models/t/", ""),
    ],
)
def test_a_champion_has_the_secret_of_its_trainings_store(
    store: dict[str, Any] | None, uri: str, expected: str
) -> None:
    metric = {"name": "roc_auc", "value": 0.9}
    champion = {"version": "flights-1", "uri": uri, "sha256": SHA, "metric": metric}
    trained = training({"store": store} if store else {}, status={"champion": champion})
    follow = {"model": {"trainingRef": {"name": "flights"}}}
    assert secret(made(follow, training=trained)) == expected


def test_another_secret_is_another_revision() -> None:
    """Else the pods of a wrong one would keep it: what serves is not changed in place."""
    made = [deployment(model("s3://a", own)) for own in ("", "one", "two")]
    assert len({as_written(d, artifact_of(d)) for d in made}) == 3
    world = World(**model("gs://models/x/", "wrong"))
    world.broken[SHA] = "store"
    world.steps(3)
    world.change(**model("gs://models/x/", "right"))
    world.broken.clear()
    world.steps(4)
    (left,) = world.workloads.values()
    assert secret(left) == "right" and world.deployment.status.promoted_time


def test_the_secret_stands_in_the_status_once() -> None:
    world = World(**model("gs://models/x/", "mine"))
    world.steps(3)
    stable = world.deployment.status.stable
    assert stable is not None and stable.secret == "mine"
    assert stable.to_json()["artifact"] == {"uri": "gs://models/x/", "sha256": SHA}


@pytest.mark.parametrize(("own", "expected"), [("", "perennial-store"), ("vendor", "vendor")])
def test_a_version_from_elsewhere_says_by_itself_where_it_is_and_who_opens_it(
    own: str, expected: str
) -> None:
    artifact = {"uri": "s3://bought/x/", "sha256": SHA}
    if own:
        artifact["secretRef"] = {"name": own}  # type: ignore[assignment]
    spec = {"source": {"imported": {"origin": "a vendor"}}, "artifact": artifact}
    bought = ModelVersion.read({"metadata": {"name": "bought"}, "spec": spec})
    named = {"model": {"versionRef": {"name": "bought"}}}
    assert secret(made(named, version=bought)) == expected
