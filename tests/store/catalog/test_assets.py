"""Assets: judged by content, measured, kept while anything needs them."""

import asyncio
import struct
import wave
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from activities.workshop import Workshop
from domain.rejections import ConflictError, RejectedError, TooLargeError
from models.artifacts import ArtifactRef
from models.enums import AssetKind, FailureCode
from models.inputs import AssetDraft
from models.tables import Asset
from runtime.catalog.assets import Limits, add_asset, delete_asset, get_asset, list_assets
from runtime.catalog.identities import add_identity, delete_identity, patch_identity
from runtime.catalog.projects import add_project, delete_project
from runtime.catalog.scenes import add_scene, patch_scene
from runtime.catalog.settings import put_setting
from runtime.settings import Settings
from store.database import Database
from store.objects.local import LocalObjectStore
from tests.providers.test_lora import lora
from tests.store.catalog.drafts import identity, project, scene

K = AssetKind
PHOTOGRAPHS = Path(__file__).parents[2] / "media" / "photographs"
SMALL = Limits(min_lora_bytes=1000)


def picture(path: Path, kind: str = "PNG", size: tuple[int, int] = (40, 30), color: str = "teal") -> Path:
    Image.new("RGB", size, color).save(path, kind)
    return path


def bomb() -> bytes:
    """A PNG of a few bytes that claims 60,000 by 60,000 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def recording(path: Path) -> Path:
    """One second as WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\x10\x00" * 8000)
    return path


async def add(
    database: Database,
    workshop: Workshop,
    path: Path,
    kind: AssetKind = K.HEADSHOT,
    limits: Limits = SMALL,
    **more: Any,
) -> Asset:
    return await add_asset(database, workshop, AssetDraft(kind=kind, name=path.name, **more), path, limits)


@pytest.mark.parametrize(("kind", "form"), [(K.HEADSHOT, "PNG"), (K.SCENE_IMAGE, "JPEG"), (K.BACKGROUND, "WEBP")])
async def test_picture(database: Database, workshop: Workshop, tmp_path: Path, kind: AssetKind, form: str) -> None:
    """A picture is known by its content, whatever its name, and measured."""
    added = await add(database, workshop, picture(tmp_path / "x.svg", form), kind)
    ref = ArtifactRef.model_validate(added.artifact)
    assert (added.width, added.height, added.duration_s) == (40, 30, None)
    assert (ref.media_type, added.size) == (f"image/{form.lower()}", (tmp_path / "x.svg").stat().st_size)
    assert await workshop.has(ref.key)
    assert await get_asset(database, added.id) == added


async def test_recording(database: Database, workshop: Workshop, tmp_path: Path) -> None:
    """A voice sample's length is read."""
    added = await add(database, workshop, recording(tmp_path / "a.wav"), K.VOICE_SAMPLE)
    assert added.duration_s == pytest.approx(1.0, abs=0.01)


async def test_lora(database: Database, workshop: Workshop, tmp_path: Path) -> None:
    """A LoRA's header is read; an identity takes it by the asset's id, and it is fetched by its object's key."""
    path = tmp_path / "face.bin"
    path.write_bytes(lora())
    added = await add(database, workshop, path, K.LORA_MODEL)
    key = ArtifactRef.model_validate(added.artifact).key
    person = await add_identity(database, identity(lora_key=added.id))
    assert (person.lora_key, key.endswith(".safetensors")) == (key, True)
    same = await patch_identity(database, "deven", {"lora_key": added.id, "lora_scale": 0.5})
    assert (same.lora_key, same.lora_scale) == (key, 0.5)
    face = await add(database, workshop, picture(tmp_path / "face.png"))
    with pytest.raises(RejectedError, match="not a LORA_MODEL"):
        await patch_identity(database, "deven", {"lora_key": face.id})


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
REFUSED: dict[str, tuple[bytes, AssetKind, FailureCode]] = {
    "svg": (SVG, K.HEADSHOT, FailureCode.INVALID_REQUEST),
    "html": (b"<!doctype html><html></html>", K.SCENE_IMAGE, FailureCode.INVALID_REQUEST),
    "empty": (b"", K.HEADSHOT, FailureCode.INVALID_REQUEST),
    "a program": (b"\x7fELF" + b"\0" * 600, K.BACKGROUND, FailureCode.INVALID_REQUEST),
    "sound as a picture": (b"ID3" + b"\0" * 600, K.HEADSHOT, FailureCode.INVALID_REQUEST),
    "a picture as sound": (b"\x89PNG\r\n\x1a\n" + b"\0" * 600, K.VOICE_SAMPLE, FailureCode.INVALID_REQUEST),
    "damaged": (b"\x89PNG\r\n\x1a\n" + b"\0" * 600, K.HEADSHOT, FailureCode.MEDIA_INVALID),
    "a bomb": (bomb(), K.HEADSHOT, FailureCode.MEDIA_INVALID),
    "damaged sound": (b"ID3" + b"\0" * 600, K.VOICE_SAMPLE, FailureCode.MEDIA_INVALID),
    "no LoRA": (b"x" * 5000, K.LORA_MODEL, FailureCode.LORA_INVALID),
    "an empty LoRA": (b"", K.LORA_MODEL, FailureCode.LORA_INVALID),
    "a cut LoRA": (lora()[:-1], K.LORA_MODEL, FailureCode.LORA_INVALID),
    "another model's LoRA": (lora("lora_unet_down_blocks_{}_x"), K.LORA_MODEL, FailureCode.LORA_INVALID),
    "a small LoRA": (lora(each=2), K.LORA_MODEL, FailureCode.LORA_TOO_SMALL),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused(
    database: Database, workshop: Workshop, objects: LocalObjectStore, tmp_path: Path, name: str
) -> None:
    """What is not what its kind needs is refused with the reason, and nothing of it is kept."""
    content, kind, code = REFUSED[name]
    path = tmp_path / "file.png"
    path.write_bytes(content)
    with pytest.raises(RejectedError) as caught:
        await add(database, workshop, path, kind)
    assert (caught.value.field, caught.value.code) == ("file", code)
    assert (await list_assets(database)).total == 0
    assert not list((tmp_path / "objects").rglob("*.png"))


async def test_too_large(database: Database, workshop: Workshop, tmp_path: Path) -> None:
    """Each kind has a limit, which the caller can lower; 2 GB are refused without being read."""
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.truncate(2 * 1024**3)
    for path, limits in ((huge, SMALL), (picture(tmp_path / "a.png"), Limits(max_bytes=10))):
        with pytest.raises(TooLargeError, match="smaller file"):
            await add(database, workshop, path, limits=limits)


async def test_unreadable(database: Database, workshop: Workshop, tmp_path: Path) -> None:
    """A file or project that is not there is told."""
    with pytest.raises(RejectedError, match="cannot be read"):
        await add(database, workshop, tmp_path / "none.png")
    with pytest.raises(RejectedError) as caught:
        await add(database, workshop, picture(tmp_path / "a.png"), project="nothing")
    assert caught.value.code is FailureCode.NOT_FOUND


async def test_list(database: Database, workshop: Workshop, tmp_path: Path) -> None:
    """Newest first, by kind and project; a project's assets outlive it."""
    await add_project(database, project())
    first = await add(database, workshop, picture(tmp_path / "a.png"), project="launch")
    second = await add(database, workshop, picture(tmp_path / "b.png", color="red"), K.BACKGROUND)
    assert [asset.id for asset in (await list_assets(database)).items] == [second.id, first.id]
    assert [asset.id for asset in (await list_assets(database, kind=K.HEADSHOT)).items] == [first.id]
    assert [asset.id for asset in (await list_assets(database, project="launch")).items] == [first.id]
    await delete_project(database, "launch")
    assert (await get_asset(database, first.id)).project_id is None


async def test_references(database: Database, workshop: Workshop) -> None:
    """An identity's headshots in the order they came; they outlive it, and one that goes is one reference less."""
    person = await add_identity(database, identity())
    first, second, third = [
        await add(database, workshop, PHOTOGRAPHS / f"{name}.jpg", identity="deven")
        for name in ("ardern_2018", "ardern_2022", "obama")
    ]
    await add(database, workshop, PHOTOGRAPHS / "sunak.jpg")
    await delete_asset(database, workshop, second.id)

    async with database.transaction() as tx:
        assert [asset.id for asset in await tx.assets.references_of(person.id)] == [first.id, third.id]
        assert not await tx.assets.references_of("nobody")
    assert [asset.id for asset in (await list_assets(database, identity="deven")).items] == [third.id, first.id]

    await delete_identity(database, "deven")
    assert (await get_asset(database, first.id)).identity_id is None


async def test_unfit_reference(database: Database, workshop: Workshop, tmp_path: Path) -> None:
    """A picture that the check could not use is refused at once, and so are other kinds and unknown identities."""
    await add_identity(database, identity())
    with pytest.raises(RejectedError, match=r"file: it shows no face; it must show one\. Give a clear headshot"):
        await add(database, workshop, picture(tmp_path / "a.png"), identity="deven")
    with pytest.raises(RejectedError, match="identity: a BACKGROUND shows nobody's face"):
        await add(database, workshop, PHOTOGRAPHS / "obama.jpg", K.BACKGROUND, identity="deven")
    with pytest.raises(RejectedError) as caught:
        await add(database, workshop, PHOTOGRAPHS / "obama.jpg", identity="nobody")

    assert caught.value.code is FailureCode.NOT_FOUND
    assert (await list_assets(database)).total == 0


async def test_delete(database: Database, workshop: Workshop, tmp_path: Path, settings: Settings) -> None:
    """While a scene, an identity or a setting needs it, it stays and says who; then it goes with its file."""
    path = tmp_path / "face.safetensors"
    path.write_bytes(lora())
    model = await add(database, workshop, path, K.LORA_MODEL)
    await add_identity(database, identity(lora_key=model.id))
    face = await add(database, workshop, picture(tmp_path / "a.png"))
    await add_scene(database, None, scene(headshot=face.id))
    await put_setting(database, settings, "default_headshot_asset", face.id)
    with pytest.raises(ConflictError, match="in use: identity deven"):
        await delete_asset(database, workshop, model.id)
    with pytest.raises(ConflictError, match="in use: scene welcome, setting default_headshot_asset"):
        await delete_asset(database, workshop, face.id)
    await patch_identity(database, "deven", {"lora_key": None})
    await patch_scene(database, None, "welcome", {"headshot": None})
    await put_setting(database, settings, "default_headshot_asset", None)
    for asset in (model, face):
        await delete_asset(database, workshop, asset.id)
        assert not await workshop.has(ArtifactRef.model_validate(asset.artifact).key)
    assert (await list_assets(database)).total == 0


async def test_shared_file(database: Database, workshop: Workshop, tmp_path: Path) -> None:
    """The same bytes are kept once; the file goes with the last asset that has it."""
    path = picture(tmp_path / "a.png")
    one, two = await add(database, workshop, path), await add(database, workshop, path, K.BACKGROUND)
    key = ArtifactRef.model_validate(one.artifact).key
    await delete_asset(database, workshop, one.id)
    assert await workshop.has(key)
    await delete_asset(database, workshop, two.id)
    assert not await workshop.has(key)


async def test_added_and_deleted_at_once(database: Database, workshop: Workshop, tmp_path: Path) -> None:
    """However adding and deleting the same file fall together, an asset that is there has its file."""
    path = picture(tmp_path / "a.png")

    async def turn() -> None:
        added = await add(database, workshop, path)
        await delete_asset(database, workshop, added.id)

    await asyncio.gather(*(turn() for _ in range(6)), *(add(database, workshop, path) for _ in range(2)))
    page = await list_assets(database)
    assert page.total == 2
    assert await workshop.has(ArtifactRef.model_validate(page.items[0].artifact).key)


async def test_referred_to_and_deleted_at_once(
    database: Database, workshop: Workshop, tmp_path: Path, settings: Settings
) -> None:
    """Whichever comes first, an asset that something refers to is there."""
    path = tmp_path / "face.safetensors"
    path.write_bytes(lora())
    model = await add(database, workshop, path, K.LORA_MODEL)
    face = await add(database, workshop, picture(tmp_path / "a.png"))
    await add_identity(database, identity())
    await add_scene(database, None, scene())
    await asyncio.gather(
        patch_identity(database, "deven", {"lora_key": model.id}),
        patch_scene(database, None, "welcome", {"headshot": face.id}),
        put_setting(database, settings, "default_headshot_asset", face.id),
        delete_asset(database, workshop, model.id),
        delete_asset(database, workshop, face.id),
        return_exceptions=True,
    )
    present = {
        asset.id: ArtifactRef.model_validate(asset.artifact).key for asset in (await list_assets(database)).items
    }
    async with database.transaction() as tx:
        person, row = await tx.identities.find("deven"), await tx.scenes.find("welcome")
        default = (await tx.settings.values()).get("default_headshot_asset")
    assert person is not None
    assert row is not None
    assert person.lora_key in (None, *present.values())
    assert row.headshot_asset_id in (None, *present)
    assert default in (None, *present)
