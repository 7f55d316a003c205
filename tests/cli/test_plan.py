"""`starter.py scene plan`, offline where that will do, and beside a running stack."""

from collections.abc import Mapping

import pytest

from tests.cli.program import NOWHERE, Answer, Program, on_stack
from tests.support.stack import Stack

KEYS: Mapping[str, str] = {
    "DEVATAR_FILES_URL": NOWHERE,
    "DEVATAR_FILES_SIGNING_KEY": "k" * 32,
    "FAL_KEY": "a:b",
    "ELEVENLABS_API_KEY": "c",
    "ELEVENLABS_VOICE_ID": "voice1",
    "SYNC_API_KEY": "d",
}


@pytest.fixture
def planned(program: Program) -> Program:
    """A scene that can be filmed with the keys, but for its budget."""
    program.run("scene", "add", "--name", "one", "--dialogue", "Good evening.", "--seed", "7", "--budget", "0.10")
    return program


def plan(program: Program, *arguments: str) -> Answer:
    """The command, with all keys."""
    return program.run("scene", "plan", *arguments, **KEYS)


def test_for_people(planned: Program) -> None:
    """Step by step with its reason, the total and its time, what is left of budgets, and what is in the way."""
    before = planned.content()
    shown = plan(planned, "one")
    assert shown.code == 1
    for words in (
        "speech",
        "elevenlabs eleven_turbo_v2_5",
        "$0.0021 ",
        "nothing is stored for this speech",
        "video 1",
        "~$0.35 ",
        "2.0 min (default)",
        "its video and speech will be new",
        "about $0.40",
        "budget of scene 'one'",
        "$0.10 left",
        "cannot be filmed: budget",
        "starter.py scene edit one --budget USD",
    ):
        assert words in shown.out, shown.out
    assert planned.content() == before


def test_for_programs(planned: Program) -> None:
    """One document, also when something is in the way."""
    answer = plan(planned, "one", "--fresh", "video", "--json")
    found = answer.json
    assert (answer.code, found["feasible"], found["exact"], found["fresh"]) == (1, False, False, ["video"])
    assert [step["step"] for step in found["steps"]] == ["speech", "image", "video", "lipsync"]
    assert found["cost_micros"] == sum(step["cost_micros"] for step in found["steps"])
    assert found["steps"][2] == {
        "step": "video",
        "verdict": "buy",
        "why": "a new one is asked for",
        "provider": "fal",
        "model": "fal-ai/kling-video/v2.6/pro/image-to-video",
        "clip": 1,
        "cost_micros": 350_000,
        "timing": {"seconds": 120.0, "basis": "default"},
        "exact": False,
        "artifact": None,
    }
    assert [(each["whose"], each["left_micros"]) for each in found["budgets"]] == [("scene 'one'", 100_000)]
    assert [each["code"] for each in found["obstacles"]] == ["budget_exceeded"]
    planned.run("scene", "edit", "one", "--budget", "none")
    assert plan(planned, "one").code == 0


def test_missing_key(planned: Program) -> None:
    """The variable that is missing is named, and nothing is priced."""
    answer = planned.run("scene", "plan", "one", **{**KEYS, "SYNC_API_KEY": ""})
    assert (answer.code, "cannot be filmed: SYNC_API_KEY" in answer.out, "lipsync" in answer.out) == (1, True, False)


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("two",), 3, "'two'"),
        (("one", "--fresh", "image"), 2, "seed is 7"),
        (("one", "--fresh", "join"), 2, "speech, image, video, lipsync"),
        (("one", "--fresh", "something"), 2, "something"),
    ],
    ids=lambda value: str(value),
)
def test_refused(planned: Program, arguments: tuple[str, ...], code: int, word: str) -> None:
    """A scene that is not there, and steps that cannot be made anew."""
    refused = plan(planned, *arguments)
    assert (refused.code, word in refused.err) == (code, True), refused.err


async def test_after_a_film(stack: Stack) -> None:
    """Everything is reused and costs nothing; a fallback of the mode is said before it is paid for."""
    identity = await stack.identity(lora_url=None)
    scene = await stack.scene("A plan for this.", identity=identity.name, generation_mode="digital-twin")
    await stack.film(scene)
    shown = await on_stack(stack).waited("scene", "plan", scene.name)
    assert shown.code == 0
    assert shown.out.count("it was bought for this scene on 20") == 4
    for words in ("the digital twin fell back to standard", "costs", "$0.00", "takes", "about 0 s", "speech"):
        assert words in shown.out, shown.out
