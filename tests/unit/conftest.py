"""Properties are judged by what they find, not by how long a busy machine takes to look."""

from hypothesis import HealthCheck, settings

from effort import examples

settings.register_profile(
    "patient",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=examples(100),
)
settings.load_profile("patient")
