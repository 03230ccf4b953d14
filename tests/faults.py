"""What is known to be wrong: a test of the right value fails until its fault is mended."""

import pytest


def fault(row: str, what: str) -> pytest.MarkDecorator:
    """Mark a test that a fault breaks; once the fault is mended, the mark must go."""
    return pytest.mark.xfail(strict=True, reason=f"{row}: {what}")
