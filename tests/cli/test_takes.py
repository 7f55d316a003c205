"""`starter.py scene takes|use|diff`, `scene show --take`, offline; and `scene generate --fresh` on a running stack."""

import getpass
from pathlib import Path

import pytest
from pydantic import SecretStr

from models.enums import SceneStatus
from models.take_tables import Take
from store.database import Database
from store.objects.local import LocalObjectStore
from tests.cli.program import NOWHERE, Program, on_stack
from tests.support.stack import Stack
from tests.support.takes import add_takes, put

KEY = "k" * 32
FILES = {"DEVATAR_FILES_URL": NOWHERE, "DEVATAR_FILES_SIGNING_KEY": KEY}


@pytest.fixture
def shop(program: Program) -> Program:
    """The command line with an object store."""
    return Program({**program.environment, **FILES})


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    """The same object store, from the inside."""
    return LocalObjectStore(tmp_path / "objects", NOWHERE, SecretStr(KEY))


@pytest.fixture
async def takes(shop: Program, database: Database, objects: LocalObjectStore, tmp_path: Path) -> list[Take]:
    """Those of the scene `one`."""
    shop.run("scene", "add", "--name", "one", "--dialogue", "Hello.")
    scene_id = shop.run("scene", "show", "one", "--json").json["id"]
    takes = await add_takes(database, objects, tmp_path, scene_id)
    await database.close()
    return takes


@pytest.mark.usefixtures("takes")
def test_looking_at_takes(shop: Program) -> None:
    """The list marks the current one; one take shows its inputs and artifacts; two show what differs and costs."""
    rows = shop.run("scene", "takes", "one").out.splitlines()
    assert [row[0] for row in rows[1:]] == [" ", "*"]
    assert [word for word in ("anna", "image", "standard", "2.40 s", "$0.20") if word not in rows[2]] == []

    shown = shop.run("scene", "show", "one", "--take", "2").out
    for words in (
        "take 2 of scene one",
        ", the current one",
        "film: /",
        "started by",
        "scene.mood_lighting",
        "light 2",
    ):
        assert words in shown, shown
    differs = shop.run("scene", "diff", "one", "1", "2").out
    for words in ("scene.mood_lighting", "light 1", "light 2", "image_seed", "film", "$0.10", "+$0.10", "anna"):
        assert words in differs, differs
    assert "clip" not in differs.replace("clip_seconds", "")
    same = shop.run("scene", "diff", "one", "1", "1").out
    assert "the inputs are the same" in same
    assert "the artifacts are the same" in same


def test_for_programs(shop: Program, takes: list[Take]) -> None:
    """One document each."""
    listed = shop.run("scene", "takes", "one", "--json").json
    assert [(each["number"], each["current"], each["started_by"]) for each in listed] == [
        (1, False, None),
        (2, True, "anna"),
    ]
    shown = shop.run("scene", "show", "one", "--take", "1", "--json").json
    assert (shown["inputs"], shown["artifacts"]) == (takes[0].inputs, takes[0].artifacts)
    assert shown["film"]["key"] == takes[0].artifacts["film"]["key"]
    found = shop.run("scene", "diff", "one", "2", "1", "--json").json
    assert {each["field"]: each["after"] for each in found["inputs"]} == {
        "scene.mood_lighting": "light 1",
        "image_seed": 1,
    }
    assert [each["name"] for each in found["artifacts"]] == ["film"]
    assert (found["from"]["number"], found["to"]["number"], found["cost_difference_micros"]) == (2, 1, -100_000)


def test_an_older_take_is_used(shop: Program, takes: list[Take]) -> None:
    """The scene shows its film and what belongs to it, a fallback too, and counts the edit once."""
    before = shop.run("scene", "show", "one", "--json").json
    for _ in range(2):
        assert "take 1 is the current one" in shop.run("scene", "use", "one", "--take", "1").out
    after = shop.run("scene", "show", "one", "--json").json
    assert (after["current_take"], after["artifacts"], after["image_seed"]) == (1, takes[0].artifacts, 1)
    assert (after["mode_fallback"], after["mode_reason"]) == (True, "the scene has no headshot")
    assert (after["image_prompt"], after["voice_used"]) == ("a person", "v")
    assert (after["version"], after["dialogue"]) == (before["version"] + 1, before["dialogue"])
    assert shop.run("scene", "use", "one", "--take", "2", "--json").json["current"] is True


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("use one --take 3", 3, "scene 'one' has no take 3. See `starter.py scene takes one`"),
        ("use one --take 99999999999999999999", 3, "no take"),
        ("show one --take 0", 3, "no take 0"),
        ("diff one 1 3", 3, "no take 3"),
        ("diff two 1 2", 3, "'two'"),
        ("takes two", 3, "'two'"),
        ("use one", 2, "--take"),
    ],
)
@pytest.mark.usefixtures("takes")
def test_refused(shop: Program, arguments: str, code: int, words: str) -> None:
    """Takes and scenes that are not there."""
    answer = shop.run("scene", *arguments.split())
    assert (answer.code, words in answer.err) == (code, True), answer.err


async def test_not_now(
    shop: Program, takes: list[Take], database: Database, objects: LocalObjectStore, tmp_path: Path
) -> None:
    """While it is generating nothing changes; nor when an object is gone or damaged, which is named."""
    clip = takes[0].artifacts["clips"][0]["key"]
    await objects.delete(clip)
    gone = shop.run("scene", "use", "one", "--take", "1")
    assert (gone.code, f"the clip 1 of take 1 is gone or damaged: {clip}" in gone.err) == (6, True)
    async with database.transaction() as tx:
        scene = await tx.scenes.get(takes[0].scene_id)
        assert scene is not None
        scene.status, scene.run_id = SceneStatus.GENERATING, "run1"
    await database.close()
    await put(objects, tmp_path, f"{takes[0].scene_id} clip")
    busy = shop.run("scene", "use", "one", "--take", "1")
    assert (busy.code, "is generating" in busy.err) == (6, True), busy.err
    assert shop.run("scene", "show", "one", "--json").json["current_take"] == 2


def test_no_takes_yet(program: Program) -> None:
    """A scene that was never filmed says so."""
    program.run("scene", "add", "--name", "one", "--dialogue", "Hello.")
    assert program.run("scene", "takes", "one").out.startswith("no takes yet")


@pytest.mark.parametrize(("step", "word"), [("image", "seed is 7"), ("join", "speech, image, video, lipsync")])
def test_what_cannot_be_made_anew(program: Program, step: str, word: str) -> None:
    """Refused before Temporal is looked for, although this process has no vendor's key."""
    program.run("scene", "add", "--name", "one", "--dialogue", "Hello.", "--seed", "7")
    voice = {"ELEVENLABS_VOICE_ID": "v"}
    answer = program.run("scene", "generate", "one", "--fresh", step, **voice)
    assert (answer.code, word in answer.err) == (2, True), answer.err
    away = program.run("scene", "generate", "one", "--fresh", "video", **voice)
    assert away.code == 4


async def test_a_fresh_step_is_a_take_of_whoever_asked(stack: Stack) -> None:
    """`generate --fresh` makes one more take, with the steps and the user's name."""
    program = on_stack(stack)
    identity = await stack.identity()
    room = f"room {stack.unique()}"
    scene = await stack.scene("One more time.", identity=identity.name, environment=room)
    for fresh in ((), ("--fresh", "lipsync")):
        answer = await program.waited("scene", "generate", scene.id, *fresh, "--json")
        assert answer.code == 0, answer.err
    listed = program.run("scene", "takes", scene.id, "--json").json
    assert [(each["number"], each["fresh"]) for each in listed] == [(1, []), (2, ["lipsync"])]
    assert {each["started_by"] for each in listed} == {getpass.getuser()}
