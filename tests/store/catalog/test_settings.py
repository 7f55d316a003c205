"""Settings in the database: typed, and before the environment's wherever a scene is planned."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import SecretStr
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.anchor import AnchorActivities
from activities.headshots import Headshots
from activities.loras import LoraLinks, current_settings
from activities.purchases import Purchases
from activities.scene import SceneActivities
from activities.workshop import Workshop
from domain.rejections import RejectedError, StaleError
from models.enums import AnchorSource, AspectRatio, AssetKind, FailureCode, MissingLoraPolicy, Source
from models.inputs import AssetDraft
from models.messages import LoadSceneInput, PrepareHeadshotInput, RunRef
from models.scene import ScenePlan
from models.settings import PlanSettings
from models.tables import Asset, ProviderJob
from providers.guard import guarded_client
from providers.lora import SafetensorsLoraInspector
from providers.web import GuardedWebFetcher
from runtime.catalog.assets import add_asset
from runtime.catalog.scenes import add_scene
from runtime.catalog.settings import get_setting, list_settings, put_setting
from runtime.settings import Settings
from store.database import Database
from store.objects.local import LocalObjectStore
from tests.store.catalog.drafts import scene

GOOD: list[tuple[str, Any]] = [
    ("default_voice_id", "Voice_1-a"),
    ("on_missing_lora", "fail"),
    ("safety_checker", False),
    ("max_speech_seconds", 60),
    ("lipsync_model", "lipsync-2-pro"),
    ("scene_budget_usd", "2.50"),
    ("monthly_budget_usd", "0"),
]


async def headshot(database: Database, workshop: Workshop, folder: Path) -> Asset:
    path = folder / "face.png"
    Image.new("RGB", (640, 480), "teal").save(path)
    return await add_asset(database, workshop, AssetDraft(kind=AssetKind.HEADSHOT, name="face"), path)


async def test_unset(database: Database, settings: Settings) -> None:
    """What nobody has set has the program's default, or none."""
    found = {each.key: (each.value, each.source, each.version) for each in await list_settings(database, settings)}
    assert found == {
        "default_headshot_asset": (None, Source.NONE, 0),
        "default_voice_id": (None, Source.NONE, 0),
        "on_missing_lora": (MissingLoraPolicy.FALLBACK, Source.DEFAULT, 0),
        "safety_checker": (True, Source.DEFAULT, 0),
        "max_speech_seconds": (300.0, Source.DEFAULT, 0),
        "lipsync_model": ("lipsync-2", Source.DEFAULT, 0),
        "scene_budget_usd": (None, Source.NONE, 0),
        "monthly_budget_usd": (None, Source.NONE, 0),
    }


@pytest.mark.parametrize(("key", "value"), GOOD)
async def test_put(database: Database, settings: Settings, key: str, value: Any) -> None:
    """The database's value goes before any other, is counted, and can be taken back."""
    put = await put_setting(database, settings, key, value, expected_version=0)
    assert (put.value, put.source, put.version) == (value, Source.DATABASE, 1)
    assert (await put_setting(database, settings, key, value)).version == 1
    assert (await get_setting(database, settings, key)).value == value
    with pytest.raises(StaleError):
        await put_setting(database, settings, key, value, expected_version=0)
    assert (await put_setting(database, settings, key, None)).source is not Source.DATABASE


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("default_voice_id", "../voices"),
        ("default_voice_id", 7),
        ("on_missing_lora", "maybe"),
        ("safety_checker", "false"),
        ("safety_checker", 0),
        ("max_speech_seconds", 301),
        ("max_speech_seconds", 0),
        ("max_speech_seconds", "60"),
        ("max_speech_seconds", float("nan")),
        ("max_speech_seconds", [60]),
        ("lipsync_model", "lipsync-9"),
        ("default_headshot_asset", "nothing"),
        ("default_headshot_asset", "\x00"),
        ("default_headshot_asset", {"id": "x"}),
        ("safety_checker", object()),
        ("scene_budget_usd", -1),
        ("monthly_budget_usd", "a lot"),
    ],
)
async def test_bad_values(database: Database, settings: Settings, key: str, value: object) -> None:
    """A value that the key cannot have is refused by the key, also one that could be read as a good one."""
    with pytest.raises(RejectedError) as caught:
        await put_setting(database, settings, key, value)
    assert (caught.value.field, caught.value.code) == (key, FailureCode.INVALID_REQUEST)
    assert (await get_setting(database, settings, key)).source is not Source.DATABASE


async def test_unknown_key(database: Database, settings: Settings) -> None:
    """A key that does not exist is not found, with those that do."""
    with pytest.raises(RejectedError, match="default_voice_id") as caught:
        await put_setting(database, settings, "voice", "x")
    assert caught.value.code is FailureCode.NOT_FOUND


async def test_environment(database: Database, settings: Settings) -> None:
    """Where the database has nothing, the environment's value is told as such, links without their signatures."""
    link = "https://user:canary@example.com/face.png?signature=canary"
    changed = Settings.model_validate({"DEVATAR_DEFAULT_HEADSHOT_URL": link, "DEVATAR_SAFETY_CHECKER": "false"})
    found = await get_setting(database, changed, "default_headshot_asset")
    assert (found.value, found.source) == ("https://example.com/face.png", Source.ENVIRONMENT)
    assert (await get_setting(database, changed, "safety_checker")).source is Source.ENVIRONMENT


async def test_budgets(database: Database, settings: Settings) -> None:
    """Budgets are exact wherever they come from, and the database's go before the environment's."""
    changed = Settings.model_validate({"DEVATAR_SCENE_BUDGET_USD": "0.1", "DEVATAR_MONTHLY_BUDGET_USD": "50"})
    told = await get_setting(database, changed, "scene_budget_usd")
    await put_setting(database, changed, "monthly_budget_usd", 1.1)
    async with database.transaction() as tx:
        used = await current_settings(tx, changed.for_planning(search_attributes=False))
    assert (told.value, told.source) == ("0.1", Source.ENVIRONMENT)
    assert (used.scene_budget_micros, used.monthly_budget_micros) == (100_000, 1_100_000)


async def planned(database: Database, objects: LocalObjectStore, workshop: Workshop, scene_id: str) -> ScenePlan:
    """The plan that a worker makes whose environment says otherwise in everything."""

    async def no_cancel(_: ProviderJob) -> None:
        return None

    environment = PlanSettings(default_voice_id="EnvironmentVoice", on_missing_lora=MissingLoraPolicy.FALLBACK)
    worker = SceneActivities(
        database=database,
        workshop=workshop,
        objects=objects,
        settings=environment,
        purchases=Purchases(database, objects),
        cancel_at_vendor=no_cancel,
    )
    return await ActivityEnvironment().run(worker.load_scene, LoadSceneInput(scene_id=scene_id, run_id="run1"))


async def test_reaches_the_plan(
    database: Database, objects: LocalObjectStore, workshop: Workshop, settings: Settings, tmp_path: Path
) -> None:
    """A worker that runs plans the next scene by what was set a moment ago, over its environment."""
    added = await add_scene(database, None, scene())
    before = await planned(database, objects, workshop, added.id)
    assert (before.speech.voice.voice_id, before.decision.source) == ("EnvironmentVoice", AnchorSource.TEXT_TO_IMAGE)
    assert before.image is not None
    assert before.image.safety_checker is True
    for key, value in GOOD:
        await put_setting(database, settings, key, value)
    after = await planned(database, objects, workshop, added.id)
    assert after.image is not None
    assert (after.speech.voice.voice_id, after.image.safety_checker) == ("Voice_1-a", False)
    assert (after.max_speech_s, after.lipsync_model) == (60.0, "lipsync-2-pro")
    face = await headshot(database, workshop, tmp_path)
    await put_setting(database, settings, "default_headshot_asset", face.id)
    assert (await planned(database, objects, workshop, added.id)).decision.source is AnchorSource.DEFAULT_HEADSHOT


async def test_policy_reaches_the_plan(
    database: Database, objects: LocalObjectStore, workshop: Workshop, settings: Settings
) -> None:
    """A digital twin without any LoRA fails when the database says so, though the environment lets it fall back."""
    added = await add_scene(database, None, scene(generation_mode="digital-twin"))
    assert (await planned(database, objects, workshop, added.id)).decision.fallback
    await put_setting(database, settings, "on_missing_lora", "fail")
    with pytest.raises(ApplicationError) as caught:
        await planned(database, objects, workshop, added.id)
    assert caught.value.type == FailureCode.LORA_NOT_FOUND


async def test_default_headshot_is_used(
    database: Database, objects: LocalObjectStore, workshop: Workshop, settings: Settings, tmp_path: Path
) -> None:
    """The picture of a scene without one is the default asset, fetched from our store and fitted."""
    added = await add_scene(database, None, scene())
    face = await headshot(database, workshop, tmp_path)
    await put_setting(database, settings, "default_headshot_asset", face.id)
    async with guarded_client() as web:
        anchor = AnchorActivities(
            database=database,
            workshop=workshop,
            headshots=Headshots(
                database, workshop, GuardedWebFetcher(web), SecretStr("https://host.invalid/other.png")
            ),
            inspector=SafetensorsLoraInspector(web),
            links=LoraLinks(database, objects, PlanSettings(), None, timedelta(hours=1)),
        )
        order = PrepareHeadshotInput(
            run=RunRef(scene_id=added.id, run_id="run1"),
            source=AnchorSource.DEFAULT_HEADSHOT,
            aspect_ratio=AspectRatio.LANDSCAPE,
        )
        fitted = await ActivityEnvironment().run(anchor.prepare_headshot, order)
    assert fitted.media_type == "image/png"
    assert fitted.width is not None
    assert fitted.height is not None
    assert fitted.width / fitted.height == pytest.approx(16 / 9, rel=0.01)
