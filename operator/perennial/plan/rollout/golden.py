"""Golden requests: a new version that answers one wrongly is rejected before it has traffic.

Stable is asked the same. What it answers wrongly, too, is a wrong request and no wrong version: it
is told, and does not count.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import TypeAdapter, ValidationError

from perennial.api.deployment import MOST_REQUESTS, Golden, GoldenRequest, Revision
from perennial.plan.core.golden import GoldenAnswer, GoldenQuestion, difference
from perennial.plan.core.questions import address_of, chosen, is_ready, name_of
from perennial.plan.rollout.snapshot import DeploymentSnapshot

SHOWN = 4
"""Requests that are told."""
_REQUESTS = TypeAdapter(list[GoldenRequest])


@dataclass(frozen=True)
class Outcome:
    """What is known of a new version by its golden requests; all are empty where it passed."""

    failed: str = ""
    """Which it answers wrongly, and stable does not."""
    unknown: str = ""
    """What nobody has answered yet."""
    wrong: str = ""
    """Which requests stable answers wrongly, too."""
    counts: bool = True
    """Any request says something: not all of them are wrong."""
    is_differing: bool = False
    """Some are answered wrongly of which it is not known what stable makes of them."""


def requests_of(s: DeploymentSnapshot) -> list[GoldenRequest]:
    """Return the golden requests.

    Raises:
        ValueError: the ConfigMap that holds them cannot be read; the message says why.
    """
    golden = _golden(s)
    if golden.config_map is None:
        return list(golden.requests or [])
    name, key = golden.config_map.name, golden.config_map.key
    if s.golden_map is None:
        raise ValueError(f"there is no ConfigMap {name} with the golden requests")
    text = (s.golden_map.get("data") or {}).get(key)
    if text is None:
        raise ValueError(f"ConfigMap {name} has no key {key} with the golden requests")
    try:
        found = _REQUESTS.validate_python(msgspec.json.decode(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{key} of ConfigMap {name}, at {where}: {first['msg']}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"{key} of ConfigMap {name} is no JSON: {error}") from error
    names = [request.name for request in found]
    if not 0 < len(names) <= MOST_REQUESTS or len(set(names)) < len(names):
        message = f"must hold 1 to {MOST_REQUESTS} requests, each with a name of its own"
        raise ValueError(f"{key} of ConfigMap {name} {message}")
    return found


def golden_questions(s: DeploymentSnapshot) -> tuple[GoldenQuestion, ...]:
    """Return what one ready pod of each arm is to be asked, once the canary has one."""
    stable, canary, model = s.status.stable, s.status.canary, s.deployment.metadata.name
    assert stable is not None and canary is not None
    try:
        bodies = tuple((r.name, _body(r)) for r in requests_of(s))
    except ValueError:
        return ()
    found: list[GoldenQuestion] = []
    for revision in (canary.revision, stable.revision):
        ready = {name_of(p): address_of(p) for p in s.pods_of(revision) if is_ready(p)}
        if not ready and not found:
            return ()
        for name in chosen(ready)[:1]:
            found.append(GoldenQuestion(name, revision, ready[name], model, bodies))
    return tuple(found)


def outcome(
    s: DeploymentSnapshot, requests: Sequence[GoldenRequest], stable: Revision, canary: Revision
) -> Outcome:
    """Return what the answers of this pass say."""
    ours, theirs = (_answer(s, r.revision) for r in (canary, stable))
    if ours is None:
        return Outcome(unknown=f"no pod of {canary.name} was asked yet")
    failed: list[str] = []
    wrong: list[str] = []
    unknown: list[str] = []
    is_differing = False
    tolerance = _golden(s).tolerance
    for request in requests:
        expected = [(e.name, e.data) for e in request.expect]
        our, name = ours.of(request.name), request.name
        if our.problem:
            unknown.append(f"{name}: {canary.name} {our.problem}")
        elif why := difference(expected, our, tolerance):
            their = theirs.of(name) if theirs is not None else None
            if their is None or their.problem:
                is_differing = True
                said = their.problem if their is not None else "has no pod that was asked yet"
                unknown.append(f"{name}: {canary.name} {why}, and {stable.name} {said}")
            elif also := difference(expected, their, tolerance):
                wrong.append(f"{name}: {stable.name} {also}")
            else:
                failed.append(f"{name}: {canary.name} {why}")
    counts = len(wrong) < len(requests)
    return Outcome(_told(failed), _told(unknown), _told(wrong), counts, is_differing)


def silent_alone(s: DeploymentSnapshot, stable: Revision, canary: Revision) -> bool:
    """Tell whether the canary leaves unanswered what stable answers: that is its own fault."""
    ours, theirs = (_answer(s, r.revision) for r in (canary, stable))
    if ours is None or theirs is None:
        return False
    unanswered = [a.name for a in ours.answered if a.problem]
    return bool(unanswered) and not any(theirs.of(name).problem for name in unanswered)


def _golden(s: DeploymentSnapshot) -> Golden:
    asked = s.deployment.spec.rollout.before_traffic
    assert asked is not None and asked.golden is not None
    return asked.golden


def _answer(s: DeploymentSnapshot, revision: str) -> GoldenAnswer | None:
    return next((a for a in s.golden if a.revision == revision), None)


def _body(request: GoldenRequest) -> bytes:
    inputs: list[dict[str, Any]] = [i.to_json() for i in request.inputs]
    return json.dumps({"inputs": inputs}).encode()


def _told(found: list[str]) -> str:
    more = [f"{len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return "; ".join([*found[:SHOWN], *more])
