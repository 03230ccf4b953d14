"""A ModelVersion: what it learned from, how good it proved, and what became of it."""

from __future__ import annotations

from datetime import datetime

from rich.console import RenderableType

from perennial.api.values import Json
from perennial.api.version import VersionStatus
from perennial.cli.kinds import TRAINING, VERSION
from perennial.cli.lenient import at, beyond, count, entries, names_of, part, text
from perennial.cli.shown.decided import ended
from perennial.cli.shown.heading import heading
from perennial.cli.shown.page import facts, page, table, unknown
from perennial.cli.shown.training import dataset, metric


def version(body: Json, now: datetime) -> RenderableType:
    """Return all that is worth knowing of a ModelVersion."""
    spec, status = part(body, "spec"), part(body, "status")
    metrics = [metric(m) for m in entries(spec.get("metrics"))]
    served = [
        (text(d.get("name")), text(d.get("role"))) for d in entries(status.get("deployments"))
    ]
    return page(
        heading(body, now),
        facts(
            [
                ("FROM", source(spec)),
                ("ALGORITHM", text(spec.get("algorithm"))),
                ("METRICS", "\n".join(metrics)),
                ("DATASET", dataset(part(spec, "dataset"))),
                ("PARENT", VERSION.called(parent) if (parent := text(spec.get("parent"))) else ""),
                ("TAKES", _tensors(at(spec, "signature.inputs"))),
                ("GIVES", _tensors(at(spec, "signature.outputs"))),
                ("ARTIFACT", text(at(spec, "artifact.uri"))),
                ("SHA256", text(at(spec, "artifact.sha256"))),
            ]
        ),
        table(("DEPLOYMENT", "ROLE"), served) if served else None,
        ended(status, now),
        unknown(beyond(status, names_of(VersionStatus))),
    )


def source(spec: Json) -> str:
    """Return where a version comes from."""
    if (name := text(at(spec, "source.trainingRef.name"))) == "":
        origin = text(at(spec, "source.imported.origin"))
        return f"imported: {origin}" if origin else ""
    run, candidate = count(at(spec, "source.run")), text(at(spec, "source.candidate"))
    return f"{TRAINING.called(name)}, run {run}, candidate {candidate}"


def _tensors(value: object) -> str:
    """Return inputs or outputs by name; of many the first."""
    names = [f"{text(t.get('name'))} {text(t.get('datatype'))}" for t in entries(value)]
    more = f", and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(names[:12]) + more
