"""Numbers of others about a canary: which are asked for now, and what is known after them."""

from collections.abc import Iterator

from perennial.api.deployment import (
    Analysis,
    AnalysisMetric,
    AnalysisStatus,
    DeploymentStatus,
    MetricStatus,
)
from perennial.api.values import seconds
from perennial.plan.core import Finding
from perennial.plan.core.outside import DENIED, OutsideQuestion
from perennial.plan.rollout.analysis.evidence import MESSAGE, key_of
from perennial.plan.rollout.analysis.look import pair_of
from perennial.plan.rollout.analysis.measured import after, anew, is_due, refused
from perennial.plan.rollout.analysis.permission import denied_because, names_of
from perennial.plan.rollout.analysis.sources import source_of
from perennial.plan.rollout.snapshot import DeploymentSnapshot

Pair = tuple[str, str]
"""The revision that the judged one is compared with, and the judged one."""


def questions(s: DeploymentSnapshot, analysis: Analysis, pair: Pair) -> tuple[OutsideQuestion, ...]:
    """Return what others are asked now: nothing before the canary has traffic, and is warm."""
    known = {m.name: m for m in s.status.analysis.metrics} if s.status.analysis is not None else {}
    found = []
    for asked in analysis.judged:
        limit, before = asked.outside, _current(asked, known)
        if limit is None or not _has_traffic(s, asked, pair) or not is_due(limit, before, s.now):
            continue
        question = _question(s, asked, pair)
        if not denied_because(s, question.url):
            found.append(question)
    return tuple(found)


def measured(
    s: DeploymentSnapshot,
    status: DeploymentStatus,
    analysis: Analysis,
    pair: Pair,
    found: AnalysisStatus,
) -> AnalysisStatus:
    """Return what is known of all metrics, with the numbers that came in this pass.

    Args:
        s: what is observed.
        status: under way.
        analysis: what is asked.
        pair: the revision that the judged one is compared with, and the judged one.
        found: what the looks found of what our own pods count.
    """
    before = (
        status.analysis.metrics if status.analysis and status.analysis.pair == found.pair else []
    )
    known = {m.name: m for m in before}
    counted = {m.name: m for m in found.metrics}
    arrived, since = dict(s.measurements), status.step.start_time if status.step else None
    metrics: list[MetricStatus] = []
    for asked in analysis.judged:
        limit = asked.outside
        if limit is None:
            metrics += [counted[asked.name]] if asked.name in counted else []
            continue
        m, question = _current(asked, known), _question(s, asked, pair)
        if why := denied_because(s, question.url):
            m = refused(m, why)
        elif (number := arrived.get(question.id)) is not None:
            m = after(limit, m, number, s.now)
        metrics.append(anew(m, since))
    return found.model_copy(update={"metrics": metrics})


def denied(s: DeploymentSnapshot) -> Finding | None:
    """Return which URL of the spec may not be asked, None where there is none."""
    found = ((name, why) for name, url in _urls(s) if (why := denied_because(s, url)))
    name, why = next(found, ("", ""))
    return Finding(DENIED, f"{name}: {why}") if why else None


def _urls(s: DeploymentSnapshot) -> Iterator[tuple[str, str]]:
    rollout, names = s.deployment.spec.rollout, names_of(s)
    for asked in rollout.judging.judged:
        if asked.outside is not None:
            yield asked.name, source_of(asked).question("", asked.outside, names).url
    checks = rollout.before_traffic.web if rollout.before_traffic is not None else None
    for check in checks or []:
        yield check.name, names.into(check.url)


def _question(s: DeploymentSnapshot, asked: AnalysisMetric, pair: Pair) -> OutsideQuestion:
    limit = asked.outside
    assert limit is not None
    id = f"{asked.name}/{key_of(asked)}/{pair_of(*pair)}"
    return source_of(asked).question(id, limit, names_of(s, *pair))


def _current(asked: AnalysisMetric, known: dict[str, MetricStatus]) -> MetricStatus:
    """Return what is known of a metric; another one of its name begins anew."""
    found, key = known.get(asked.name), key_of(asked)
    if found is not None and found.key == key:
        return found
    return MetricStatus(name=asked.name, key=key, message=f"{asked.name}: {MESSAGE}")


def _has_traffic(s: DeploymentSnapshot, asked: AnalysisMetric, pair: Pair) -> bool:
    """Tell whether the canary has requests, and has had them for as long as it warms up."""
    analysis, weight = s.status.analysis, s.status.weight
    if analysis is None or analysis.pair != pair_of(*pair):
        return False
    if analysis.traffic_time is None or s.replicas == 0:
        return False
    if weight is not None and weight.asked == 0:
        return False
    served = (s.now - analysis.traffic_time).total_seconds()
    return served >= (seconds(asked.warm_up) if asked.warm_up else 0.0)
