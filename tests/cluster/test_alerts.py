"""A model that breaks makes the alert that is meant for it wake somebody, by real programs."""

import json
from collections import Counter
from pathlib import Path

from bad_models import failing, publish_changed
from prometheus import running
from trial import artifact_of

from flights import demo

NAME = "failing"


def test_a_model_that_fails_makes_its_alert_fire_and_no_other(
    answers: Counter[str], tmp_path: Path
) -> None:
    bad = publish_changed(artifact_of("flights-1"), failing)
    body = {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": NAME, "namespace": demo.NAMESPACE},
        "spec": {"model": {"artifact": bad}},
    }
    demo.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    demo.wait("it serves", lambda: demo.get("md", NAME)["status"].get("readyReplicas", 0) > 0, 60)
    demo.send_traffic("failing-traffic", ["01"], model=NAME)
    try:
        with running(tmp_path) as prometheus:

            def told() -> dict[tuple[str, str], str]:
                about = [
                    a for a in prometheus.alerts()
                    if NAME in (a["labels"].get("model"), a["labels"].get("name"))
                ]  # fmt: skip
                return {
                    (a["labels"]["alertname"], a["labels"]["severity"]): a["state"] for a in about
                }

            # It must hold for two minutes.
            page = ("PerennialServingErrors", "critical")
            demo.wait("its alert fires", lambda: told().get(page) == "firing", 240)
            # Its people are told: they are woken, and nobody is told twice.
            wanted = ("page", "PerennialServingErrors", NAME)

            def notified() -> list[tuple[str, str, str]]:
                return [
                    (receiver, alert["labels"]["alertname"], alert["labels"].get("model", ""))
                    for receiver, alert in prometheus.told
                    if NAME in (alert["labels"].get("model"), alert["labels"].get("name"))
                ]

            demo.wait("somebody is woken", lambda: wanted in notified(), 30)
            assert notified() == [wanted]
            # The ticket is written where nobody comes within a quarter of an hour.
            assert told() == {page: "firing", ("PerennialServingErrors", "warning"): "pending"}
            # And nothing is amiss with the operator, nor with what is scraped.
            found = prometheus.alerts()
            assert "PerennialServingNotScraped" not in {a["labels"]["alertname"] for a in found}
            (fires,) = (
                a for a in found
                if a["state"] == "firing" and a["labels"]["severity"] == "critical"
            )  # fmt: skip
            summary = fires["annotations"]["summary"]
            assert summary == f"Model {demo.NAMESPACE}/{NAME} fails requests"
    finally:
        demo.kubectl("delete", "pod", "failing-traffic", "-n", demo.NAMESPACE, "--now")
        demo.kubectl("delete", "md", NAME, "-n", demo.NAMESPACE)
