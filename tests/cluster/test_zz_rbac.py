"""What the operator may do is what it does: from the API server's audit log. Runs last."""

import json
from collections import Counter
from typing import Any

from flights import demo
from localcluster.__main__ import provider
from localcluster.state import locate

USER = "system:serviceaccount:perennial-system:perennial"
Use = tuple[str, str, str]

# Rare: not provoked by this suite, yet needed.
RARELY_USED = {
    ("perennial.dev", "modelversions", "delete"),  # pruning beyond versionHistoryLimit
}


def used(lines: list[dict[str, Any]]) -> tuple[set[Use], set[Use]]:
    """Return what was allowed and what was refused, as (group, resource, verb)."""
    allowed, refused = set(), set()
    for line in lines:
        if line["user"]["username"] != USER or "objectRef" not in line:
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


def test_no_right_is_missing_and_none_is_left_over(answers: Counter[str]) -> None:
    roles = [
        json.loads(demo.kubectl("get", "clusterrole", "perennial", "-o", "json")),
        json.loads(demo.kubectl("get", "role", "perennial", "-n", demo.SYSTEM, "-o", "json")),
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
    assert not granted - mine - RARELY_USED, f"unused: {sorted(granted - mine - RARELY_USED)}"
