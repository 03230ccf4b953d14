"""A status is cut to what its schema can hold."""

from builders import NOW, later

from perennial.api.deployment import AnalysisStatus, DeploymentStatus, Rejection
from perennial.api.fit import fit
from perennial.api.monitor import MonitorStatus


def test_lists_keep_their_end_and_texts_their_beginning() -> None:
    found = {**AnalysisStatus().__dict__, "missing": ["p"] * 300, "judged_until": NOW}
    analysis = AnalysisStatus.model_construct(**found)
    rejected = [
        Rejection(revision=f"r{n}", version="", reason="R", message="m", time=NOW) for n in range(9)
    ]
    long = {"paused": "P" * 99, "selector": "s" * 2000}
    status = DeploymentStatus().having(analysis=analysis, rejected=rejected, **long)
    cut = fit(status)
    assert [r.revision for r in cut.rejected] == ["r4", "r5", "r6", "r7", "r8"]
    assert cut.analysis is not None and len(cut.analysis.missing) == 8
    assert len(cut.paused) == 64
    DeploymentStatus.model_validate(cut.to_json())


def test_what_fits_is_the_same_object() -> None:
    status = MonitorStatus(action_times=[later(n) for n in range(5)])
    assert fit(status) is status
