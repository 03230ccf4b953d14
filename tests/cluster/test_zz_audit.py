"""From the API server's audit log: nothing is written at rest; every right is used. Runs last."""

import json
import time
from collections import Counter
from typing import Any

import pytest

from flights import demo
from localcluster.__main__ import provider
from localcluster.state import locate

pytestmark = pytest.mark.usefixtures("alone")

USER = "system:serviceaccount:perennial-system:perennial"
Use = tuple[str, str, str]

# Rare: not provoked by this suite, yet needed.
RARELY_USED = {
    ("perennial.dev", "modelversions", "delete"),  # pruning beyond versionHistoryLimit
    ("apps", "controllerrevisions", "delete"),  # of revisions that nobody goes back to
    # Read where what the cache holds was refused as outdated.
    ("perennial.dev", "driftmonitors", "get"),
    ("perennial.dev", "modeldeployments", "get"),
    ("perennial.dev", "modeltrainings", "get"),
    # The same Event again is counted in a series.
    ("events.k8s.io", "events", "get"),
    ("events.k8s.io", "events", "patch"),
    ("events.k8s.io", "events", "list"),  # of a Job that has no pods, by a quota for example
    ("", "services", "delete"),  # of a revision, or an address, that there is no more
    ("", "secrets", "update"),  # of a store whose credentials were changed
    ("", "secrets", "delete"),  # where a namespace may not have the store any more
    # Asked by admission where OwnerReferencesPermissionEnforcement is on, as on OpenShift.
    ("", "configmaps", "delete"),
    ("batch", "jobs/finalizers", "update"),
    ("perennial.dev", "driftmonitors/finalizers", "update"),
    ("perennial.dev", "modeldeployments/finalizers", "update"),
    ("perennial.dev", "modeltrainings/finalizers", "update"),
}
# Used by what divides requests behind a Gateway: tests/cluster/gateway, and on a real API server
# by tests/api/test_gateway_api.py.
BEHIND_A_GATEWAY = frozenset({"gateway.networking.k8s.io", "gateway.envoyproxy.io"})


def used(lines: list[dict[str, Any]]) -> tuple[set[Use], set[Use]]:
    """Return what was allowed and what was refused, as (group, resource, verb)."""
    allowed, refused = set(), set()
    for line in lines:
        if line["user"].get("username") != USER or "objectRef" not in line:
            continue
        ref = line["objectRef"]
        resource = ref["resource"] + (f"/{ref['subresource']}" if "subresource" in ref else "")
        use = (ref.get("apiGroup", ""), resource, line["verb"])
        code = line.get("responseStatus", {}).get("code")
        (refused if code == 403 else allowed).add(use)
        # Applying what is not there yet needs create besides patch.
        if line["verb"] == "patch" and code == 201:
            allowed.add((use[0], use[1], "create"))
    return allowed, refused


def writes_within(seconds: float) -> list[tuple[str, str]]:
    """Return what the operator writes from now on: verbs and paths."""
    before = len(provider().audit_log(locate()).splitlines())
    time.sleep(seconds)
    lines = provider().audit_log(locate()).splitlines()[before:-1]
    events = [json.loads(line) for line in lines]
    mine = [e for e in events if e["user"].get("username") == USER]
    # The Lease is renewed for as long as there is a leader.
    rest = [e for e in mine if e.get("objectRef", {}).get("resource") != "leases"]
    writes = [e for e in rest if e["verb"] not in ("get", "list", "watch")]
    return [(e["verb"], e["requestURI"]) for e in writes]


def test_steady_state_writes_nothing(answers: Counter[str]) -> None:
    demo.kubectl("delete", "dm", "flights", "-n", demo.NAMESPACE)  # it writes at each interval
    for _ in range(4):  # what was replaced last is deleted after half a minute
        writes = writes_within(15)
        if not writes:
            break
    assert not writes


def test_no_right_is_missing_and_none_is_left_over(answers: Counter[str]) -> None:
    roles = [
        json.loads(demo.kubectl("get", "clusterrole", "perennial", "-o", "json")),
        json.loads(
            demo.kubectl("get", "role", "perennial-operator", "-n", demo.SYSTEM, "-o", "json")
        ),
    ]
    granted = {
        (group, resource, verb)
        for role in roles
        for r in role["rules"]
        for group in r["apiGroups"]
        for resource in r["resources"]
        for verb in r["verbs"]
    }
    lines = provider().audit_log(locate()).splitlines()
    allowed, refused = used([json.loads(line) for line in lines[:-1]])
    mine = {u for u in allowed if u[1] != "selfsubjectaccessreviews"}
    assert not refused - granted, f"refused: {sorted(refused)}"
    assert not mine - granted, f"used without a rule: {sorted(mine - granted)}"
    needed = {right for right in granted if right[0] not in BEHIND_A_GATEWAY}
    assert not needed - mine - RARELY_USED, f"unused: {sorted(needed - mine - RARELY_USED)}"
