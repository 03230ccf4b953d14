"""The pages that are held against golden text and shown in docs/kubectl.md, by command."""

from collections.abc import Callable

import scenes as s
from rich.console import RenderableType

from perennial.cli.shown import history
from perennial.cli.shown.deployment import deployment
from perennial.cli.shown.heading import standing
from perennial.cli.shown.lineage import Objects, lineage
from perennial.cli.shown.monitor import monitor
from perennial.cli.shown.overview import overview, plain_list
from perennial.cli.shown.training import training
from perennial.cli.shown.version import version

Page = Callable[[int], RenderableType]
OBJECTS = Objects(s.everything())
RECORDS = [
    s.record(s.FIRST, "flights-1", 288),
    s.record(s.SECOND, "flights-2", 21, "refresh/anna 2026-11-26T11:59:38.120Z"),
]
SECOND = s.everything()[2]

PAGES: dict[str, tuple[str, Page]] = {
    "everything": ("get", lambda _: overview(s.everything(), s.NOW, False)),
    "everywhere": ("get -A", lambda _: overview(s.everything(), s.NOW, True)),
    "versions": ("get versions", lambda _: plain_list(s.everything()[1:3], s.NOW, False)),
    "canary": (
        "watch deployment flights",
        lambda width: deployment(s.deployment(), s.PODS, s.NOW, width),
    ),
    "crashing": (
        "get deployment flights",
        lambda width: deployment(s.deployment(), [*s.PODS, s.CRASHING], s.NOW, width),
    ),
    "paused": (
        "get deployment flights",
        lambda width: deployment(s.paused(), s.PODS, s.NOW, width),
    ),
    "rolled-back": (
        "get deployment flights",
        lambda width: deployment(s.rolled_back(), s.PODS[:2], s.NOW, width),
    ),
    "at-rest": (
        "get deployment flights",
        lambda width: deployment(s.at_rest(), s.PODS[2:], s.NOW, width),
    ),
    "experiment": (
        "watch deployment flights",
        lambda width: deployment(s.experiment(), s.PODS, s.NOW, width),
    ),
    "experiment-over": (
        "get deployment flights",
        lambda width: deployment(s.experiment_over(), s.PODS, s.NOW, width),
    ),
    "preview": (
        "get deployment flights",
        lambda width: deployment(s.preview(), s.PODS, s.NOW, width),
    ),
    "newer-operator": (
        "get deployment flights",
        lambda width: deployment(s.of_a_newer_operator(), s.PODS, s.NOW, width),
    ),
    "training": ("get training flights", lambda _: training(s.training(), s.NOW)),
    "version": ("get version flights-2", lambda _: version(SECOND, s.NOW)),
    "monitor": ("get monitor flights", lambda _: monitor(s.monitor(), s.NOW)),
    "lineage": ("lineage deployment flights", lambda _: lineage(s.deployment(), OBJECTS)),
    "history": (
        "history deployment flights",
        lambda _: history.of_deployment(s.rolled_back(), RECORDS, s.NOW),
    ),
    "history-training": (
        "history training flights",
        lambda _: history.of_training(s.training(), s.everything()[1:3], s.NOW),
    ),
    "history-version": (
        "history flights-2",
        lambda _: history.of_version(SECOND, [s.everything()[1]], s.NOW),
    ),
    "history-monitor": (
        "history monitor flights",
        lambda _: history.of_monitor(s.monitor(), s.NOW),
    ),
    "status": ("status deployment flights", lambda _: standing(s.rolled_back())),
}
