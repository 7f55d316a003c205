import pytest

from studio.media.clip import animate
from studio.media.portrait import draw_portrait
from studio.media.speech import Spoken, speak

# The smallest picture in which the face detector follows every drawn person that was tried.
WIDTH, HEIGHT = 256, 144
SCRIPT = (
    "Good morning, everybody. Today I want to show you how a written scene becomes a talking video. "
    "People often ask me how long it takes."
)


@pytest.fixture(scope="session")
def spoken() -> Spoken:
    return speak(SCRIPT, voice="narrator")


@pytest.fixture(scope="session")
def portrait() -> bytes:
    return draw_portrait("person in a modern office, navy suit", face="lora-1", seed=7, width=512, height=288)


@pytest.fixture(scope="session")
def clip(portrait: bytes) -> bytes:
    return animate(portrait, tail=portrait, seconds=5, width=WIDTH, height=HEIGHT)
