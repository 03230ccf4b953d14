"""Envoy Gateway beside what the loop has left, and a client that asks through it."""

from collections import Counter
from collections.abc import Iterator

import pytest

from cluster.gateway import client
from localcluster import gateway as envoy
from localcluster.__main__ import provider


@pytest.fixture(scope="session")
def gateway(answers: Counter[str]) -> Iterator[None]:
    """Install Envoy Gateway where it is missing, and start the client."""
    envoy.install(provider().gateway_images())
    client.start()
    yield
    client.end()
