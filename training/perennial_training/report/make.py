"""Make a report: read, count, draw, publish, tell."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd

from perennial_artifact.manifest import PROFILE, Manifest
from perennial_artifact.profile import Profile
from perennial_artifact.report import (
    LabelDelay,
    ReportResult,
    ReportSpec,
    SliceValue,
)
from perennial_artifact.result import Note
from perennial_artifact.store import ArtifactNotFound, StoreUnreachable, fetch
from perennial_statistics.numbers import in_percent
from perennial_training.report import log
from perennial_training.report.cohorts import cohorts, first_read, how_late, usual_delays
from perennial_training.report.early import early
from perennial_training.report.features import distributions
from perennial_training.report.findings import Findings, Result, results
from perennial_training.report.measures import measure_of
from perennial_training.report.page import page
from perennial_training.report.predicted import Predicted, predicted
from perennial_training.report.publish import publish
from perennial_training.report.slices import CHANCE, slices

MOST_DELAYS, MOST_SLICES, MOST_NOTES = 16, 10, 16


def make(spec: ReportSpec, secrets: Path) -> tuple[ReportResult, str]:
    """Return what the operator is told, and the page, which is published where the store takes it.

    What was counted is told whether it does or not: limits are judged by it, and people have the
    page from the pod's log.

    Raises:
        ArtifactError: the store is at fault.
    """
    manifest, profile = _artifact(spec, secrets)
    found = find(spec, manifest, profile, _logged(spec, secrets))
    text = page(found)
    try:
        return told(found, publish(spec.into, spec.number, text, secrets / "log")), text
    except StoreUnreachable as error:
        result = told(found, "")
        not_stored = Note(check="page", message=str(error)[:512])
        return result.replace(notes=[not_stored, *result.notes[: MOST_NOTES - 1]]), text


def _artifact(spec: ReportSpec, secrets: Path) -> tuple[Manifest, Profile | None]:
    """Return the version's manifest and profile, None where it has none."""
    with tempfile.TemporaryDirectory() as place:
        into, uri = Path(place), spec.artifact_uri
        manifest = fetch(uri, spec.artifact_sha256, into, secrets / "store", only=(PROFILE,))
        file = into / PROFILE
        return manifest, Profile.from_json(file.read_bytes()) if file.is_file() else None


def _logged(spec: ReportSpec, secrets: Path) -> log.Logged:
    def wanted(name: str) -> bool:
        return name.startswith(("input.", "output."))

    since = pd.Timestamp(first_read(spec), unit="s", tz="UTC").to_pydatetime()
    try:
        return log.read(spec.log_uri, secrets / "log", since, spec.until, wanted)
    except ArtifactNotFound:
        return log.nothing()


def find(
    spec: ReportSpec, manifest: Manifest, profile: Profile | None, logged: log.Logged
) -> Findings:
    """Return all that a report says of a log."""
    versions = logged.rows["version"].astype(str)
    rows = logged.rows[versions == spec.version].reset_index(drop=True)
    of_model = predicted(rows, tuple(manifest.classes))
    measures = [measure_of(m) for m in spec.metrics]
    lacks = [m.lacks(of_model) for m in measures]
    mature, late = how_late(spec, of_model)
    by_time = cohorts(spec, of_model, measures, mature)
    notes = [*logged.notes]
    absent = [f for f in spec.slices if f"input.{f}" not in rows]
    if absent and len(rows):
        notes.append(
            f"performance.slices names {', '.join(absent)}, which the log has not: add what may "
            "be logged to requestLog.features"
        )
    worse = []
    if mature is not None and len(rows):
        last = by_time.until - mature
        settled = (of_model.made < last) & (of_model.made >= last - spec.window_seconds)
        features = [f for f in spec.slices if f not in absent]
        chosen = rows[settled].reset_index(drop=True)
        worse = slices(chosen, predicted(chosen, of_model.classes), features, measures)
    moved = None
    if profile is not None and len(rows):
        until = spec.until.timestamp()
        moved = distributions(profile, rows, of_model, spec.window_seconds, until, spec.same_hours)
        for name, count in moved.no_numbers.items():
            notes.append(
                f"{name} is a number, and {in_percent(count / moved.rows)} of the newest values in "
                "the log are text: they count as missing"
            )
    return Findings(
        spec=spec,
        log=logged,
        predictions=len(rows),
        cohorts=by_time,
        results=with_early(spec, of_model, results(by_time, measures, lacks), mature),
        slices=worse,
        distributions=moved,
        lateness=late,
        versions={str(v): int(n) for v, n in versions.value_counts().items()},
        notes=notes,
    )


def with_early(
    spec: ReportSpec, of_model: Predicted, found: list[Result], mature: float | None
) -> list[Result]:
    """Return results with what is known of predictions whose labels still come."""
    if mature is None:
        return found
    until, delays = spec.until.timestamp(), usual_delays(spec, of_model, mature)

    def with_estimate(result: Result) -> Result:
        if result.measure.lacks(of_model):
            return result
        estimate = early(of_model, result.measure, delays, until, until - mature)
        return replace(result, early=estimate if estimate and estimate.known else None)

    return [with_estimate(result) for result in found]


def told(found: Findings, uri: str) -> ReportResult:
    """Return what the operator is told of it."""
    spec, measures = found.spec, [r.measure for r in found.results]
    counts, past = found.cohorts.told(measures)
    mature = found.cohorts.mature
    # Only what is lacking altogether: what is too little is for the operator to say.
    lacks = [r.why if r.value is None and not r.is_too_few else "" for r in found.results]
    worse = [s for s in found.slices if s.p <= CHANCE][:MOST_SLICES]
    return ReportResult(
        number=spec.number,
        version=spec.artifact_sha256,
        until=int(spec.until.timestamp()),
        predictions=found.predictions,
        cohort_seconds=spec.cohort_seconds,
        maturity_seconds=int(-(-mature // 1)) if mature is not None else None,
        cohorts=counts,
        past=past,
        delays=[
            LabelDelay(each.label[:253], each.labels, round(each.half), round(each.most))
            for each in found.lateness[:MOST_DELAYS]
        ],
        lacks=[text[:512] for text in lacks],
        slices=[
            SliceValue(
                s.feature,
                s.value,
                s.measure.asked.name,
                float(f"{s.score:.4g}"),
                float(f"{s.of_all:.4g}"),
                s.rows,
                float(f"{s.p:.3g}"),
            )
            for s in worse
        ],
        equal_rows=found.distributions.equal_rows if found.distributions is not None else None,
        uri=uri,
        notes=[Note(check="log", message=n[:512]) for n in found.notes[:MOST_NOTES]],
    )
