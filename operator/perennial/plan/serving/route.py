"""The routes of the Gateway API that divide requests among revisions: written, and read back."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from perennial.api.deployment import Gateway, ModelDeployment
from perennial.api.values import Json, seconds
from perennial.plan.core import Finding
from perennial.plan.core.premise import GATEWAY_API
from perennial.plan.serving.children import child_name, metadata
from perennial.plan.serving.service import MIRROR_GRPC_PORT, MIRROR_HTTP_PORT

HTTP, GRPC = "HTTPRoute", "GRPCRoute"
DIVISIONS = "perennial.dev/divisions"
"""Annotation: how requests may be divided until the route is accepted as it is."""
GRPC_PATH = "/inference.GRPCInferenceService"
HTTP_PORT, GRPC_PORT = 80, 8081
COPIES_PORT = {HTTP_PORT: MIRROR_HTTP_PORT, GRPC_PORT: MIRROR_GRPC_PORT}
"""Where copies of requests go: a copy has the headers of the request, so its port tells it."""
PENDING, UNANSWERED = "RoutePending", "RouteUnanswered"
"""A Gateway that knows a route has not said a word about it as it is now; none knows it at all."""
FORBIDDEN = "RoutesForbidden"
"""Nobody knows what routes there are: those in force go on."""

INSTALL = (
    "kubectl apply -f https://github.com/kubernetes-sigs/gateway-api/releases/latest/download/"
    "standard-install.yaml"
)

Shares = dict[str, int]
"""Shares of the requests in percent, by revision."""


@dataclass(frozen=True)
class Division:
    """How requests are divided among revisions."""

    shares: Mapping[str, int]
    """In percent; those that are above 0 sum to 100. Stable is the first, and keeps its place."""
    mirrors: Mapping[str, int] = field(default_factory=dict)
    """How many requests in percent are copied to a revision, whose answers nobody sees."""
    chosen: str = ""
    """The revision that a request chooses by the canary's header; none where it is empty."""

    @property
    def revisions(self) -> frozenset[str]:
        """Return all revisions that requests or copies of them reach."""
        chosen = {self.chosen} if self.chosen else set()
        return frozenset(
            {r for r, share in self.shares.items() if share} | {*self.mirrors} | chosen
        )


def kinds(gateway: Gateway) -> tuple[str, ...]:
    """Return which kinds of routes there are to be."""
    return (HTTP, GRPC) if gateway.grpc is not None else (HTTP,)


def route(
    deployment: ModelDeployment,
    gateway: Gateway,
    kind: str,
    division: Division,
    live: Json | None,
) -> Json:
    """Return a route, whole: what the API server would fill in is written out.

    Args:
        deployment: whose route it is.
        gateway: where it is attached, and what it matches.
        kind: HTTPRoute or GRPCRoute.
        division: how it divides requests.
        live: the route as it was seen.
    """
    only_grpc = gateway.grpc if kind == GRPC else None
    hostnames = only_grpc.hostnames if only_grpc is not None else gateway.hostnames
    wanted: Json = {
        "apiVersion": GATEWAY_API,
        "kind": kind,
        "metadata": metadata(deployment, deployment.metadata.name, {}),
        "spec": {
            "parentRefs": [
                {"group": GATEWAY_API.partition("/")[0], "kind": "Gateway", **ref.to_json()}
                for ref in gateway.parent_refs
            ],
            "hostnames": [*hostnames],
            "rules": [*_rules(deployment, gateway, division, kind)],
        },
    }
    wanted["metadata"]["annotations"] = {DIVISIONS: _noted(deployment, wanted, live)}
    return wanted


def _noted(deployment: ModelDeployment, wanted: Json, live: Json | None) -> str:
    """Return what a route carries along: what may be in force until it is, and itself."""
    if live is not None and is_as_wanted(live, wanted):
        return _annotated(live)
    before = possible(deployment, live) if live is not None else []
    divisions = [*before, shares_of(deployment, wanted)]
    once = [each for i, each in enumerate(divisions) if each not in divisions[:i]]
    return json.dumps(once, sort_keys=True)


def as_it_is(live: Json) -> Json:
    """Return a route that is to stay as it was seen."""
    meta = {field: live["metadata"][field] for field in ("name", "namespace", "labels")}
    return {"apiVersion": GATEWAY_API, "kind": live["kind"], "metadata": meta, "spec": live["spec"]}


def is_as_wanted(live: Json, wanted: Json) -> bool:
    """Tell whether a route is as wanted, and has nothing beside it."""
    mine, theirs = wanted["spec"], live["spec"]
    return all(
        (mine.get(field) or None) == (theirs.get(field) or None) for field in {*mine, *theirs}
    )


def _rules(
    deployment: ModelDeployment, gateway: Gateway, division: Division, kind: str
) -> Iterator[Json]:
    """Yield the rules: those that divide, then those that a header chooses, which come and go.

    The more special one wins wherever it stands. What divides keeps its place: Envoy Gateway names
    what is behind a rule by its number, and what has another name is not there for a moment.
    """
    path = gateway.path or "/"
    places: list[tuple[str | None, int]] = [(path, HTTP_PORT)]
    if kind == GRPC:
        places = [(None, GRPC_PORT)]
    elif path == "/" and gateway.grpc is None:
        places.insert(0, (GRPC_PATH, GRPC_PORT))  # the host is this model's, whole
    for place, port in places:
        yield _rule(deployment, gateway, division, place, port, {})
    header = gateway.canary_header
    if division.chosen and header is not None:
        match = {"headers": [{"type": "Exact", **header.to_json()}]}
        only = Division({division.chosen: 100})
        for place, port in places:
            yield _rule(deployment, gateway, only, place, port, match)


def _rule(
    deployment: ModelDeployment,
    gateway: Gateway,
    division: Division,
    path: str | None,
    port: int,
    match: Json,
) -> Json:
    """Return one rule; a match without a path is a GRPCRoute's."""
    if path is not None:
        match = {"path": {"type": "PathPrefix", "value": path}, **match}
    rule: Json = {
        "backendRefs": [
            {**_backend(deployment, revision, port), "weight": share, **_marked(gateway, revision)}
            for revision, share in division.shares.items()
            if share > 0
        ]
    }
    if match:
        rule["matches"] = [match]
    # On the rule: one on a backend would make the division a matter of chance.
    mirrors = [
        {"type": "RequestMirror", "requestMirror": _mirror(deployment, revision, port, percent)}
        for revision, percent in sorted(division.mirrors.items())
    ]
    if mirrors:
        rule["filters"] = mirrors
    if gateway.timeout is not None and path is not None:
        rule["timeouts"] = {"request": _duration(gateway.timeout)}
    return rule


def _marked(gateway: Gateway, revision: str) -> Json:
    """Return the filter that makes Envoy choose by a hash, where users are to stay."""
    if gateway.sticky is None:
        return {}
    mark = {"set": [{"name": "x-perennial-revision", "value": revision}]}
    return {"filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": mark}]}


def _backend(deployment: ModelDeployment, revision: str, port: int) -> Json:
    return {"group": "", "kind": "Service", "name": child_name(deployment, revision), "port": port}


def _mirror(deployment: ModelDeployment, revision: str, port: int, percent: int) -> Json:
    found: Json = {"backendRef": _backend(deployment, revision, COPIES_PORT[port])}
    return found if percent >= 100 else {**found, "percent": percent}


def _duration(text: str) -> str:
    """Return a duration as the Gateway API writes it: it knows no days, and no fractions."""
    found = seconds(text)
    return f"{int(found)}s" if found == int(found) else f"{round(1000 * found)}ms"


# Read back.


def shares_of(deployment: ModelDeployment, live: Json) -> Shares:
    """Return the shares that a route asks for; whatever a hand has made of it, in percent."""
    dividing = [rule for rule in live["spec"].get("rules") or [] if not _is_chosen(rule)]
    refs = dividing[-1].get("backendRefs") or [] if dividing else []
    weights: Shares = {}
    prefix = child_name(deployment, "")
    for ref in refs:
        revision = str(ref.get("name", "")).removeprefix(prefix)
        weights[revision] = weights.get(revision, 0) + int(ref.get("weight", 1))
    total = sum(weights.values())
    return {r: -(-100 * weight // total) for r, weight in weights.items() if weight > 0}


def _is_chosen(rule: Json) -> bool:
    """Tell whether a header chooses a rule."""
    return any(match.get("headers") for match in rule.get("matches") or [])


def unavailable(kind: str, code: int, sentence: str) -> Finding:
    """Return what it means that the API server does not list routes."""
    if code == 404:
        message = f"this cluster has no {kind}s: install the Gateway API ({INSTALL})"
        message += " and a controller for it, or take spec.traffic.gateway out"
        return Finding("GatewayAPIMissing", message, "Cluster", final=True)
    message = f"the operator may not list {kind}s: {sentence}"
    message = f"{message}: upgrade the chart's rights; until then nothing is taken away"
    return Finding(FORBIDDEN, message, "Cluster", final=True)


def backends(live: Json) -> set[str]:
    """Return the names of all Services that a route names in any way."""
    found: set[str] = set()
    for rule in live["spec"].get("rules") or []:
        mirrors = (f.get("requestMirror") or {} for f in rule.get("filters") or [])
        refs = [*(rule.get("backendRefs") or []), *(m.get("backendRef") or {} for m in mirrors)]
        found |= {str(ref["name"]) for ref in refs if "name" in ref}
    return found


def chosen_by(deployment: ModelDeployment, live: Json) -> str:
    """Return the revision that a header chooses by a route, '' where none is."""
    for rule in live["spec"].get("rules") or []:
        if _is_chosen(rule):
            refs = rule.get("backendRefs") or [{}]
            return str(refs[0].get("name", "")).removeprefix(child_name(deployment, ""))
    return ""


def possible(deployment: ModelDeployment, live: Json) -> list[Shares]:
    """Return the shares that may be in force: the newest last, and alone once it was accepted."""
    now = shares_of(deployment, live)
    if lacking(live) is None:
        return [now]
    try:
        known = [{str(r): int(n) for r, n in each.items()} for each in json.loads(_annotated(live))]
    except (ValueError, TypeError, AttributeError):
        known = []  # a hand has made something else of it
    return [*(each for each in known if each != now), now]


def _annotated(live: Json) -> str:
    return str((live["metadata"].get("annotations") or {}).get(DIVISIONS, "[]"))


def lacking(live: Json) -> Finding | None:
    """Return why a route is not in force as it is now, None where all its Gateways accepted it.

    What is said about an earlier generation says nothing of this one.
    """
    told = (live.get("status") or {}).get("parents") or []
    generation, what = live["metadata"].get("generation", 0), live["kind"]
    for ref in live["spec"].get("parentRefs") or []:
        gateway = f"Gateway {ref.get('namespace', live['metadata']['namespace'])}/{ref['name']}"
        about = [entry for entry in told if _is_about(entry.get("parentRef") or {}, ref, live)]
        found = [_verdict(entry, generation) for entry in about]
        if "" in found:
            continue
        if refusal := next((text for text in found if text), ""):
            message = f"{gateway} refuses the {what} of this model: {refusal}"
            message = f"{message}; the weights in force are kept"
            return Finding("RouteRefused", message, final=True)
        if about:
            message = f"{gateway} has not taken up the {what} of this model as it is now"
            return Finding(PENDING, message, "Cluster")
        message = f"nobody has answered for {gateway} about the {what} of this model"
        why = "is there such a Gateway, and does a controller run for its class?"
        return Finding(UNANSWERED, f"{message}: {why}", "Cluster")
    return None


def _is_about(told: Json, ref: Json, live: Json) -> bool:
    """Tell whether a status speaks of a parent that the route names."""
    own = live["metadata"]["namespace"]
    same = told.get("name") == ref["name"] and told.get("sectionName") == ref.get("sectionName")
    return same and told.get("namespace", own) == ref.get("namespace", own)


def _verdict(entry: Json, generation: int) -> str | None:
    """Return '' where a parent has accepted a generation, None where it has not said, else why."""
    found = {c["type"]: c for c in entry.get("conditions") or []}
    said = True
    for name in ("Accepted", "ResolvedRefs"):
        condition = found.get(name, {})
        if condition.get("observedGeneration", 0) < generation:
            said = False
        elif condition.get("status") == "False":
            reason = condition.get("reason", name)
            message = str(condition.get("message", "")).strip().rstrip(".")
            return f"{reason}: {message}" if message else str(reason)
        elif condition.get("status") != "True":
            said = False
    return "" if said else None
