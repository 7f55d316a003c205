from collections.abc import Iterator

import pytest

from tests.support.studio import Studio


@pytest.fixture(scope="session")
def running_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One studio for the whole run, with tiny pictures."""
    with Studio.start(tmp_path_factory.mktemp("studio")) as studio:
        yield studio


@pytest.fixture
def studio(running_studio: Studio) -> Studio:
    """The running studio with no jobs, bill, requests or faults."""
    running_studio.reset()
    return running_studio
