"""The page for people: one file that stands alone, with no script, nothing fetched, all escaped."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

import numpy as np

from perennial_artifact.profile import FeatureProfile
from perennial_statistics.drift import Counts, FeatureDrift
from perennial_statistics.late_labels import FEWEST_LABELS
from perennial_statistics.numbers import in_percent, ranges
from perennial_training.report.charts import (
    Frame,
    Point,
    bars_over_time,
    interval,
    line,
    steps,
    then_and_now,
)
from perennial_training.report.findings import Findings, Result, value_of
from perennial_training.report.slices import CHANCE, Slice
from perennial_training.report.style import STYLE

SHOWN_FEATURES = 12
"""Features that are drawn, the worst first; the others stand in a table."""
SHOWN_SLICES = 10
UNPROVEN = 3
"""Slices that are shown where none is worse beyond chance."""
WORDS = {"Kept": ("good", "kept"), "Broken": ("bad", "beyond its limit"),
         "Undecided": ("warn", "may be chance"), "Unknown": ("none", "not known")}  # fmt: skip


def page(found: Findings) -> str:
    """Return the whole page."""
    spec = found.spec
    title = f"{spec.deployment}: report {spec.number}"
    sections = [
        _header(found),
        _performance(found),
        _slices(found),
        _features(found),
        _timeline(found),
        _quality(found),
        _lateness(found),
        _story(found),
        _footer(found),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(sections)}</main></body></html>\n"
    )


def _header(found: Findings) -> str:
    spec = found.spec
    kind, sentence = verdict(found)
    settled = found.cohorts.settled()
    labels = int(found.cohorts.labels[settled].sum())
    known = found.distributions
    drifted = f"{len(known.report.drifted)} of {len(known.profiles)}" if known else "not known"
    facts = [
        ("predictions read", f"{found.predictions:,}"),
        ("labels in the window", f"{labels:,}"),
        ("labels are in after", _length(found.cohorts.mature)),
        ("features that drifted", drifted),
    ]
    cells = "".join(f"<div><dt>{escape(a)}</dt><dd>{escape(b)}</dd></div>" for a, b in facts)
    return (
        f'<header><p class="kind">{escape(spec.namespace)} / {escape(spec.monitor)} · report '
        f"{spec.number} · {_when(spec.until.timestamp())}</p>"
        f"<h1>{escape(spec.deployment)}, version {escape(spec.version)}</h1>"
        f'<p class="verdict {kind}">{escape(sentence)}</p>'
        f'<dl class="facts">{cells}</dl></header>'
    )


def verdict(found: Findings) -> tuple[str, str]:
    """Return how it stands, and that in one sentence."""
    by: dict[str, list[Result]] = {}
    for result in found.results:
        by.setdefault(result.verdict, []).append(result)
    drifted = found.distributions.report.drifted if found.distributions else ()
    moved = f"{', '.join(drifted[:3])} moved" if drifted else ""
    if broken := by.get("Broken"):
        told = "; ".join(_sentence(r) for r in broken[:2])
        return "bad", f"It predicts worse than is asked for: {told}{f'; {moved}' * bool(moved)}."
    if undecided := by.get("Undecided"):
        told = "; ".join(_sentence(r) for r in undecided[:2])
        return "warn", f"It may predict worse than is asked for: {told}, which may be chance."
    kept = by.get("Kept", [])
    if moved:
        but = ", and every limit that can be judged is kept" if kept else ""
        return "warn", f"Its inputs are not what it learned from: {moved}{but}."
    if kept:
        rest = f"; {len(by.get('Unknown', []))} cannot be judged yet" if by.get("Unknown") else ""
        told = "; ".join(_sentence(r) for r in kept[:2])
        return "good", f"It predicts as well as is asked for: {told}{rest}."
    if not found.predictions:
        return "none", f"The log has no prediction of {found.spec.version} in this time."
    if found.results:
        return "none", f"How well it predicts is not known: {found.results[0].why}."
    return "good" if found.distributions else "none", (
        "Its inputs are like what it learned from."
        if found.distributions
        else "Nothing is asked for, and it has no profile to compare with."
    )


def _sentence(result: Result) -> str:
    measure, value = result.measure, result.value
    assert value is not None
    asked = " and ".join(f"{words} {measure.shown(limit)}" for words, limit in measure.limits)
    return f"{measure.noun} {measure.shown(value.score)} ({asked} is asked for)"


def _performance(found: Findings) -> str:
    if not found.results:
        return ""
    cards = "".join(_metric(found, n, r) for n, r in enumerate(found.results))
    return (
        '<h2>How well it predicts</h2><p class="lead">By when predictions were made. A band is '
        "where the truth is (95 % sure); grey is too young: the labels that come first are not "
        f"like those that come late.</p>{cards}"
    )


def _metric(found: Findings, index: int, result: Result) -> str:
    measure, cohorts = result.measure, found.cohorts
    kind, word = WORDS[result.verdict]
    points = []
    for n in range(len(cohorts.places)):
        value = value_of(measure, cohorts.counts[n, index])
        if value is None:
            continue
        start = float(cohorts.starts[n])
        ends = start + cohorts.span
        ripe = not measure.matures or (
            cohorts.mature is not None and ends <= cohorts.until - cohorts.mature
        )
        title = f"{_when(start)}: {measure.shown(value.score)} of {value.rows:,}"
        points.append(
            Point(start + cohorts.span / 2, value.score, value.low, value.high, ripe, title)
        )
    head = (
        f'<div class="head"><h3>{escape(measure.asked.name)}</h3><span class="note">'
        f'{escape(measure.noun)}</span><span class="tag {kind}">{word}</span>'
        f'<span class="value">{_big(result)}</span></div>'
    )
    if not points:
        return f'<section class="card">{head}<p class="note">{escape(result.why)}</p></section>'
    limits = [(limit, f"{words} {measure.shown(limit)}") for words, limit in measure.limits]
    values = [v for p in points if p.mature for v in (p.low, p.high)] or [
        v for p in points for v in (p.low, p.high)
    ]
    low, high = min([*values, *(v for v, _ in limits)]), max([*values, *(v for v, _ in limits)])
    room = (high - low) * 0.08 or abs(high) * 0.1 or 0.1
    low, high = low - room, high + room
    if measure.is_share:
        low, high = max(0.0, low), min(1.0, high)
    frame = Frame(float(cohorts.starts[0]), cohorts.until, low, high)
    scale = [(v, measure.shown(v)) for v in steps(low, high)]
    until = cohorts.until - cohorts.mature if measure.matures and cohorts.mature else None
    drawing = line(points, frame, scale, limits, until, f"{measure.noun} over time")
    notes = [n for n in (result.why, _early(result)) if n]
    told = "".join(f'<p class="note">{escape(n)}</p>' for n in notes)
    return f'<section class="card">{head}{drawing}{told}</section>'


def _early(result: Result) -> str:
    """Return what is known of predictions whose labels still come, '' where nothing is."""
    found, measure = result.early, result.measure
    if found is None:
        return ""
    return (
        f"Of younger predictions {found.labels:,.0f} labels have come, "
        f"{in_percent(found.coverage)} of what is due: each counted for those like it that still "
        f"come, it is about {measure.shown(measure.score(found.value))}."
    )


def _big(result: Result) -> str:
    value, shown = result.value, result.measure.shown
    if value is None:
        return ""
    return (
        f'<strong>{shown(value.score)}</strong> <span class="note">{shown(value.low)} to '
        f"{shown(value.high)}, {value.rows:,} rows</span>"
    )


def _slices(found: Findings) -> str:
    if not found.spec.slices:
        return ""
    if not found.slices:
        return _empty("Where it is worse", _no_slices(found))
    worse = [s for s in found.slices if s.p <= CHANCE][:SHOWN_SLICES]
    rows = "".join(_slice(s) for s in worse or found.slices[:UNPROVEN])
    return (
        '<h2>Where it is worse</h2><p class="lead">Over predictions whose labels are in. The '
        "dashed line is the value over all. Chance is that any value of any of these features "
        "looks so bad while all are alike.</p>"
        '<section class="card"><div class="table"><table><thead><tr><th>where</th>'
        '<th class="n">here</th><th class="n">all</th><th class="draw"></th><th class="n">rows</th>'
        f'<th class="n">chance</th></tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


def _no_slices(found: Findings) -> str:
    """Return why no slice is shown."""
    asked = found.spec.slices
    if not found.predictions:
        return "Not known: there is no prediction."
    if not any(f"input.{name}" in found.log.rows for name in asked):
        return f"Not known: the log has no {', '.join(asked)}."
    if found.cohorts.mature is None:
        return "Not known: how late labels come is not known yet."
    labels = int(found.cohorts.labels[found.cohorts.settled()].sum())
    if labels < 2 * FEWEST_LABELS:
        return (
            f"Not known: {labels} labels of the window are in, and two values are compared where "
            f"each has {FEWEST_LABELS}."
        )
    return f"No value that has {FEWEST_LABELS} labels is worse than the others."


def _empty(title: str, why: str) -> str:
    """Return a section that has nothing to show."""
    return f'<h2>{escape(title)}</h2><p class="lead">{escape(why)}</p>'


def _slice(s: Slice) -> str:
    shown = s.measure.shown
    if s.measure.is_share:
        value = value_of(s.measure, np.array([s.rows, s.mean * s.rows, 0.0]))
        assert value is not None
        drawn = interval(value.low, value.score, value.high, s.of_all, (0.0, 1.0))
    else:
        drawn = ""
    alarm = ' class="n alarm"' if s.p <= CHANCE else ' class="n"'
    return (
        f"<tr><td>{escape(s.feature)} <strong>{escape(s.value)}</strong>"
        f'<br><span class="note">{escape(s.measure.asked.name)}</span></td>'
        f"<td{alarm}>{shown(s.score)}</td>"
        f'<td class="n">{shown(s.of_all)}</td><td class="draw">{drawn}</td>'
        f'<td class="n">{s.rows:,}</td><td class="n">{_chance(s.p)}</td></tr>'
    )


def _features(found: Findings) -> str:
    known = found.distributions
    if known is None or not known.rows:
        return _empty("What comes in", _nothing_came_in(found))
    newest: dict[str, FeatureDrift] = {}
    for drift in known.report.features:
        newest.setdefault(drift.feature, drift)
    worst = list(newest.values())
    cards = "".join(
        _feature(known.profiles[d.feature], known.now[d.feature], d) for d in worst[:SHOWN_FEATURES]
    )
    more = worst[SHOWN_FEATURES:]
    rest = ""
    if more:
        rows = "".join(
            f'<tr><td>{escape(d.feature)}</td><td class="n">{d.score:.3f}</td>'
            f'<td class="n">{_chance(d.p)}</td></tr>'
            for d in more[:500]
        )
        rest = (
            f'<details><summary>{len(more)} more</summary><div class="table"><table><thead><tr>'
            '<th>feature</th><th class="n">score</th><th class="n">chance</th></tr></thead><tbody>'
            f"{rows}</tbody></table></div></details>"
        )
    lacking = ""
    if known.lacking:
        names = ", ".join(known.lacking[:12])
        lacking = (
            f'<p class="note">The log has no {escape(names)}'
            f"{' and others' if len(known.lacking) > 12 else ''}: add what may be logged to "
            "requestLog.features.</p>"
        )
    hours = f", rows of {escape(known.hours)}" if known.hours else ""
    return (
        f'<h2>What comes in</h2><p class="lead">The newest {known.rows:,} predictions beside what '
        f"the version learned from{hours}, the worst first. The score is the population stability "
        "index beyond what chance gives.</p>"
        '<p class="key"><span>then, what it learned from</span><span class="live">now</span></p>'
        f'<div class="pairs">{cards}</div>{rest}{lacking}'
    )


def _nothing_came_in(found: Findings) -> str:
    if found.predictions and found.distributions is None:
        return (
            "Not known: the version has no profile of what it learned from, as one that was not "
            "trained here."
        )
    span = _length(found.spec.window_seconds)
    return f"Not known: the log has no prediction of this version in its newest {span}."


def _feature(profile: FeatureProfile, now: Counts, drift: FeatureDrift) -> str:
    then = Counts(tuple(profile.counts), profile.other, profile.missing)
    names, parts = _bins(profile), []
    for counts in (then, now):
        values = [*counts.values]
        values += [counts.other] if profile.kind == "Categorical" else []
        parts.append([v / counts.rows if counts.rows else 0.0 for v in values])
    if profile.kind == "Categorical":
        if not parts[0][-1] and not parts[1][-1]:
            names, parts = names[:-1], [p[:-1] for p in parts]
        order = sorted(range(len(names)), key=lambda n: -max(parts[0][n], parts[1][n]))[:14]
        names = [names[n] for n in order]
        parts = [[p[n] for n in order] for p in parts]
    drawing = then_and_now(parts[0], parts[1], names, f"{profile.name}, then and now")
    tag = '<span class="tag bad">drifted</span>' if drift.drifted else ""
    missing = [c.missing / c.rows if c.rows else 0.0 for c in (then, now)]
    told = f"missing {in_percent(missing[0])} then, {in_percent(missing[1])} now" * any(missing)
    note = f'<p class="note">{told}</p>' if told else ""
    return (
        f'<section class="card"><div class="head"><h3>{escape(profile.name)}</h3>{tag}'
        f'<span class="value">{drift.score:.3f}</span></div>{drawing}{note}</section>'
    )


def _bins(profile: FeatureProfile) -> list[str]:
    if profile.kind == "Categorical":
        return [*profile.categories, "others"]
    return ranges(profile.edges)


def _timeline(found: Findings) -> str:
    cohorts, looks = found.cohorts, found.spec.story.looks
    if not len(cohorts.places):
        return _empty("Over time", "There is no prediction to show.")
    end = cohorts.until
    start = float(cohorts.starts[0])
    volume = [
        (float(s), float(n), f"{_when(float(s))}: {int(n):,}")
        for s, n in zip(cohorts.starts, cohorts.given, strict=True)
    ]
    most = float(cohorts.given.max()) * 1.08 or 1.0
    frame = Frame(start, end, 0.0, most, height=140)
    drawn = bars_over_time(volume, frame, cohorts.span, "predictions over time")
    parts = [
        '<h2>Over time</h2><section class="card"><div class="head"><h3>Predictions</h3>'
        f'<span class="note">each {_length(cohorts.span)}</span></div>{drawn}</section>'
    ]
    points = [
        Point(
            look.time.timestamp(),
            look.score,
            look.score,
            look.score,
            look.drifted != "Unknown",
            f"{_when(look.time.timestamp())}: {look.score:.3f} of {look.samples:,} rows",
        )
        for look in looks
        if look.score is not None
    ]
    if len(points) > 1:
        need = found.spec.story.need
        high = max([p.value for p in points] + ([need] if need else [])) * 1.15 or 0.1
        frame = Frame(points[0].time, points[-1].time, 0.0, high, height=150)
        scale = [(v, f"{v:.3g}") for v in steps(0.0, high, 3)]
        limits = [(need, f"drift needs {need:.3g}")] if need else []
        drawn = line(points, frame, scale, limits, None, "worst drift score over time")
        parts.append(
            '<section class="card"><div class="head"><h3>Worst drift score</h3><span class="note">'
            f"at the monitor's last {len(points)} looks</span></div>{drawn}</section>"
        )
    return "".join(parts)


def _quality(found: Findings) -> str:
    rows: list[tuple[str, str, str, bool]] = []
    known = found.distributions if found.distributions and found.distributions.rows else None
    if known is not None:
        broken = {(b.feature, b.check) for b in known.report.breaches}
        for name, profile in known.profiles.items():
            now = known.now[name]
            checks = [
                ("Missing", now.missing, profile.missing),
                ("OutOfRange", now.out_of_range, 0),
            ]
            if profile.kind == "Categorical":
                checks.append(("UnseenCategory", now.other, profile.other))
            for check, count, before in checks:
                is_broken = (name, check) in broken
                if count or is_broken:
                    share = in_percent(count / now.rows) if now.rows else "0%"
                    what = f"{name}: {CHECKS[check]}"
                    then = in_percent(before / profile.rows) if before else "0%"
                    rows.append((what, share, then, is_broken))
        for name, count in known.no_numbers.items():
            rows.append((f"{name}: text and no number", in_percent(count / known.rows), "0%", True))
        for name in known.unknown:
            rows.append((f"{name}: logged, and not among what it learned from", "", "", False))
    rows.sort(key=lambda r: (not r[3], r[0]))
    if known is not None and (equal := known.equal_rows) is not None:
        is_broken = equal.found - equal.usual > found.spec.duplicates_maximum
        what = f"rows that repeat another one, of {equal.rows:,}"
        rows.append((what, in_percent(equal.found), in_percent(equal.usual), is_broken))
    log = found.log
    if log.repeated:
        rows.append(("rows whose id was used before", f"{log.repeated:,}", "", False))
    others = {v: n for v, n in found.versions.items() if v != found.spec.version}
    for version, count in sorted(others.items(), key=lambda i: -i[1])[:5]:
        rows.append((f"predictions of {version}, not judged here", f"{count:,}", "", False))
    if not rows:
        nothing = "Nothing is missing, nothing is new, and nothing is beyond what it learned from."
        why = nothing if known is not None else "Not known: there is nothing to compare."
        return _empty("Quality of the values", why)
    body = "".join(
        f'<tr><td>{escape(what)}</td><td class="n{" alarm" * bad}">{now}</td>'
        f'<td class="n">{then}</td></tr>'
        for what, now, then, bad in rows[:40]
    )
    return (
        '<h2>Quality of the values</h2><section class="card"><div class="table"><table><thead><tr>'
        '<th>what</th><th class="n">now</th><th class="n">then</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


CHECKS = {
    "Missing": "missing",
    "OutOfRange": "outside of what it learned from",
    "UnseenCategory": "categories that were never seen",
}


def _lateness(found: Findings) -> str:
    if not any(r.measure.matures for r in found.results):
        return ""
    if not found.lateness:
        why = "Not known: too few labels have come of predictions that are old enough."
        return _empty("How late labels come", why)
    body = "".join(
        f'<tr><td>{escape(each.label or "all")}</td><td class="n">{_length(each.half)}</td>'
        f'<td class="n">{_length(each.most)}</td><td class="n">{each.labels:,}</td></tr>'
        for each in found.lateness
    )
    return (
        '<h2>How late labels come</h2><p class="lead">Of predictions that are old enough for it to '
        'be known.</p><section class="card"><div class="table"><table><thead><tr><th>label</th>'
        '<th class="n">half within</th><th class="n">95 % within</th><th class="n">labels</th></tr>'
        f"</thead><tbody>{body}</tbody></table></div></section>"
    )


def _story(found: Findings) -> str:
    story = found.spec.story
    happened = "".join(
        f'<tr><td class="when">{_when(m.time.timestamp())}</td><td>{escape(m.message)}</td></tr>'
        for m in reversed(story.happened)
    )
    said = "".join(
        f'<tr><td class="word">{escape(c.type)}</td><td class="word">{escape(c.status)}</td>'
        f"<td>{escape(c.message)}</td></tr>"
        for c in story.conditions
    )
    parts = []
    if not happened:
        parts.append(_empty("What was done", "Nothing that the monitor remembers."))
    else:
        parts.append(
            '<h2>What was done</h2><section class="card"><div class="table"><table class="told">'
            f"<tbody>{happened}</tbody></table></div></section>"
        )
    if said:
        parts.append(
            '<h2>What the monitor said before</h2><section class="card"><div class="table">'
            '<table class="told"><thead><tr><th>condition</th><th>is</th><th>because</th></tr>'
            f"</thead><tbody>{said}</tbody></table></div></section>"
        )
    return "".join(parts)


def _footer(found: Findings) -> str:
    notes = "".join(f"<p>{escape(n)}</p>" for n in found.notes)
    return (
        f"<footer>{notes}<p>Read from {found.log.files:,} files of the request log. Whether a "
        "limit is broken is judged by the operator, by the same numbers and with the chance of "
        "looking often taken off; this page shows what it judges.</p></footer>"
    )


def _when(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _length(seconds: float | None) -> str:
    if seconds is None:
        return "not known"
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size or seconds == size:
            number = f"{seconds / size:.3g}"
            return f"{number} {word}{'' if number == '1' else 's'}"
    number = f"{seconds:.3g}"
    return f"{number} second{'' if number == '1' else 's'}"


def _chance(p: float) -> str:
    if p >= 0.995:
        return "1"
    return f"{p:.2g}" if p >= 1e-4 else "< 0.0001"
