"""Editing, ordering and deleting identities, projects and scenes, with the database alone."""

from pathlib import Path

import pytest
from PIL import Image

from models.enums import SceneStatus
from store.database import Database
from tests.cli.program import Answer, Program, offline

FOLDER = {"DEVATAR_FILES_URL": "http://127.0.0.1:1", "DEVATAR_FILES_SIGNING_KEY": "k" * 32}


def stock(program: Program) -> Program:
    """Ann, and a project with the scenes one, two and three, of which one is hers."""
    program.run("identity", "add", "--name", "ann", "--display-name", "Ann", "--trigger-word", "TOK_ANN")
    program.run("identity", "add", "--name", "idle", "--display-name", "I", "--trigger-word", "TOK_I", "--inactive")
    program.run("project", "add", "--name", "film", "--display-name", "A film")
    program.run("scene", "add", "--name", "one", "--dialogue", "Hi.", "--project", "film", "--identity", "ann")
    for name in ("two", "three"):
        program.run("scene", "add", "--name", name, "--dialogue", "Hi.", "--project", "film")
    return program


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory, empty_database: bytes) -> Program:
    """A stocked database for tests that change nothing."""
    folder = tmp_path_factory.mktemp("stocked")
    (folder / "devatar.db").write_bytes(empty_database)
    return stock(offline(folder))


@pytest.fixture
def stocked(program: Program, tmp_path: Path, untouched: Program) -> Program:
    """A stocked database to change."""
    (tmp_path / "devatar.db").write_bytes(untouched.file.read_bytes())
    return program


REFUSED: dict[str, tuple[int, str, tuple[str, ...]]] = {
    "a taken identity name": (6, "identity add --name ann --display-name A --trigger-word Y", ("name", "'ann'")),
    "a taken trigger word": (
        6,
        "identity add --name bob --display-name B --trigger-word TOK_ANN",
        ("trigger_word", "'ann'"),
    ),
    "an edit to a taken trigger word": (6, "identity edit idle --trigger-word TOK_ANN", ("trigger_word", "'ann'")),
    "an identity's edit of an old version": (6, "identity edit ann --if-version 7 --lora-scale 1", ("version is 1",)),
    "deleting an old version": (6, "identity rm idle --if-version 7", ("version is 1",)),
    "deleting an identity with scenes": (6, "identity rm ann", ("1 scene (one)",)),
    "an inactive default": (6, "identity set-default idle", ("inactive",)),
    "making the default inactive": (2, "identity edit idle --default", ("is_active",)),
    "a share above one": (2, "identity edit ann --lora-scale 1.5", ("lora_scale",)),
    "a LoRA that is no asset": (2, "identity edit ann --lora-key nothing", ("lora_key",)),
    "resetting what has no default": (2, "identity edit ann --reset name", ("name",)),
    "resetting no field": (2, "identity edit ann --reset colour", ("colour",)),
    "no change": (2, "identity edit ann", ("nothing to change",)),
    "a taken project name": (6, "project add --name film --display-name F", ("name", "'film'")),
    "a project's edit of an old version": (6, "project edit film --if-version 7 --description x", ("version is 1",)),
    "deleting a project with scenes": (6, "project rm film", ("3 scenes (one, two, three)",)),
    "an order that leaves one out": (2, "project reorder film three one", ("left out: two",)),
    "an order that names one twice": (2, "project reorder film three one two two", ("twice",)),
    "an order with a stranger": (2, "project reorder film three one two four", ("four",)),
    "a taken scene name": (6, "scene add --name one --dialogue Hi", ("name", "'one'")),
    "an edit to a taken scene name": (6, "scene edit two --name one", ("name", "'one'")),
    "a scene's edit of an old version": (6, "scene edit two --if-version 7 --seed 1", ("version is 1",)),
    "an empty dialogue": (2, "scene edit two --dialogue=", ("dialogue",)),
    "two dialogues": (2, "scene edit two --dialogue a --dialogue-file b", ("--dialogue-file",)),
    "a headshot that is no asset": (2, "scene edit two --headshot nothing", ("headshot", "'nothing'")),
    "a scene of nobody": (3, "scene edit two --identity nobody", ("'nobody'", "identity list")),
    "a scene of no project": (3, "scene add --name s --dialogue Hi --project nowhere", ("'nowhere'", "project list")),
    "an unknown identity": (3, "identity rm nobody", ("'nobody'", "identity list")),
    "an unknown scene": (3, "scene rm nothing", ("'nothing'", "scene list")),
    "an unknown project": (3, "project show nothing", ("'nothing'", "project list")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_told_and_changes_nothing(untouched: Program, name: str) -> None:
    """The exit code tells wrong, unknown and colliding apart; standard error names what stands in the way."""
    code, line, words = REFUSED[name]
    before = untouched.content()
    answer = untouched.run(*line.split())
    assert (answer.code, answer.out) == (code, "")
    assert all(word in answer.err for word in words), answer.err
    assert "Traceback" not in answer.err
    assert untouched.content() == before


def test_a_refusal_is_json_for_programs(untouched: Program) -> None:
    """The message and the exit code, as one document."""
    answer: Answer = untouched.run("identity", "rm", "ann", "--json")
    assert answer.json["error"]["exit_code"] == answer.code == 6
    assert "1 scene (one)" in answer.json["error"]["message"]


def test_an_identity_is_edited_field_by_field(stocked: Program) -> None:
    """Only what is given changes, also to nought and no; a reset field has its default again."""
    before = stocked.run("identity", "show", "ann", "--json").json
    options = ("--lora-scale", "0", "--no-speaker-boost", "--description", "Hers.", "--if-version", "1")
    assert stocked.run("identity", "edit", "ann", *options, "--json").json["version"] == 2
    after = stocked.run("identity", "show", "ann", "--json").json
    changed = {"lora_scale": 0.0, "voice_speaker_boost": False, "description": "Hers.", "version": 2}
    assert after | {"updated_at": None} == before | changed | {"updated_at": None}
    stocked.run("identity", "edit", "ann", "--reset", "lora-scale", "--reset", "description")
    again = stocked.run("identity", "show", "ann", "--json").json
    assert (again["lora_scale"], again["description"], again["voice_speaker_boost"]) == (0.95, None, False)


def test_a_file_can_edit_and_options_win_over_it(stocked: Program, tmp_path: Path) -> None:
    """A field that the file leaves out stays, one that it sets to null is emptied."""
    file = tmp_path / "two.yaml"
    file.write_text("environment: a library\nseed: 3\nidentity: null\n")
    edited = stocked.run("scene", "edit", "one", "--file", str(file), "--seed", "4", "--json").json
    assert (edited["environment"], edited["seed"], edited["identity"], edited["dialogue"]) == (
        "a library",
        4,
        None,
        "Hi.",
    )


def test_there_is_one_default_and_it_can_be_moved(stocked: Program) -> None:
    """The list marks it; what is made the default twice stays so."""
    stocked.run("identity", "edit", "idle", "--active")
    for name in ("ann", "idle", "idle"):
        assert stocked.run("identity", "set-default", name).code == 0
    rows = stocked.run("identity", "list", "--json").json
    assert [(row["name"], row["is_default"]) for row in rows] == [("ann", False), ("idle", True)]


def test_identities_are_counted_and_narrowed(stocked: Program) -> None:
    """The list tells how many scenes each has, and may leave the inactive out."""
    rows = stocked.run("identity", "list", "--json").json
    assert [(row["name"], row["scene_count"]) for row in rows] == [("ann", 1), ("idle", 0)]
    assert [row["name"] for row in stocked.run("identity", "list", "--active", "--json").json] == ["ann"]
    assert [row["name"] for row in stocked.run("identity", "list", "--inactive", "--json").json] == ["idle"]


def test_an_identity_without_scenes_goes(stocked: Program) -> None:
    """By name or id."""
    assert stocked.run("identity", "rm", "idle").code == 0
    assert stocked.run("identity", "show", "idle").code == 3


def test_a_project_keeps_its_scenes_in_order(stocked: Program) -> None:
    """New scenes come last; `reorder` takes names and ids; the project and the list show the new order."""
    shown = stocked.run("project", "show", "film", "--json").json
    assert [(scene["position"], scene["name"]) for scene in shown["scenes"]] == [(1, "one"), (2, "two"), (3, "three")]
    first = shown["scenes"][2]["id"]
    ordered = stocked.run("project", "reorder", "film", first, "one", "two", "--json").json
    assert [scene["name"] for scene in ordered] == ["three", "one", "two"]
    listed = stocked.run("scene", "list", "--project", "film", "--json").json
    assert [scene["name"] for scene in listed] == ["three", "one", "two"]
    text = stocked.run("project", "show", "film").out
    assert text.index("three") < text.index(" one ") < text.index(" two ")


def test_a_project_is_added_listed_and_edited(program: Program) -> None:
    """For people and for programs; an empty list says how to begin."""
    assert "project add" in program.run("project", "list").out
    added = program.run("project", "add", "--name", "film", "--display-name", "A film", "--json").json
    edited = program.run("project", "edit", added["id"], "--display-name", "The film", "--json").json
    assert (edited["version"], edited["display_name"], edited["name"]) == (2, "The film", "film")
    listed = program.run("project", "list", "--json").json
    assert [(row["name"], row["scene_count"]) for row in listed] == [("film", 0)]
    assert "The film" in program.run("project", "list").out
    assert program.run("project", "rm", "film").code == 0
    assert program.run("project", "list", "--json").json == []


def test_a_project_takes_its_scenes_along_only_when_told(stocked: Program) -> None:
    """And says which went."""
    gone = stocked.run("project", "rm", "film", "--with-scenes", "--json").json
    assert (gone["name"], gone["scenes"]) == ("film", ["one", "two", "three"])
    assert stocked.run("scene", "list", "--json").json == []


def test_a_scene_can_change_its_project(stocked: Program) -> None:
    """Out of one, and back to its end; the record names it."""
    out = stocked.run("scene", "edit", "one", "--reset", "project", "--json").json
    back = stocked.run("scene", "edit", "one", "--project", "film", "--json").json
    assert (out["project"], back["project"], back["position"]) == (None, "film", 4)
    assert "film, as number 4" in stocked.run("scene", "show", "one").out


def test_long_lists_are_whole(stocked: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pages they come in, and each entry once."""
    monkeypatch.setattr("cli.session.PAGE", 2)
    assert [row["name"] for row in stocked.run("scene", "list", "--json").json] == ["one", "two", "three"]


def test_scenes_are_narrowed(stocked: Program) -> None:
    """By identity and by status."""
    assert [row["name"] for row in stocked.run("scene", "list", "--identity", "ann", "--json").json] == ["one"]
    assert len(stocked.run("scene", "list", "--status", "draft", "--json").json) == 3
    assert "no such scenes" in stocked.run("scene", "list", "--status", "failed").out


def test_a_headshot_file_becomes_the_scenes_asset(stocked: Program, tmp_path: Path) -> None:
    """It is in use then; another scene may use the same asset, for which no object store is needed."""
    picture = tmp_path / "face.png"
    Image.new("RGB", (64, 64), "tan").save(picture)
    edited = stocked.run("scene", "edit", "one", "--headshot", str(picture), "--json", **FOLDER).json
    asset = stocked.run("asset", "list", "--json").json[0]
    other = stocked.run("scene", "edit", "two", "--headshot", asset["id"], "--json")
    assert edited["headshot_asset_id"] == other.json["headshot_asset_id"] == asset["id"]
    refused = stocked.run("asset", "rm", asset["id"], **FOLDER)
    assert (refused.code, "scene one, scene two" in refused.err) == (6, True)


async def test_a_generating_scene_stays(stocked: Program, database: Database) -> None:
    """Neither it nor its project can be deleted: exit code 6 and its name."""
    async with database.transaction() as tx:
        scene = await tx.scenes.find("one")
        assert scene is not None
        scene.status, scene.run_id = SceneStatus.GENERATING, "a-run"
    await database.close()
    for line in ("scene rm one", "project rm film --with-scenes"):
        answer = stocked.run(*line.split())
        assert (answer.code, "one" in answer.err, "generating" in answer.err) == (6, True, True)
    assert stocked.run("scene", "rm", "two").code == 0
    assert len(stocked.run("scene", "list", "--json").json) == 2
