"""Assets, settings and API keys, with the database and a folder for objects."""

from pathlib import Path

import pytest
from PIL import Image

from domain.system_settings import KEYS
from runtime.catalog.apikeys import verify_token
from runtime.settings import ROOT
from store.database import Database
from tests.cli.program import Program

FOLDER = {"DEVATAR_FILES_URL": "http://127.0.0.1:1", "DEVATAR_FILES_SIGNING_KEY": "k" * 32}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A small picture."""
    path = tmp_path / "face.png"
    Image.new("RGB", (64, 48), "tan").save(path)
    return path


def test_an_asset_is_kept_listed_and_deleted(program: Program, picture: Path) -> None:
    """Measured, in the object store, and gone from it afterwards; an empty list says how to begin."""
    assert "asset add" in program.run("asset", "list").out
    added = program.run("asset", "add", str(picture), "--kind", "headshot", "--json", **FOLDER).json
    assert (added["kind"], added["name"], added["width"], added["height"]) == ("HEADSHOT", "face.png", 64, 48)
    table = program.run("asset", "list").out
    assert all(word in table for word in (added["id"], "HEADSHOT", "face.png", "image/png", "64x48"))
    assert program.run("asset", "list", "--kind", "LORA_MODEL", "--json").json == []
    stored = list((picture.parent / "objects").rglob("*.png"))
    assert program.run("asset", "rm", added["id"], "--json", **FOLDER).json == {"deleted": added["id"]}
    assert len(stored) == 1
    assert not stored[0].exists()
    assert program.run("asset", "list", "--json").json == []


def test_assets_belong_to_projects(program: Program, picture: Path) -> None:
    """Named by id or name, and listed by it."""
    program.run("project", "add", "--name", "film", "--display-name", "A film")
    options = ("--kind", "BACKGROUND", "--name", "The wall", "--project", "film")
    added = program.run("asset", "add", str(picture), *options, "--json", **FOLDER).json
    assert program.run("asset", "list", "--project", "film", "--json").json == [added]
    assert program.run("asset", "list", "--project", "nowhere").code == 3


def test_reference_headshots_belong_to_identities(program: Program) -> None:
    """Named by id or name, and listed by it."""
    photograph = ROOT / "tests" / "media" / "photographs" / "obama.jpg"
    program.run("identity", "add", "--name", "ann", "--display-name", "Ann", "--trigger-word", "TOK_ANN")
    options = ("--kind", "HEADSHOT", "--identity", "ann")
    added = program.run("asset", "add", str(photograph), *options, "--json", **FOLDER).json
    assert program.run("asset", "list", "--identity", "ann", "--json").json == [added]
    assert program.run("asset", "list", "--identity", "bob").code == 3


ASSETS = {
    "a picture for a voice": ("face.png", "VOICE_SAMPLE", 2, "recording"),
    "a picture for a LoRA": ("face.png", "LORA_MODEL", 2, "file"),
    "a text for a picture": ("text.png", "HEADSHOT", 2, "file"),
    "a file that is not there": ("nowhere.png", "HEADSHOT", 2, "cannot be read"),
    "a kind that is none": ("face.png", "HOLOGRAM", 2, "--kind"),
}


@pytest.mark.parametrize("name", ASSETS)
def test_a_file_is_judged_by_what_it_holds(program: Program, picture: Path, name: str) -> None:
    """Its name does not help; nothing is kept."""
    (picture.parent / "text.png").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    file, kind, code, word = ASSETS[name]
    before = program.content()
    answer = program.run("asset", "add", str(picture.parent / file), "--kind", kind, **FOLDER)
    assert (answer.code, answer.out, word in answer.err) == (code, "", True), answer.err
    assert program.content() == before
    assert not list((picture.parent / "objects").rglob("*.*"))


def test_assets_need_an_object_store_and_an_id(program: Program, picture: Path) -> None:
    """Without one the variable is named; an unknown id has exit code 3."""
    answer = program.run("asset", "add", str(picture), "--kind", "HEADSHOT")
    assert (answer.code, "R2_BUCKET_NAME" in answer.err) == (2, True)
    assert program.run("asset", "rm", "nothing", **FOLDER).code == 3


def test_settings_go_before_the_environment(program: Program) -> None:
    """Each tells where its value comes from; null leaves it to the environment again."""
    voice = {"ELEVENLABS_VOICE_ID": "FromTheEnvironment"}
    listed = program.run("setting", "list", "--json", **voice).json
    assert [row["key"] for row in listed] == list(KEYS)
    assert {row["key"]: row["source"] for row in listed}["default_voice_id"] == "environment"
    put = program.run("setting", "set", "default_voice_id", "FromTheDatabase", "--if-version", "0", "--json", **voice)
    assert (put.json["value"], put.json["source"], put.json["version"]) == ("FromTheDatabase", "database", 1)
    assert program.run("setting", "get", "default_voice_id", **voice).out == "FromTheDatabase\n"
    assert "FromTheDatabase" in program.run("setting", "list", **voice).out
    program.run("setting", "set", "default_voice_id", "null")
    assert program.run("setting", "get", "default_voice_id", **voice).out == "FromTheEnvironment\n"


def test_settings_have_types(program: Program) -> None:
    """Words, numbers and truths are read as what they look like."""
    for key, text, value in (
        ("on_missing_lora", "fail", "fail"),
        ("max_speech_seconds", "20.5", 20.5),
        ("safety_checker", "false", False),
    ):
        assert program.run("setting", "set", key, text).code == 0
        assert program.run("setting", "get", key, "--json").json["value"] == value


SETTINGS = {
    "an unknown key": ("setting set colour red", 3, "colour"),
    "reading an unknown key": ("setting get colour", 3, "colour"),
    "a policy that is none": ("setting set on_missing_lora perhaps", 2, "on_missing_lora"),
    "a number for a truth": ("setting set safety_checker 1", 2, "safety_checker"),
    "too much speech": ("setting set max_speech_seconds 301", 2, "max_speech_seconds"),
    "no number": ("setting set max_speech_seconds NaN", 2, "max_speech_seconds"),
    "a headshot that is no asset": ("setting set default_headshot_asset nothing", 2, "default_headshot_asset"),
    "a version that has passed": ("setting set safety_checker false --if-version 3", 6, "version is 0"),
    "a key without scopes": ("apikey create --name x", 2, "--scope"),
    "a scope that is none": ("apikey create --name x --scope everything", 2, "--scope"),
    "a key without a name": ("apikey create --name= --scope read", 2, "name"),
    "an unknown key to revoke": ("apikey revoke nothing", 3, "apikey list"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_bad_settings_and_keys_are_told(program: Program, name: str) -> None:
    """With the exit code of what is wrong; nothing is written."""
    line, code, word = SETTINGS[name]
    before = program.content()
    answer = program.run(*line.split())
    assert (answer.code, answer.out, word in answer.err) == (code, "", True), answer.err
    assert program.content() == before


async def test_a_token_is_shown_once_and_works_until_revoked(program: Program, database: Database) -> None:
    """Neither it nor its hash is in any later answer, nor is the token in the database's file."""
    assert "apikey create" in program.run("apikey", "list").out
    made = program.run("apikey", "create", "--name", "robot", "--scope", "generate", "--scope", "read", "--json").json
    text = program.run("apikey", "create", "--name", "other", "--scope", "write").out
    token, other = made["token"], text.splitlines()[-1]
    assert made["scopes"] == ["read", "generate"]
    key = await verify_token(database, token)
    assert key is not None
    assert key.id == made["id"]
    revoked = program.run("apikey", "revoke", made["id"])
    assert await verify_token(database, token) is None
    assert await verify_token(database, other) is not None
    await database.close()
    outputs = [revoked.out, program.run("apikey", "list").out, program.run("apikey", "list", "--json").out]
    assert revoked.code == 0
    assert not any(secret in out for out in outputs for secret in (token, other, key.token_sha256))
    assert [bool(row["revoked_at"]) for row in program.run("apikey", "list", "--json").json] == [True, False]
    assert token.encode() not in program.file.read_bytes()
