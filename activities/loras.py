"""The link of a scene's LoRA, resolved when it is needed: links that users give may carry signatures."""

from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from activities.drawn import picture_of_current_take
from domain.identity import EffectiveIdentity, effective_identity
from domain.rejections import RejectedError
from domain.scene_plan import plan_scene
from domain.system_settings import overlay
from models.enums import FailureCode
from models.scene import ScenePlan
from models.settings import PlanSettings
from models.tables import Scene
from store.database import Database, Transaction
from store.objects.port import ObjectStore


@dataclass(frozen=True)
class LoraLink:
    """Where a LoRA is fetched, and whose face it is; `default` says that the settings' LoRA was used."""

    url: str
    subject: str
    default: bool


class LoraLinks:
    """Finds the LoRA that a scene uses."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        settings: PlanSettings,
        default_url: SecretStr | None,
        lifetime: timedelta,
    ) -> None:
        self._database = database
        self._objects = objects
        self._settings = settings
        self._default_url = default_url
        self._lifetime = lifetime

    async def of_scene(self, scene_id: str, identity_id: str | None = None) -> LoraLink:
        """That of the identity that its run was planned for, else of the one that it speaks as now.

        Raises RejectedError when the scene, the identity or its LoRA is gone since the plan was made.
        """
        async with self._database.transaction() as tx:
            scene = await required_scene(tx, scene_id)
            settings = await current_settings(tx, self._settings)
            if identity_id is None:
                return self.of_identity(await identity_of(tx, scene, settings))
            planned_for = await tx.identities.get(identity_id)
        if planned_for is None:
            raise RejectedError("identity", "it was deleted", "Give the scene another", FailureCode.NOT_FOUND)
        return self.of_identity(effective_identity(planned_for, None, settings))

    def of_identity(self, identity: EffectiveIdentity) -> LoraLink:
        """Raises RejectedError (`lora_not_found`) when it has none."""
        profile = identity.profile
        if profile.lora_key:
            url = self._objects.sign(profile.lora_key, expires=self._lifetime)
        elif profile.lora_url:
            url = profile.lora_url
        elif identity.uses_default_lora and self._default_url is not None:
            url = self._default_url.get_secret_value()
        else:
            raise RejectedError(
                "identity.lora_url", "it was removed", "Set it and generate again", FailureCode.LORA_NOT_FOUND
            )
        return LoraLink(url=url, subject=profile.display_name, default=identity.uses_default_lora)


async def current_settings(tx: Transaction, environment: PlanSettings) -> PlanSettings:
    """The environment's settings with those of the database put over them, as they are now."""
    return overlay(environment, await tx.settings.values())


async def required_scene(tx: Transaction, scene_id: str) -> Scene:
    """The scene. Raises RejectedError (`not_found`)."""
    scene = await tx.scenes.get(scene_id)
    if scene is None:
        raise RejectedError(
            "scene_id", f"no scene has the id {scene_id!r}", "See `starter.py scene list`", FailureCode.NOT_FOUND
        )
    return scene


async def identity_of(tx: Transaction, scene: Scene, settings: PlanSettings) -> EffectiveIdentity:
    """Who the scene speaks as. Raises RejectedError for an inactive identity."""
    own = await tx.identities.get(scene.identity_id) if scene.identity_id else None
    return effective_identity(own, await tx.identities.default(), settings)


async def planned(tx: Transaction, scene: Scene, environment: PlanSettings) -> ScenePlan:
    """The scene planned with identity, project and settings as they are now. Raises RejectedError; writes nothing."""
    settings = await current_settings(tx, environment)
    project = await tx.projects.get(scene.project_id) if scene.project_id else None
    plan = plan_scene(scene, await identity_of(tx, scene, settings), settings, project)
    return plan.model_copy(update={"drawn": await picture_of_current_take(tx, scene)}) if plan.image else plan
