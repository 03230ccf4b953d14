"""Which user our pods run as."""

import json
from dataclasses import replace
from typing import Any

import pytest
from builders import SETTINGS, artifact_of, deployment, run, training

from perennial.api.deployment import Revision
from perennial.plan.core import Settings
from perennial.plan.serving.template import recorded
from perennial.plan.serving.workload import workload
from perennial.plan.training.run import config_map

IDS = ("runAsUser", "runAsGroup", "fsGroup")


def training_pod(settings: Settings) -> Any:
    made = config_map(training(), run(), None, settings)
    return json.loads(made["data"]["job.json"])["spec"]["template"]["spec"]


def serving_pod(settings: Settings) -> Any:
    owner = deployment({"serving": {"requestLog": {}}})
    revision = Revision(artifact=artifact_of(owner), revision="r1", secret="s", log_uri="s3://l")
    made = workload(owner, recorded(owner, revision, settings), "stable", 2)
    return made["spec"]["template"]["spec"]


@pytest.mark.parametrize("pod", [training_pod, serving_pod])
def test_without_a_user_of_ours_the_cluster_gives_one(pod: Any) -> None:
    """OpenShift refuses any id that is outside of the namespace's own range."""
    ours = pod(SETTINGS)["securityContext"]
    assert {ours[field] for field in IDS} == {65532}
    given = pod(replace(SETTINGS, pod_user=None))
    assert given["securityContext"]["runAsNonRoot"]
    assert not [
        word for word in ("runAsUser", "runAsGroup", "fsGroup") if word in json.dumps(given)
    ]
