"""What every test may ask for: a studio alone, or the whole of Devatar."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.stack import Stack, running_stack
from tests.support.studio import Studio


@pytest.fixture(scope="session")
def running_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One studio for the whole run, with tiny pictures."""
    with Studio.start(tmp_path_factory.mktemp("studio")) as studio:
        yield studio


@pytest.fixture
def studio(running_studio: Studio) -> Studio:
    """The running studio with nothing remembered but the files that it has made."""
    running_studio.reset()
    return running_studio


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The whole of Devatar, started once for the run, with tiny pictures."""
    async with running_stack(tmp_path_factory.mktemp("stack"), "320x180") as running:
        yield running
