"""Whatever happens in whatever order: one report at a time, and numbers that only go up."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from report_world import FROM_LOG, ReportWorld, told

from effort import examples

HAPPENINGS = ["look"] * 6 + ["killed", "taken out", "given back", "edited", "ended", "gone", "hour"]


class Walk(ReportWorld):
    """A monitor that is edited, an operator that is killed, Jobs that end and are cleaned up."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = {"report": {"every": "1h"}, "performance": FROM_LOG}
        self.seen: set[str] = set()

    @property
    def going(self) -> list[str]:
        return [name for name, job in self.objects.items() if not job.get("status")]

    def happens(self, what: str) -> None:
        is_asked = self.monitor.spec.report is not None
        if what == "look":
            self.seen |= self.objects.keys() - set(self.going)
            self.step(after=30)
        elif what == "killed":
            self.step(cut=1)
        elif what == "taken out" and is_asked:
            self.change(report=None, performance=None)
        elif what == "given back" and not is_asked:
            self.change(**self.asked)
        elif what == "edited" and is_asked:
            self.change(performance={**FROM_LOG, "window": f"{24 + len(self.made)}m"})
        elif what == "ended" and self.going:
            self.finish(told(int(self.going[0].rsplit("-", 1)[1]), self.now))
        elif what == "gone":  # its time to live is hours: it was looked at
            self.objects = {n: job for n, job in self.objects.items() if n not in self.seen}
        elif what == "hour":
            self.now += timedelta(hours=1)


@settings(max_examples=examples(400), deadline=None)
@given(st.lists(st.sampled_from(HAPPENINGS), max_size=60))
def test_one_at_a_time_and_numbers_only_go_up(happenings: list[str]) -> None:
    walk = Walk()
    for what in happenings:
        walk.happens(what)
        assert len(walk.going) <= 1
    numbers = [int(name.rsplit("-", 1)[1]) for name in walk.made]
    assert numbers == sorted(set(numbers))
    assert not [e for e in walk.told if "JobGone" in e.message or "NameConflict" in e.message]
    # It goes on by itself, however it stands.
    walk.change(**walk.asked)
    for _ in range(8):
        walk.happens("look")
        walk.happens("ended")
    assert walk.condition()[0] == "True"
