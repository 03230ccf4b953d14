"""Mixes as they can be tested: what came beside what is usual, or why that is not known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise

from perennial.api.monitor import Mix, MixKind, MixStatus, MonitorStatus
from perennial.api.values import seconds
from perennial.plan.core import Finding
from perennial.plan.monitoring import usual_mixes
from perennial.plan.monitoring.compared import counts
from perennial.plan.monitoring.counted import chosen
from perennial.plan.monitoring.finding import Report
from perennial.plan.monitoring.snapshot import MonitorSnapshot
from perennial_artifact.profile import FeatureProfile
from perennial_artifact.windows import Column
from perennial_statistics.drift import FEWEST_VALUES, Counts, Feature, added
from perennial_statistics.numbers import counted

OF_PROFILE: tuple[MixKind, ...] = ("Segments", "Predictions")
"""Mixes that are held against the profile."""


@dataclass(frozen=True)
class Seen:
    """A mix that can be tested: its counts beside those that are usual."""

    known: MixStatus
    feature: Feature
    names: Sequence[str]
    """Of its cells; after them come all others, and what is missing."""
    unit: str
    weekly: Feature | None = None
    """The same beside what is usual at these hours of the week, where that is known."""
    window: usual_mixes.Window | None = None
    """Of callers and errors."""
    about: Mapping[str, str] = field(default_factory=dict)
    """What else is to be told of a name."""


@dataclass(frozen=True)
class Unseen:
    """A mix that cannot be tested, and why; what came is learned from all the same."""

    known: MixStatus
    why: str
    window: usual_mixes.Window | None = None


def mixes(
    s: MonitorSnapshot, asked: Mix, status: MonitorStatus, report: Report
) -> list[Seen | Unseen]:
    """Return each mix that is asked for, with what came and what is usual where it can be told."""
    return [*_of_profile(s, asked, status, report), *_of_usage(s, asked, status)]


def key(m: MixStatus) -> str:
    """Return what tells a mix from the others."""
    return f"{m.kind}/{m.name}"


def called(m: MixStatus) -> str:
    """Return what people call it."""
    return m.name or m.kind.lower()


def _known(status: MonitorStatus, kind: MixKind, name: str, key: str) -> MixStatus:
    """Return what is known of a mix; nothing, where it is held against something else by now."""
    found = next((m for m in status.mix if (m.kind, m.name) == (kind, name)), None)
    if found is None or found.key != key:
        return MixStatus(kind=kind, name=name, key=key)
    return found


def _of_profile(
    s: MonitorSnapshot, asked: Mix, status: MonitorStatus, report: Report
) -> list[Seen | Unseen]:
    """Return the mixes that are held against the profile."""
    digest = status.reference.profile if status.reference is not None else ""
    if status.reference is not None and status.reference.same_hours:
        digest = f"{digest[:57]}/hours"  # other rows of it: what is usual is learned anew
    wanted: list[tuple[MixKind, str]] = [("Segments", name) for name in asked.segments]
    if asked.predictions is not None:
        wanted.append(("Predictions", ""))
    known = [_known(status, kind, name, digest) for kind, name in wanted]
    if isinstance(report, Finding) or s.profile is None:
        why = report.message if isinstance(report, Finding) else "there is no profile"
        return [Unseen(m, f"{called(m)}: {why}") for m in known]
    predictions = {p.name for p in s.profile.predictions}
    names = {*asked.segments, *predictions}
    pairs = chosen(s.profile, s.windows, names)
    told = s.sliced if s.slices is not None else None
    slices = [chosen(s.profile, windows, names) for windows in told.windows] if told else []
    if s.slices is not None and (told is None or told.rows < s.monitor.spec.minimum_samples):
        why = "whether rows came in bursts the pods did not tell, so it is looked again"
        return [Unseen(m, f"{called(m)}: {why}") for m in known]
    found: list[Seen | Unseen] = []
    for m in known:
        ours = [
            n
            for n, (pair, is_prediction) in enumerate(pairs)
            if is_prediction == (m.kind == "Predictions")
            and (is_prediction or pair[0].name == m.name)
        ]
        if not ours:
            found.append(Unseen(m, f"{called(m)}: the model's profile has none"))
        else:
            parts = [of_slice[ours[0]][0][1] for of_slice in slices]
            found.append(_of_column(m, *pairs[ours[0]][0], parts))
    return found


def _of_column(
    known: MixStatus, profile: FeatureProfile, live: Column, parts: Sequence[Column]
) -> Seen:
    """Return a mix; where slices were asked for, of the rows that they have, and no others."""
    reference, window = counts(profile, live)
    ordered = profile.kind == "Numeric"
    names = _bins(profile) if ordered else list(profile.categories)
    slices = tuple(counts(profile, part)[1] for part in parts)
    window = added(slices) if slices else window
    feature = Feature(key(known), ordered, reference, window, slices=slices)
    return Seen(known, feature, names, "row")


def _bins(profile: FeatureProfile) -> list[str]:
    edges = [f"{edge:.3g}" for edge in profile.edges]
    if not edges:
        return [f"any {profile.name}"]
    inner = [f"{profile.name} {low} to {high}" for low, high in pairwise(edges)]
    return [f"{profile.name} below {edges[0]}", *inner, f"{profile.name} from {edges[-1]}"]


def _of_usage(s: MonitorSnapshot, asked: Mix, status: MonitorStatus) -> list[Seen | Unseen]:
    """Return the mixes that are held against what was usual of late."""
    wanted: list[MixKind] = []
    if asked.callers is not None:
        wanted.append("Callers")
    if asked.errors is not None:
        wanted.append("Errors")
    if not wanted or s.answers is None:
        return []
    used = s.used
    if silent := s.silent:
        # What a client asks goes to one pod while its connection lasts: a part is not like it all.
        why = f"{silent} of {s.asked} ready pods did not answer, and nothing is learned without"
        unheard = [_known(status, kind, "", _key_of(status, kind)) for kind in wanted]
        return [Unseen(m, f"{called(m)}: {why}") for m in unheard]
    if used is None:
        why = "no pod answered"
        if s.stable_windows:
            why = "the pods' image does not count it: ask for the newest one (request: refresh)"
        nothing = [_known(status, kind, "", _key_of(status, kind)) for kind in wanted]
        return [Unseen(m, f"{called(m)}: {why}") for m in nothing]
    start, end, usage = used.start, used.end, used.usage
    found: list[Seen | Unseen] = []
    for kind in wanted:
        if kind == "Callers" and not usage.header:
            m = MixStatus(kind=kind)
            why = "set spec.serving.callerHeader of the ModelDeployment"
            found.append(Unseen(m, f"callers: nobody counts them; {why}"))
            continue
        m = _known(status, kind, "", usage.header if kind == "Callers" else "errors")
        read = usual_mixes.callers if kind == "Callers" else usual_mixes.errors
        about = usual_mixes.worst_inputs(usage) if kind == "Errors" else {}
        found.append(_learnt(s, asked, m, usual_mixes.window(start, end, usage, read), about))
    return found


def _key_of(status: MonitorStatus, kind: MixKind) -> str:
    return next((m.key for m in status.mix if m.kind == kind), "")


def _learnt(
    s: MonitorSnapshot, asked: Mix, m: MixStatus, seen: usual_mixes.Window, about: Mapping[str, str]
) -> Seen | Unseen:
    requests, fewest = sum(seen.total.values()), s.monitor.spec.minimum_samples
    since = m.since or s.now
    ready = since + timedelta(seconds=seconds(asked.learn))
    if m.since is None or s.now < ready:
        why = f"{called(m)}: it is learned what is usual, until {ready:%Y-%m-%d %H:%M:%S}"
        return Unseen(m, why, seen)
    if requests < fewest:
        why = f"{called(m)}: {counted(requests, 'request')} came in the window, "
        return Unseen(m, f"{why}{fewest} are needed", seen)
    usual = usual_mixes.usual(m, seen.start, seen.end, fewest)
    enough = max(fewest, FEWEST_VALUES)
    of_week = usual_mixes.usual_of_week(m, seen.start, seen.end, enough)
    names = sorted({*usual, *(of_week or ()), *seen.total} - {usual_mixes.OTHERS})

    def cells(found: usual_mixes.Counts) -> Counts:
        return Counts(tuple(found.get(n, 0.0) for n in names), found.get(usual_mixes.OTHERS, 0.0))

    parts = tuple(map(cells, seen.parts))
    feature = Feature(key(m), False, cells(usual), cells(seen.total), slices=parts)
    weekly = replace(feature, reference=cells(of_week)) if of_week is not None else None
    return Seen(m, feature, names, "request", weekly, seen, about)
