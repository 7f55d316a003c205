"""Settings become parts: the only place where concrete adapters are chosen."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr
from temporalio import activity

from activities.anchor import AnchorActivities
from activities.approvals import ApprovalActivities
from activities.assembly import AssemblyActivities
from activities.budgets import Budgets
from activities.collecting import Collector, JobProviders
from activities.headshots import Headshots
from activities.jobs import JobActivities
from activities.loras import LoraLinks
from activities.purchases import Purchases
from activities.reconcile import ReconcileActivities
from activities.scene import SceneActivities
from activities.speech import SpeechActivities
from activities.workshop import Workshop
from domain.rejections import RejectedError
from models.enums import Provider
from providers.clients import vendor_client
from providers.elevenlabs import ElevenLabsSpeechProvider
from providers.fal import FalQueue
from providers.flux import FalImageProvider
from providers.guard import guarded_client
from providers.kling import KlingVideoProvider
from providers.kling_fal import FalVideoProvider
from providers.lora import SafetensorsLoraInspector
from providers.ports import LoraInspector, SpeechProvider, VideoProvider, WebFetcher
from providers.signatures import FalSignatures
from providers.sync_so import SyncLipsyncProvider
from providers.web import GuardedWebFetcher
from runtime.launching import mend_all
from runtime.settings import Settings
from runtime.webhooks import callback_url
from store.database import Database
from store.objects.local import LocalObjectStore
from store.objects.port import ObjectStore
from store.objects.s3 import S3ObjectStore, r2_endpoint

Value = TypeVar("Value")

UNSET = SecretStr("not-set")  # a provider without a key is refused by the plan, before any call


@dataclass(frozen=True)
class Parts:
    """Everything that Devatar is made of, behind its ports."""

    settings: Settings
    database: Database
    objects: ObjectStore
    web: WebFetcher
    inspector: LoraInspector
    speech: SpeechProvider
    jobs: JobProviders
    fal_signatures: FalSignatures


@asynccontextmanager
async def assembled(settings: Settings) -> AsyncGenerator[Parts]:
    """Build the parts and close them after the block. Raises RejectedError for settings that do not fit together."""
    database = Database(settings.database_url.get_secret_value())
    async with vendor_client() as vendors, guarded_client(settings.trusted_origins) as public:
        fal = FalQueue(vendors, base_url=settings.fal_queue_url, key=settings.fal_key or UNSET)
        try:
            yield Parts(
                settings=settings,
                database=database,
                objects=object_store(settings),
                web=GuardedWebFetcher(public),
                inspector=SafetensorsLoraInspector(public, min_bytes=settings.min_lora_bytes),
                speech=ElevenLabsSpeechProvider(
                    vendors,
                    base_url=settings.elevenlabs_base_url,
                    key=settings.elevenlabs_api_key or UNSET,
                    timeout_s=settings.speech_timeout_s,
                ),
                jobs=JobProviders(
                    image=FalImageProvider(fal),
                    videos=_video_providers(settings, vendors, fal),
                    lipsync=SyncLipsyncProvider(
                        vendors, base_url=settings.sync_base_url, key=settings.sync_api_key or UNSET
                    ),
                ),
                fal_signatures=FalSignatures(vendors, jwks_url=settings.fal_jwks_url),
            )
        finally:
            await database.close()


def object_store(settings: Settings) -> ObjectStore:
    """R2 or any S3 when a bucket is named, else a folder that `runtime.file_server` serves.

    Raises RejectedError that names the variable which is missing.
    """
    if settings.uses_s3:
        endpoint = settings.r2_endpoint_url or (settings.r2_account_id and r2_endpoint(settings.r2_account_id))
        return S3ObjectStore(
            endpoint_url=_needed(endpoint, "R2_ACCOUNT_ID or R2_ENDPOINT_URL"),
            bucket=_needed(settings.r2_bucket_name, "R2_BUCKET_NAME"),
            access_key_id=_needed(settings.r2_access_key_id, "R2_ACCESS_KEY_ID").get_secret_value(),
            secret_access_key=_needed(settings.r2_secret_access_key, "R2_SECRET_ACCESS_KEY"),
            public_url=settings.r2_public_url,
        )
    return LocalObjectStore(
        settings.data_dir / "objects",
        _needed(settings.files_url, "R2_BUCKET_NAME (or DEVATAR_FILES_URL for a local folder)"),
        _needed(settings.files_signing_key, "DEVATAR_FILES_SIGNING_KEY"),
    )


def workshop_of(parts: Parts) -> Workshop:
    """Where files are measured, hashed and put into the store."""
    return Workshop(parts.objects, parts.settings.data_dir / "scratch")


def lora_links(parts: Parts) -> LoraLinks:
    """Finds where LoRAs are fetched."""
    settings = parts.settings
    default = SecretStr(settings.deven_lora_url) if settings.deven_lora_url else None
    planning = settings.for_planning(search_attributes=False)
    return LoraLinks(parts.database, parts.objects, planning, default, timedelta(hours=settings.vendor_url_hours))


def headshots_of(parts: Parts) -> Headshots:
    """Finds and fits headshots."""
    url = parts.settings.default_headshot_url
    return Headshots(parts.database, workshop_of(parts), parts.web, SecretStr(url) if url else None)


def purchases_of(parts: Parts) -> Purchases:
    """The one way to buy."""
    budgets = Budgets(parts.settings.for_planning(search_attributes=False))
    return Purchases(parts.database, parts.objects, parts.settings.unknown_policies(), budgets)


def collector_of(parts: Parts) -> Collector:
    """Waits for what the vendors make, and keeps it."""
    minutes = parts.settings.poll_patience_minutes
    return Collector(
        purchases=purchases_of(parts),
        workshop=workshop_of(parts),
        web=parts.web,
        providers=parts.jobs,
        longest_patience=None if minutes is None else timedelta(minutes=minutes),
    )


def job_activities(parts: Parts) -> JobActivities:
    """Buys pictures, clips and lipsync."""
    return JobActivities(
        database=parts.database,
        purchases=purchases_of(parts),
        collector=collector_of(parts),
        objects=parts.objects,
        providers=parts.jobs,
        links=lora_links(parts),
        url_lifetime=timedelta(hours=parts.settings.vendor_url_hours),
        callback_of=callback_url(parts.settings),
    )


def reconcile_activities(parts: Parts, speech: SpeechActivities, jobs: JobActivities) -> ReconcileActivities:
    """Looks after purchases that no run works on."""
    return ReconcileActivities(
        database=parts.database,
        purchases=purchases_of(parts),
        collector=collector_of(parts),
        speech=speech,
        jobs=jobs,
        mend=lambda: mend_all(parts.database, activity.client()),
    )


def activities_of(parts: Parts, *, search_attributes: bool) -> list[Callable[..., Any]]:
    """All activities that the worker serves."""
    plan_settings = parts.settings.for_planning(search_attributes=search_attributes)
    workshop, purchases = workshop_of(parts), purchases_of(parts)
    speech = SpeechActivities(database=parts.database, purchases=purchases, workshop=workshop, provider=parts.speech)
    anchor = AnchorActivities(
        database=parts.database,
        workshop=workshop,
        headshots=headshots_of(parts),
        inspector=parts.inspector,
        links=lora_links(parts),
    )
    jobs = job_activities(parts)
    assembly = AssemblyActivities(database=parts.database, workshop=workshop)
    scene = SceneActivities(
        database=parts.database,
        workshop=workshop,
        objects=parts.objects,
        settings=plan_settings,
        purchases=purchases,
        cancel_at_vendor=collector_of(parts).cancel,
    )
    approvals = ApprovalActivities(
        database=parts.database, workshop=workshop, objects=parts.objects, settings=plan_settings
    )
    reconcile = reconcile_activities(parts, speech, jobs)
    return [
        scene.load_scene,
        approvals.check_face,
        approvals.ask_approval,
        approvals.record_decision,
        speech.synthesize_speech,
        anchor.validate_identity_anchor,
        anchor.prepare_headshot,
        jobs.submit_image,
        jobs.collect_image,
        jobs.submit_video,
        jobs.collect_video,
        assembly.join_clips,
        jobs.submit_lipsync,
        jobs.collect_lipsync,
        assembly.check_media,
        scene.publish_scene,
        scene.end_scene,
        reconcile.list_unattended,
        reconcile.reconcile_job,
    ]


def _video_providers(settings: Settings, vendors: httpx.AsyncClient, fal: FalQueue) -> dict[Provider, VideoProvider]:
    providers: dict[Provider, VideoProvider] = {}
    if settings.fal_key:
        providers[Provider.FAL] = FalVideoProvider(fal)
    if settings.kling_access_key and settings.kling_secret_key:
        providers[Provider.KLING] = KlingVideoProvider(
            vendors,
            base_url=settings.kling_base_url,
            access_key=settings.kling_access_key,
            secret_key=settings.kling_secret_key,
        )
    return providers


def _needed(value: Value | None, variable: str) -> Value:
    if not value:
        raise RejectedError(
            variable, "it is not set, so there is no object store", "Set it in the environment or in .env"
        )
    return value
