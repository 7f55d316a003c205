"""Creating identities and scenes from what people write down."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import SecretStr

from activities.workshop import Workshop
from domain.rejections import RejectedError
from models.artifacts import ArtifactRef
from models.enums import FailureCode, FluxModel, GenerationMode
from models.inputs import Draft, IdentityDraft, SceneDraft
from runtime.catalog.drafts import draft_from, draft_from_file
from runtime.catalog.identities import add_identity, find_identity
from runtime.catalog.scenes import add_scene, find_scene
from store.database import Database
from store.objects.local import LocalObjectStore

IDENTITY: dict[str, Any] = {"name": "deven", "display_name": "Deven", "trigger_word": "TOK_DEVEN"}
SCENE: dict[str, Any] = {"name": "welcome", "dialogue": "Hello there."}


def identity(**fields: Any) -> IdentityDraft:
    return draft_from(IdentityDraft, IDENTITY | fields)


def scene(**fields: Any) -> SceneDraft:
    return draft_from(SceneDraft, SCENE | fields)


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    """An empty object store."""
    return LocalObjectStore(tmp_path / "objects", "http://127.0.0.1", SecretStr("signing-key"))


@pytest.fixture
def workshop(objects: LocalObjectStore, tmp_path: Path) -> Workshop:
    """A workshop over it."""
    return Workshop(objects, tmp_path / "scratch")


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        (IdentityDraft, IDENTITY | {"lora": "x"}, "lora"),
        (IdentityDraft, IDENTITY | {"name": "Not A Slug"}, "name"),
        (IdentityDraft, IDENTITY | {"name": "-a"}, "name"),
        (IdentityDraft, IDENTITY | {"name": "a" * 64}, "name"),
        (IdentityDraft, IDENTITY | {"name": 7}, "name"),
        (IdentityDraft, IDENTITY | {"display_name": "  "}, "display_name"),
        (IdentityDraft, IDENTITY | {"trigger_word": "two words"}, "trigger_word"),
        (IdentityDraft, IDENTITY | {"voice_stability": 1.01}, "voice_stability"),
        (IdentityDraft, IDENTITY | {"lora_scale": -0.1}, "lora_scale"),
        (IdentityDraft, IDENTITY | {"lora_scale": float("nan")}, "lora_scale"),
        (IdentityDraft, IDENTITY | {"lora_url": "file:///etc/passwd"}, "lora_url"),
        (IdentityDraft, IDENTITY | {"voice_id": "../voices"}, "voice_id"),
        (IdentityDraft, IDENTITY | {"base_model": "flux-9"}, "base_model"),
        (IdentityDraft, {"name": "deven"}, "display_name"),
        (SceneDraft, SCENE | {"mood": "x"}, "mood"),
        (SceneDraft, SCENE | {"dialogue": "  \n"}, "dialogue"),
        (SceneDraft, SCENE | {"aspect_ratio": "4:3"}, "aspect_ratio"),
        (SceneDraft, SCENE | {"generation_mode": "digital_twin"}, "generation_mode"),
        (SceneDraft, SCENE | {"seed": -1}, "seed"),
        (SceneDraft, SCENE | {"seed": 2**63}, "seed"),
        (SceneDraft, SCENE | {"seed": 1.5}, "seed"),
        (SceneDraft, ["name"], "input"),
    ],
)
def test_bad_fields(kind: type[Draft], fields: object, field: str) -> None:
    """The first field that is wrong is named."""
    with pytest.raises(RejectedError) as caught:
        draft_from(kind, fields)
    assert caught.value.field == field


def test_values() -> None:
    """White space around text goes, falsy values stay, and what is not written has its default."""
    draft = identity(display_name=" Deven ", lora_scale=0.0, voice_style=0, voice_speaker_boost=False)
    assert (draft.display_name, draft.lora_scale, draft.voice_style) == ("Deven", 0.0, 0.0)
    assert (draft.voice_speaker_boost, draft.base_model) == (False, FluxModel.FLUX_DEV)
    assert scene(seed=2**63 - 1, generation_mode=None).seed == 2**63 - 1


WRITERS: list[Callable[[dict[str, Any]], str]] = [
    json.dumps,
    lambda fields: "".join(f"{name}: {value}\n" for name, value in fields.items()),
]


@pytest.mark.parametrize("write", WRITERS, ids=["json", "yaml"])
def test_file(tmp_path: Path, write: Callable[[dict[str, Any]], str]) -> None:
    """YAML and JSON files are read; what is given beside the file wins, unless it is None."""
    path = tmp_path / "scene"
    path.write_text(write(SCENE | {"wardrobe": "a suit"}), encoding="utf-8")
    draft = draft_from_file(SceneDraft, path, name="other", wardrobe=None)
    assert (draft.name, draft.dialogue, draft.wardrobe) == ("other", "Hello there.", "a suit")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "holds no fields"),
        (b"- name\n", "holds no fields"),
        (b"name: [", "not valid YAML"),
        (b"name: !!python/object:os.system x\n", "not valid YAML"),
        (b"name: 2026-13-45\n", "not valid YAML"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"\x00", "not valid YAML"),
        (b"nonsense: 1\n", "nonsense"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes, problem: str) -> None:
    """A file that is no list of fields is refused by its name or by its first bad field."""
    path = tmp_path / "scene.yaml"
    path.write_bytes(content)
    with pytest.raises(RejectedError, match=problem):
        draft_from_file(SceneDraft, path, **SCENE)


def test_missing_file(tmp_path: Path) -> None:
    """A file or folder that cannot be read is named."""
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(RejectedError, match="cannot be read") as caught:
            draft_from_file(SceneDraft, path)
        assert caught.value.field == str(path)


async def test_add_identity(database: Database) -> None:
    """What was written is what is stored; a new default identity takes the place of the old one."""
    first = await add_identity(database, identity(is_default=True, lora_scale=0.0))
    second = await add_identity(database, identity(name="two", trigger_word="TOK_TWO", is_default=True))
    async with database.transaction() as tx:
        assert (await find_identity(tx, "deven")).lora_scale == 0.0
        assert (await find_identity(tx, first.id)).is_default is False
        assert (await find_identity(tx, second.id)).is_default is True


@pytest.mark.parametrize(("fields", "field"), [({"trigger_word": "TOK_2"}, "name"), ({"name": "two"}, "trigger_word")])
async def test_taken_identity(database: Database, fields: dict[str, Any], field: str) -> None:
    """A name or trigger word that is taken is refused with whose it is, and the default stays what it was."""
    await add_identity(database, identity(is_default=True))
    with pytest.raises(RejectedError, match="belongs to 'deven'") as caught:
        await add_identity(database, identity(is_default=True, **fields))
    assert caught.value.field == field
    async with database.transaction() as tx:
        assert (await find_identity(tx, "deven")).is_default


async def test_inactive_default(database: Database) -> None:
    """An inactive identity cannot be made the default one."""
    with pytest.raises(RejectedError) as caught:
        await add_identity(database, identity(is_default=True, is_active=False))
    assert caught.value.field == "is_active"


async def test_add_scene(database: Database, workshop: Workshop) -> None:
    """A scene finds its identity by name or id, and keeps unset what was not written."""
    person = await add_identity(database, identity())
    one = await add_scene(database, workshop, scene(identity="deven", generation_mode="digital-twin"))
    two = await add_scene(database, workshop, scene(name="two", identity=person.id))
    assert (one.identity_id, two.identity_id) == (person.id, person.id)
    assert (one.generation_mode, two.generation_mode) == (GenerationMode.DIGITAL_TWIN, None)
    async with database.transaction() as tx:
        assert (await find_scene(tx, "welcome")).id == one.id


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({}, "name", FailureCode.INVALID_REQUEST),
        ({"name": "new", "identity": "nobody"}, "identity", FailureCode.NOT_FOUND),
        ({"name": "new", "dialogue": "?!"}, "dialogue", FailureCode.INVALID_REQUEST),
        ({"name": "new", "headshot": "/no/such/face.png"}, "headshot", FailureCode.INVALID_REQUEST),
    ],
)
async def test_refused_scenes(
    database: Database, workshop: Workshop, fields: dict[str, Any], field: str, code: FailureCode
) -> None:
    """A scene that cannot be is refused by its field, and nothing of it is kept."""
    await add_scene(database, workshop, scene())
    with pytest.raises(RejectedError) as caught:
        await add_scene(database, workshop, scene(**fields))
    assert (caught.value.field, caught.value.code) == (field, code)
    async with database.transaction() as tx:
        assert [each.name for each in await tx.scenes.list()] == ["welcome"]


async def test_headshot_file(database: Database, workshop: Workshop, objects: LocalObjectStore, tmp_path: Path) -> None:
    """A headshot file goes into the object store, measured, under a key by its content."""
    path = tmp_path / "face.jpeg"
    Image.new("RGB", (400, 300), "teal").save(path, "PNG")
    added = await add_scene(database, workshop, scene(headshot=str(path)))
    ref = ArtifactRef.model_validate(added.headshot)
    assert (ref.media_type, ref.width, ref.height, added.headshot_url) == ("image/png", 400, 300, None)
    assert ref.key.endswith(f"{ref.sha256}.png")
    stored = await objects.stat(ref.key)
    assert stored is not None
    assert stored.size == path.stat().st_size


async def test_headshot_address(database: Database, workshop: Workshop) -> None:
    """A headshot on the web is kept as its address; it is fetched when the scene is filmed."""
    added = await add_scene(database, workshop, scene(headshot="https://example.com/face.png"))
    assert (added.headshot_url, added.headshot) == ("https://example.com/face.png", None)


@pytest.mark.parametrize(
    ("content", "problem", "code"),
    [
        (b"<html>404</html>", "is no PNG, JPEG or WebP", FailureCode.INVALID_REQUEST),
        (b"", "is no PNG, JPEG or WebP", FailureCode.INVALID_REQUEST),
        (b"ID3" + b"\x00" * 600, "is no PNG, JPEG or WebP", FailureCode.INVALID_REQUEST),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 600, "is damaged", FailureCode.MEDIA_INVALID),
    ],
    ids=["html", "empty", "sound", "damaged"],
)
async def test_headshot_is_no_picture(
    database: Database, workshop: Workshop, tmp_path: Path, content: bytes, problem: str, code: FailureCode
) -> None:
    """A file that is no picture, or a damaged one, is refused when the scene is created, whatever its name."""
    path = tmp_path / "face.png"
    path.write_bytes(content)
    with pytest.raises(RejectedError, match=problem) as caught:
        await add_scene(database, workshop, scene(headshot=str(path)))
    assert (caught.value.field, caught.value.code) == ("headshot", code)
    async with database.transaction() as tx:
        assert await tx.scenes.list() == []


async def test_not_found(database: Database) -> None:
    """Who is not there is named, with where to look."""
    async with database.transaction() as tx:
        with pytest.raises(RejectedError, match=r"no scene 'none'.*scene list") as scene_error:
            await find_scene(tx, "none")
        with pytest.raises(RejectedError, match=r"no identity 'none'.*identity list") as identity_error:
            await find_identity(tx, "none")
    assert {scene_error.value.code, identity_error.value.code} == {FailureCode.NOT_FOUND}
