"""Taking identities, projects and scenes out into a file, and bringing them in again."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtime.settings import ROOT
from tests.cli.program import Program, offline

LINK = "https://host.example/face.safetensors?signature=canary"


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory, empty_database: bytes) -> Program:
    """An identity, a project and two scenes, the later one first; for tests that change nothing."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "devatar.db").write_bytes(empty_database)
    program = offline(folder)
    options = ("--trigger-word", "TOK_ANN", "--lora-url", LINK, "--default")
    program.run("identity", "add", "--name", "ann", "--display-name", "Ünn", *options)
    program.run("project", "add", "--name", "film", "--display-name", "A film")
    for name in ("one", "two"):
        program.run("scene", "add", "--name", name, "--dialogue", f"Scene {name}: ü.", "--project", "film")
    program.run("project", "reorder", "film", "two", "one")
    return program


@pytest.fixture
def filled(program: Program, tmp_path: Path, untouched: Program) -> Program:
    """The same, to change."""
    (tmp_path / "devatar.db").write_bytes(untouched.file.read_bytes())
    return program


@pytest.fixture
def elsewhere(tmp_path: Path, empty_database: bytes) -> Program:
    """Another, empty database."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "devatar.db").write_bytes(empty_database)
    return offline(folder)


def actions(answer: Any) -> list[tuple[str, str, str]]:
    """What an import does or did, in its order."""
    return [(change["action"], change["kind"], change["name"]) for change in answer.json["changes"]]


@pytest.mark.parametrize("file", ["all.yaml", "all.json"])
def test_what_was_exported_can_be_imported_elsewhere(
    filled: Program, elsewhere: Program, tmp_path: Path, file: str
) -> None:
    """All of it, in its order; a second import finds nothing to do; the file is the owner's alone."""
    path = tmp_path / file
    assert filled.run("export", "--out", str(path)).code == 0
    brought = elsewhere.run("import", str(path), "--json")
    again = elsewhere.run("import", str(path), "--json")
    entries = [("identity", "ann"), ("project", "film"), ("scene", "two"), ("scene", "one")]
    assert actions(brought) == [("create", *entry) for entry in entries]
    assert actions(again) == [("unchanged", *entry) for entry in entries]
    exports = [program.run("export", "--json").json for program in (filled, elsewhere)]
    assert exports[0] == exports[1]
    order = elsewhere.run("project", "show", "film", "--json").json["scenes"]
    assert [scene["name"] for scene in order] == ["two", "one"]
    assert path.stat().st_mode & 0o077 == 0


def test_an_export_is_yaml_or_json(filled: Program, tmp_path: Path) -> None:
    """On standard output as in a file, with words as they were written."""
    document = filled.run("export", "--json").json
    text = filled.run("export").out
    assert yaml.safe_load(text) == document
    assert "Ünn" in text
    written = filled.run("export", "--out", str(tmp_path / "all.json"), "--json").json
    assert (written["identities"], written["projects"], written["scenes"]) == (1, 1, 2)
    assert json.loads((tmp_path / "all.json").read_text()) == document
    assert filled.run("export", "--out", str(tmp_path / "nowhere" / "all.json")).code == 2


def test_a_dry_run_tells_what_would_change_and_changes_nothing(filled: Program, tmp_path: Path) -> None:
    """Each field as it is and as it would be, without signatures; what is left out stays."""
    file = tmp_path / "changes.yaml"
    file.write_text(
        "identities:\n- {name: ann, lora_scale: 0.5, lora_url: 'https://host.example/new?signature=canary'}\n"
        "scenes:\n- {name: one, dialogue: Scene one again., project: null}\n- {name: three, dialogue: New.}\n"
    )
    before = filled.run("export", "--json").json
    told = filled.run("import", str(file), "--dry-run")
    document = filled.run("import", str(file), "--dry-run", "--json")
    assert filled.run("export", "--json").json == before
    assert actions(document) == [
        ("update", "identity", "ann"),
        ("update", "scene", "one"),
        ("create", "scene", "three"),
    ]
    assert document.json["changes"][0]["fields"]["lora_scale"] == {"before": 0.95, "after": 0.5}
    assert set(document.json["changes"][1]["fields"]) == {"dialogue", "project"}
    assert all(
        line in told.out for line in ("lora_scale: 0.95 -> 0.5", 'project: "film" -> null', "nothing was written")
    )
    assert "1 to create, 2 to change, 0 unchanged" in told.out
    assert "canary" not in told.out + document.out
    assert filled.run("import", str(file)).out.splitlines()[-1] == "1 created, 2 changed, 0 unchanged"
    assert filled.run("scene", "show", "one", "--json").json["dialogue"] == "Scene one again."


def test_scenes_alone_can_be_imported(filled: Program, elsewhere: Program, tmp_path: Path) -> None:
    """Of a whole export, or the one scene of a file such as `scene add` takes."""
    file = tmp_path / "all.yaml"
    filled.run("export", "--out", str(file))
    elsewhere.run("project", "add", "--name", "film", "--display-name", "Another film")
    assert actions(elsewhere.run("scene", "import", str(file), "--json")) == [
        ("create", "scene", "two"),
        ("create", "scene", "one"),
    ]
    assert elsewhere.run("identity", "list", "--json").json == []
    example = str(ROOT / "examples" / "scene.yaml")
    assert "'deven'" in elsewhere.run("scene", "import", example).err
    elsewhere.run("identity", "add", "--file", str(ROOT / "examples" / "identity.yaml"))
    assert actions(elsewhere.run("scene", "import", example, "--dry-run", "--json")) == [("create", "scene", "demo")]
    assert len(elsewhere.run("scene", "list", "--json").json) == 2


GOOD = "projects: [{name: new, display_name: New}]\n"
BAD = {
    "words": ("just words", 2, "no fields"),
    "no YAML": ("scenes: [", 2, "not valid YAML"),
    "an unknown part": (GOOD + "people: []", 2, "people"),
    "a format of later days": (GOOD + "format: 2", 2, "format"),
    "an entry without a name": (GOOD + "scenes: [{dialogue: Hi}]", 2, "no name"),
    "an unknown field": (GOOD + "scenes: [{name: one, wardrobes: a suit}]", 2, "scene 'one', wardrobes"),
    "a share above one": (GOOD + "identities: [{name: ann, lora_scale: 2}]", 2, "identity 'ann', lora_scale"),
    "a taken trigger word": (
        GOOD + "identities: [{name: bob, display_name: B, trigger_word: TOK_ANN}]",
        6,
        "identity 'bob', trigger_word",
    ),
    "an unknown identity": (GOOD + "scenes: [{name: s, dialogue: Hi, identity: nobody}]", 3, "'nobody'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_changes_nothing(untouched: Program, tmp_path: Path, name: str) -> None:
    """All or nothing: what is wrong is named, and the good entries of the file are not kept either."""
    text, code, words = BAD[name]
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    before = untouched.content()
    answer = untouched.run("import", str(file))
    assert (answer.code, answer.out, words in answer.err) == (code, "", True), answer.err
    assert untouched.content() == before


def test_a_file_that_is_not_there_is_told(untouched: Program) -> None:
    """With its name."""
    answer = untouched.run("import", "nowhere.yaml", "--dry-run")
    assert (answer.code, "nowhere.yaml" in answer.err) == (2, True)
