"""Adding and showing identities and scenes, with the database alone."""

from pathlib import Path

import pytest
from PIL import Image

from models.enums import SceneStatus
from runtime.settings import ROOT
from store.database import Database
from tests.cli.program import Program, offline

IDENTITY = ("identity", "add", "--name", "ann", "--display-name", "Ann", "--trigger-word", "TOK_ANN")
SCENE = ("scene", "add", "--name", "hello", "--dialogue", "Hello there.")


def test_an_identity_from_options_is_kept_in_every_field(program: Program) -> None:
    """What was given is what `show` tells, and what was not given has its default."""
    voice = ("--voice-id", "abc123", "--voice-stability", "0", "--voice-style", "1", "--no-speaker-boost")
    added = program.run(*IDENTITY, *voice, "--lora-scale", "0.5", "--default", "--json")
    shown = program.run("identity", "show", "ann", "--json").json
    assert (added.code, added.err) == (0, "")
    assert added.json | {"scene_count": 0} == shown
    expected = {"name": "ann", "voice_id": "abc123", "voice_stability": 0.0, "voice_style": 1.0, "lora_scale": 0.5}
    assert expected.items() <= shown.items()
    assert (shown["voice_speaker_boost"], shown["is_default"], shown["is_active"]) == (False, True, True)
    assert (shown["base_model"], shown["voice_similarity"]) == ("flux-dev", 0.8)
    assert program.run("identity", "show", shown["id"], "--json").json == shown


def test_options_win_over_the_file(program: Program) -> None:
    """A file gives the fields, options change some of them."""
    program.run("identity", "add", "--file", str(ROOT / "examples" / "identity.yaml"))
    file = ("--file", str(ROOT / "examples" / "scene.yaml"))
    added = program.run(
        "scene", "add", *file, "--name", "other", "--seed", "0", "--aspect-ratio", "9:16", "--json"
    ).json
    assert (added["name"], added["seed"], added["aspect_ratio"]) == ("other", 0, "9:16")
    assert (added["identity"], added["generation_mode"]) == ("deven", "digital-twin")


def test_lists_show_everything_that_was_added(program: Program) -> None:
    """For people as a table, for programs as an array; empty lists say how to begin."""
    assert "identity add" in program.run("identity", "list").out
    assert "scene add" in program.run("scene", "list").out
    assert program.run("scene", "list", "--json").json == []
    program.run(*IDENTITY)
    program.run(*SCENE, "--identity", "ann")
    assert [row["name"] for row in program.run("identity", "list", "--json").json] == ["ann"]
    scenes = program.run("scene", "list", "--json").json
    assert [(row["name"], row["status"]) for row in scenes] == [("hello", "draft")]
    table = program.run("scene", "list").out
    assert all(word in table for word in ("hello", "draft", scenes[0]["id"], "Hello there."))
    assert "Ann" in program.run("identity", "list").out


def test_dialogue_can_come_from_a_file(program: Program, tmp_path: Path) -> None:
    """The text is taken without the white space around it."""
    script = tmp_path / "script.txt"
    script.write_text("  From a file: ünïcode.\n", encoding="utf-8")
    added = program.run("scene", "add", "--name", "filed", "--dialogue-file", str(script), "--json").json
    assert added["dialogue"] == "From a file: ünïcode."


def test_a_headshot_file_is_kept_in_the_object_store(program: Program, tmp_path: Path) -> None:
    """The record holds the stored object, not the path on this machine; only such a scene needs an object store."""
    picture = tmp_path / "face.png"
    Image.new("RGB", (64, 64), "tan").save(picture)
    folder = {"DEVATAR_FILES_URL": "http://127.0.0.1:1", "DEVATAR_FILES_SIGNING_KEY": "k" * 32}
    refused = program.run(*SCENE, "--headshot", str(picture))
    added = program.run(*SCENE, "--headshot", str(picture), "--json", **folder).json
    assert (refused.code, "R2_BUCKET_NAME" in refused.err) == (2, True)
    assert added["headshot"]["media_type"] == "image/png"
    assert str(picture) not in str(added)
    assert list((tmp_path / "objects").rglob("*.png"))


BAD = {
    "no name": ("identity add --display-name Ann --trigger-word X", "name"),
    "a name with blanks": ("identity add --name A_B --display-name Ann --trigger-word X", "name"),
    "no trigger word": ("identity add --name bob --display-name Bob", "trigger_word"),
    "a share above one": ("identity add --name bob --display-name B --trigger-word X --lora-scale 1.1", "lora_scale"),
    "a LoRA on the disk": (
        "identity add --name bob --display-name B --trigger-word X --lora-url file:///etc/passwd",
        "lora_url",
    ),
    "a base model that is none": (
        "identity add --name bob --display-name B --trigger-word X --base-model sdxl",
        "--base-model",
    ),
    "a file that is not there": ("identity add --file nowhere.yaml", "nowhere.yaml"),
    "an empty dialogue": ("scene add --name s --dialogue=", "dialogue"),
    "nothing to pronounce": ("scene add --name s --dialogue=...", "dialogue"),
    "no dialogue": ("scene add --name s", "dialogue"),
    "two dialogues": ("scene add --name s --dialogue a --dialogue-file b", "--dialogue-file"),
    "a dialogue file that is not there": ("scene add --name s --dialogue-file nowhere.txt", "nowhere.txt"),
    "a mode that is none": ("scene add --name s --dialogue Hi --mode hologram", "--mode"),
    "an aspect ratio that is none": ("scene add --name s --dialogue Hi --aspect-ratio 4:3", "--aspect-ratio"),
    "a negative seed": ("scene add --name s --dialogue Hi --seed -1", "seed"),
    "no reason": ("jobs give-up some-key", "--reason"),
    "an empty reason": ("jobs give-up some-key --reason=", "--reason"),
    "an unknown command": ("scene film hello", "film"),
}


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory, empty_database: bytes) -> Program:
    """One identity and one scene; for tests that add nothing."""
    folder = tmp_path_factory.mktemp("stocked")
    (folder / "devatar.db").write_bytes(empty_database)
    program = offline(folder)
    program.run(*IDENTITY)
    program.run(*SCENE)
    return program


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told_and_nothing_is_added(stocked: Program, name: str) -> None:
    """Exit code 2, the field or option named on standard error, nothing on standard output, nothing written."""
    line, word = BAD[name]
    answer = stocked.run(*line.split())
    assert (answer.code, answer.out) == (2, "")
    assert word in answer.err
    assert "Traceback" not in answer.err
    assert len(stocked.run("identity", "list", "--json").json) == 1
    assert len(stocked.run("scene", "list", "--json").json) == 1


def test_a_file_with_an_unknown_field_is_refused(program: Program, tmp_path: Path) -> None:
    """A mistyped field would otherwise be lost silently."""
    file = tmp_path / "scene.yaml"
    file.write_text("name: s\ndialogue: Hi\nwardrobes: a suit\n")
    answer = program.run("scene", "add", "--file", str(file))
    assert (answer.code, "wardrobes" in answer.err) == (2, True)


UNKNOWN = [
    "identity show nobody",
    "scene add --name s --dialogue Hi --identity nobody",
    "scene show nobody",
    "scene generate nobody",
    "scene status nobody",
    "scene logs nobody",
    "scene cancel nobody",
    "jobs list --scene nobody",
    "jobs give-up nobody --reason lost",
]


@pytest.mark.parametrize("line", UNKNOWN)
def test_what_does_not_exist_has_its_own_exit_code(stocked: Program, line: str) -> None:
    """3, with the name that was typed and where to look; for programs as one JSON document."""
    answer = stocked.run(*line.split(), "--json")
    assert answer.code == 3
    assert "'nobody'" in answer.err
    assert "starter.py" in answer.err
    assert answer.json["error"]["exit_code"] == 3


def test_a_database_without_tables_says_what_to_do(program: Program) -> None:
    """Exit code 4 and the command that mends it."""
    other = program.environment["DATABASE_URL"].replace("devatar.db", "fresh.db")
    answer = program.run("scene", "list", DATABASE_URL=other)
    assert (answer.code, "make migrate" in answer.err) == (4, True)


def test_an_address_that_is_no_database_is_told_without_it(program: Program) -> None:
    """Exit code 2 and the variable's name, never its value."""
    answer = program.run("scene", "list", DATABASE_URL="postgresql//someone:canary@host")
    assert (answer.code, "DATABASE_URL" in answer.err, "canary" in answer.err) == (2, True, False)


def test_links_are_shown_without_their_signatures(program: Program) -> None:
    """A LoRA's or headshot's link may open what it points to: its query and user are never printed."""
    link = "https://user:canary@host.example/face.safetensors?X-Signature=canary#canary"
    outputs = [program.run(*IDENTITY, "--lora-url", link, "--json"), program.run(*SCENE, "--headshot", link, "--json")]
    outputs += [
        program.run(*line.split(), *extra)
        for line in ("identity list", "identity show ann", "scene list", "scene show hello")
        for extra in ((), ("--json",))
    ]
    assert [answer.code for answer in outputs] == [0] * len(outputs)
    assert all("canary" not in answer.out + answer.err for answer in outputs)
    assert outputs[0].json["lora_url"] == outputs[1].json["headshot_url"] == "https://host.example/face.safetensors"


async def test_without_temporal_the_database_still_answers(program: Program, database: Database) -> None:
    """Showing works, with a note that statuses may be old; starting does not, with exit code 4."""
    scene_id = program.run(*SCENE, "--json").json["id"]
    async with database.transaction() as tx:
        scene = await tx.scenes.get(scene_id)
        assert scene is not None
        scene.status, scene.run_id = SceneStatus.GENERATING, "a-run"
    await database.close()
    for line in ("scene list --json", "scene show hello --json", "scene status hello --json"):
        answer = program.run(*line.split())
        document = answer.json[0] if line.startswith("scene list") else answer.json
        assert (answer.code, document["status"], "Temporal does not answer" in answer.err) == (0, "generating", True)
    for line in ("scene generate hello", "scene cancel hello", "temporal setup"):
        answer = program.run(*line.split())
        assert (answer.code, "TEMPORAL_ADDRESS" in answer.err) == (4, True)
