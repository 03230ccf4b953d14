"""The few values by which people see how a metric went."""

COURSE = 20
"""Values that are kept."""


def followed(course: list[float], value: float | None, count: int) -> list[float]:
    """Return the course with the newest of ``count`` values.

    It holds every value, then each second one, each fourth, and so on: the whole of a canary.
    """
    every = _step(count)
    kept = course[::2] if every > _step(count - 1) else course
    if value is not None and count % every == 0:
        kept = [*kept, value]
    return kept[-COURSE:]


def _step(count: int) -> int:
    step = 1
    while count > COURSE * step:
        step *= 2
    return step
