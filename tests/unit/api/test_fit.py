"""A status is cut to what its schema can hold."""

from builders import NOW, later

from perennial.api.deployment import AnalysisStatus, DeploymentStatus, PodCounts, Rejection
from perennial.api.fit import fit
from perennial.api.monitor import MonitorStatus


def test_lists_keep_their_end_and_texts_their_beginning() -> None:
    count = PodCounts.model_construct(pod="p" * 300, start=0.0, counts=[1.0])
    found = {**AnalysisStatus().__dict__, "canary": [count] * 300, "look_time": NOW}
    analysis = AnalysisStatus.model_construct(**found)
    rejected = [
        Rejection(revision=f"r{n}", version="", reason="R", message="m", time=NOW) for n in range(9)
    ]
    status = DeploymentStatus().model_copy(
        update={
            "analysis": analysis,
            "rejected": rejected,
            "paused": "P" * 99,
            "selector": "s" * 2000,
        }
    )
    cut = fit(status)
    assert [r.revision for r in cut.rejected] == ["r4", "r5", "r6", "r7", "r8"]
    assert cut.analysis is not None and len(cut.analysis.canary) == 64
    assert len(cut.analysis.canary[0].pod) == 16 and len(cut.paused) == 64
    DeploymentStatus.model_validate(cut.to_json())


def test_what_fits_is_the_same_object() -> None:
    status = MonitorStatus(action_times=[later(n) for n in range(5)])
    assert fit(status) is status
