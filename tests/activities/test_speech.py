"""Speech that was paid for and cannot be used, or that another purchase holds."""

from datetime import datetime
from pathlib import Path

import pytest

from activities.speech import SpeechActivities
from activities.wanted import Wanted
from activities.workshop import Workshop
from domain.jobs import OPEN_STATES
from models.enums import FailureCode, Provider, Step
from models.requests import SpeechRequest
from providers.errors import ProviderError
from providers.ports import SpeechAudio
from store.objects.local import LocalObjectStore
from tests.activities.shop import RUN, S, Shop
from tests.providers.conftest import SPEECH

GARBAGE = SpeechAudio(b"ID3" + b"\0" * 600, None, "rq1", 5)


class Speaker:
    """A vendor that always has the same to say, and notes which ids were said to be taken."""

    provider = Provider.ELEVENLABS

    def __init__(self, audio: SpeechAudio) -> None:
        self._audio = audio
        self.taken: frozenset[str] = frozenset()

    async def synthesize(self, request: SpeechRequest) -> SpeechAudio:
        """The audio."""
        return self._audio

    async def recover(
        self, request: SpeechRequest, *, since: datetime, taken: frozenset[str] = frozenset()
    ) -> SpeechAudio | None:
        """The audio, unless it is another purchase's."""
        self.taken = taken
        return None if self._audio.request_id in taken else self._audio

    async def check(self) -> str:
        """Never asked here."""
        raise AssertionError

    async def check_voice(self, voice_id: str, model: str) -> str:
        """Never asked here."""
        raise AssertionError


@pytest.mark.parametrize("lost", [False, True], ids=["in the answer", "in the history"])
async def test_no_speech_in_what_was_paid(shop: Shop, objects: LocalObjectStore, tmp_path: Path, *, lost: bool) -> None:
    """What cannot be decoded ends the purchase, with what it cost and the vendor's id, and the next one is another."""
    job = await shop.purchases.begin(wanted_speech())
    if lost:
        await shop.purchases.move(job, S.SENT)
    speech = activities(shop, objects, tmp_path, Speaker(GARBAGE))
    with pytest.raises(ProviderError) as caught:
        await (speech.recover(job) if lost else speech.buy(job, SPEECH))
    row = await shop.row()
    assert (caught.value.code, row.state, row.request_id) == (FailureCode.MEDIA_INVALID, S.FAILED, "rq1")
    assert row.actual_cost_micros
    assert row.state not in OPEN_STATES
    assert (await shop.purchases.begin(wanted_speech())).take == 2


async def test_the_speech_of_another_purchase(shop: Shop, objects: LocalObjectStore, tmp_path: Path) -> None:
    """Audio of the same words that another purchase holds, of another seed for one, is not found again for this one."""
    first = await shop.purchases.begin(wanted_speech(SPEECH.model_copy(update={"seed": 5})))
    speech = activities(shop, objects, tmp_path, Speaker(GARBAGE))
    second = await shop.purchases.begin(wanted_speech())
    await shop.purchases.move(second, S.SENT)
    with pytest.raises(ProviderError):
        await speech.buy(first, SPEECH)
    assert not await speech.recover(second)


def wanted_speech(request: SpeechRequest = SPEECH) -> Wanted:
    """What a scene is to say."""
    return Wanted(RUN, Step.SPEECH, Provider.ELEVENLABS, request)


def activities(shop: Shop, objects: LocalObjectStore, folder: Path, speaker: Speaker) -> SpeechActivities:
    """The activity's parts, with this vendor."""
    workshop = Workshop(objects, folder / "scratch")
    return SpeechActivities(database=shop.database, purchases=shop.purchases, workshop=workshop, provider=speaker)
