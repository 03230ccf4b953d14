"""Who may talk to whom where the chart's network policies are enforced."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from builders import deployment, run, run_children, served, training

from chart import NAMESPACE, render, select
from perennial.plan.pods.stores import ALLOWED_LABEL, ALLOWED_VALUE

ON = "networkPolicy.enabled=true"
MONITORING = '{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}'
CHART = (
    ON,
    f"networkPolicy.prometheus:=[{MONITORING}]",
    'networkPolicy.modelNamespaces:=["models"]',
)


@dataclass(frozen=True)
class Pod:
    """Whom a policy picks, or does not."""

    namespace: str
    labels: dict[str, str]
    ports: dict[str, int] = field(default_factory=dict)


def chart_pod(name: str) -> Pod:
    found = select(render(), "Deployment", name)
    assert found is not None
    return made(NAMESPACE, found)


def made(namespace: str, workload: dict[str, Any]) -> Pod:
    template = workload["spec"]["template"]
    ports = [p for c in template["spec"]["containers"] for p in c.get("ports", [])]
    named = {p["name"]: p["containerPort"] for p in ports}
    return Pod(namespace, template["metadata"]["labels"], named)


OPERATOR, STORE = chart_pod("perennial"), chart_pod("perennial-store")
TEST = Pod(NAMESPACE, select(render(), "Pod", "perennial-test")["metadata"]["labels"])  # type: ignore[index]
MODEL = made("models", served(deployment()))
TRAINER = made("models", run_children(training(), run(), None)[1])
PROMETHEUS, CLIENT = Pod("monitoring", {}), Pod("web", {})
NEIGHBOUR, BESIDE = Pod("models", {}), Pod(NAMESPACE, {})
LABELS = {"models": {ALLOWED_LABEL: ALLOWED_VALUE}, "web": {ALLOWED_LABEL: "no"}}
API, DNS, ELSEWHERE = 6443, 53, 8443


def picks(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Tell whether a label selector picks; one that is empty picks all."""
    for rule in selector.get("matchExpressions", []):
        assert rule["operator"] == "In"
        if labels.get(rule["key"]) not in rule["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()


def named(namespace: str) -> dict[str, str]:
    return {"kubernetes.io/metadata.name": namespace, **LABELS.get(namespace, {})}


def meets(peer: dict[str, Any], other: Pod, home: str) -> bool:
    where = peer.get("namespaceSelector")
    there = other.namespace == home if where is None else picks(where, named(other.namespace))
    return there and picks(peer.get("podSelector", {}), other.labels)


def passes(
    policies: list[dict[str, Any]], at: Pod, other: Pod | None, port: int, direction: str
) -> bool:
    """Tell whether one end lets a connection pass; None is an address outside the cluster."""
    side = "from" if direction == "Ingress" else "to"
    about = [
        p
        for p in policies
        if p["metadata"]["namespace"] == at.namespace
        and picks(p["spec"]["podSelector"], at.labels)
        and direction in p["spec"]["policyTypes"]
    ]
    return not about or any(
        port in {at.ports.get(p["port"], p["port"]) for p in rule["ports"]}
        and (
            side not in rule
            or (
                other is not None
                and any(meets(peer, other, p["metadata"]["namespace"]) for peer in rule[side])
            )
        )
        for p in about
        for rule in p["spec"].get(direction.lower(), [])
    )


def talks(objects: list[dict[str, Any]], source: Pod, target: Pod | None, port: int) -> bool:
    policies = [o for o in objects if o["kind"] == "NetworkPolicy"]
    leaves = passes(policies, source, target, port, "Egress")
    return leaves and (target is None or passes(policies, target, source, port, "Ingress"))


TABLE: list[tuple[Pod, Pod | None, int, bool]] = [
    (OPERATOR, None, API, True),
    (OPERATOR, None, DNS, True),
    (OPERATOR, None, ELSEWHERE, False),
    (OPERATOR, MODEL, 9090, True),
    (OPERATOR, MODEL, 8080, True),
    (OPERATOR, STORE, 7070, False),
    (OPERATOR, CLIENT, 9090, False),
    (PROMETHEUS, OPERATOR, 9090, True),
    (PROMETHEUS, MODEL, 9090, True),
    (PROMETHEUS, STORE, 7070, False),
    (TEST, OPERATOR, 8080, True),
    (TEST, OPERATOR, 9090, True),
    (CLIENT, OPERATOR, 8080, True),
    (CLIENT, OPERATOR, 9090, False),
    (CLIENT, MODEL, 8080, True),
    (CLIENT, MODEL, 8081, True),
    (CLIENT, MODEL, 8082, True),  # a Gateway's copies, which may come from anywhere
    (CLIENT, MODEL, 8083, True),
    (CLIENT, MODEL, 9090, False),
    (NEIGHBOUR, MODEL, 9090, False),
    (BESIDE, MODEL, 9090, False),
    (MODEL, STORE, 7070, True),
    (TRAINER, STORE, 7070, True),
    (NEIGHBOUR, STORE, 7070, True),
    (BESIDE, STORE, 7070, True),
    (CLIENT, STORE, 7070, False),
    (STORE, None, API, False),
    (STORE, CLIENT, 8080, False),
    (NEIGHBOUR, TRAINER, 8080, False),
    (OPERATOR, TRAINER, 9090, False),
    (TRAINER, None, ELSEWHERE, True),
]


@pytest.mark.parametrize(("source", "target", "port", "allowed"), TABLE)
def test_only_who_has_to_talk_may(
    source: Pod, target: Pod | None, port: int, allowed: bool
) -> None:
    assert talks(render(*CHART), source, target, port) == allowed
    assert talks(render(), source, target, port)  # off, nothing is closed


def test_within_named_namespaces_the_list_opens_the_store_and_the_label_does_not() -> None:
    watch = (ON, 'watchNamespaces:=["models", "web"]')
    trusted = render(*watch, 'store.namespaces:=["web"]')
    assert talks(trusted, CLIENT, STORE, 7070) and not talks(trusted, MODEL, STORE, 7070)
    assert not talks(trusted, CLIENT, MODEL, 9090)  # the namespaces are known
    assert talks(render(ON), CLIENT, MODEL, 9090)  # these nobody has named


def test_ports_and_egress_are_a_persons_to_set() -> None:
    rule = '{"to": [{"namespaceSelector": {}}], "ports": [{"port": 8443}]}'
    objects = render(
        ON, "networkPolicy.apiServerPorts:=[443]", f"networkPolicy.operatorEgress:=[{rule}]"
    )
    assert not talks(objects, OPERATOR, None, API)
    assert talks(objects, OPERATOR, CLIENT, ELSEWHERE)


def test_without_a_store_of_the_charts_there_is_no_policy_about_it() -> None:
    objects = render(ON, "store.embedded.enabled=false")
    assert [o["metadata"]["name"] for o in objects if o["kind"] == "NetworkPolicy"] == [
        "perennial-operator"
    ]
