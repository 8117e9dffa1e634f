"""A whole installation for the journeys: a gateway, a write tier, three replicas, projector and bridge, each a process.

The stores are beside it, so that a test can take them away. It is the run's: a test leaves everything running behind.
"""

from collections.abc import Iterator

import pytest

from support.installation import Installation, installed, stores
from support.servers import Chosen
from support.waiting import eventually


@pytest.fixture(scope="session")
def _installation(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    directory = tmp_path_factory.mktemp("installation")
    with stores(chosen, directory) as own, installed(directory, own.environ) as run:
        yield Installation(run, *own)


@pytest.fixture
def installation(_installation: Installation) -> Iterator[Installation]:
    """The installation, whole before the test and after it, when all its stores agree."""
    assert eventually(_installation.is_whole, timeout_s=40), _installation.titan.said()[-4000:]
    yield _installation
    assert eventually(_installation.is_whole, timeout_s=40), _installation.titan.said()[-4000:]
    said = _installation.verified()
    assert said.splitlines()[-1].startswith("OK:"), said
