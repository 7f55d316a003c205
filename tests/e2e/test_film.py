"""Whole films, from the written scene to the checked file, measured as a viewer would."""

from pathlib import Path

import pytest

from models.enums import SceneStatus
from tests.support.measure import film_facts, mouth_sound_correlation, word_recall
from tests.support.stack import Stack

ONE_AND_A_HALF_SECONDS = "Thank you for watching."
SEVEN_SECONDS = "Hello, and thank you for watching. Today I want to show you how this little film was made for you."
TWELVE_SECONDS = (
    SEVEN_SECONDS
    + " It started with a few lines of text. Then a computer found the right voice and made the picture move."
)
THIRTY_SECONDS = (
    TWELVE_SECONDS
    + " After that, the lips were changed so that they follow the sound. If the first part of the work is already done,"
    " it is not done again. The people who pay for the work can see every step, how long it took, and what it cost."
    " When something goes wrong, they are told what happened and what they can do about it."
)
SPEECHES = {1.5: ONE_AND_A_HALF_SECONDS, 7.0: SEVEN_SECONDS, 12.0: TWELVE_SECONDS, 31.0: THIRTY_SECONDS}
ONE_FRAME_S = 0.040


@pytest.mark.parametrize("policy", ["loop", "cover"])
@pytest.mark.parametrize("seconds", SPEECHES)
async def test_the_film_says_the_script_in_sync_and_in_length(
    stack: Stack, tmp_path: Path, seconds: float, policy: str
) -> None:
    """At every length and under both clip policies the film says its script, in sync, as long as the speech."""
    script = SPEECHES[seconds]
    identity = await stack.identity()
    scene = await stack.scene(script, identity=identity.name, generation_mode="digital-twin", clip_policy=policy)
    result = await stack.film(scene)
    film = tmp_path / "film.mp4"
    await stack.parts.objects.fetch(result.film.key, film)
    facts = film_facts(film)
    done = await stack.reload(scene)
    speech_s = done.speech_duration_s or 0.0

    assert done.status == SceneStatus.COMPLETED
    assert speech_s == pytest.approx(seconds, abs=max(1.0, seconds * 0.15))
    assert abs(facts.video_s - speech_s) <= ONE_FRAME_S
    assert word_recall(film, script) >= 0.8
    best, lag_s, _ = mouth_sound_correlation(film)
    assert best >= 0.4
    assert abs(lag_s) <= 0.080
    _, _, shifted = mouth_sound_correlation(film, shift_s=0.4)
    assert shifted <= best - 0.2
