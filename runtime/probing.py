"""Asking the vendors: does a LoRA work, does a voice, does a whole identity. Money is only spent when asked for."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from activities.loras import current_settings
from domain.failures import user_message
from domain.identity import EffectiveIdentity, as_used
from domain.prompts import build_identity_prompt
from domain.rejections import RejectedError
from domain.scene_plan import FLUX_LORA, GUIDANCE, STEPS
from models.artifacts import ArtifactRef, LoraReport
from models.enums import AspectRatio, FailureCode, Provider
from models.messages import PurchaseResult, RunRef
from models.requests import ImageRequest, Lora
from models.settings import PlanSettings
from models.tables import new_id
from providers.errors import ProviderError
from providers.ports import LoraInspector
from runtime.catalog import idempotency
from runtime.catalog.identities import find_identity
from runtime.wiring import Parts, job_activities, lora_links

MEGABYTE = 1024 * 1024
PICTURE_PATIENCE_S = 100.0  # fal draws in 5 to 15 s, and longer when it starts cold; below what abandons the claim
TEST_SETTING = "a plain studio background"
TEST_SEED = 1  # the same face comes out the same, so an unchanged identity is not paid for twice


class Outcome(StrEnum):
    """What came of one check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Overall(StrEnum):
    """What came of all checks that were made."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True)
class Verdict:
    """One check: `message` is for the user, `detail` for operators."""

    outcome: Outcome
    message: str
    detail: str = ""
    code: FailureCode | None = None


@dataclass(frozen=True)
class IdentityTest:
    """The checks of an identity; `cost_micros` is what this test's picture cost, 0 for one that was bought before."""

    identity_id: str
    overall: Overall
    message: str
    uses_default_lora: bool
    lora: Verdict
    voice: Verdict
    picture: Verdict
    artifact: ArtifactRef | None
    cost_micros: int


async def validate_lora_url(inspector: LoraInspector, url: str) -> Verdict:
    """One ranged GET on the file."""
    verdict, _ = await _inspected(inspector, url)
    return verdict


async def test_connection(parts: Parts, provider: Provider) -> Verdict:
    """A free call that proves address and key."""
    missing = parts.settings.missing()
    if provider in missing:
        return _failed(FailureCode.UNAUTHORIZED, f"{missing[provider]} is not set")
    try:
        match provider:
            case Provider.ELEVENLABS:
                said = await parts.speech.check()
            case Provider.FAL:
                said = await parts.jobs.image.check()
            case Provider.SYNC:
                said = await parts.jobs.lipsync.check()
            case Provider.KLING:
                said = await parts.jobs.videos[provider].check()
    except ProviderError as error:
        return _failed(error.code, error.detail)
    return Verdict(Outcome.PASSED, said)


async def test_identity(parts: Parts, reference: str, *, generate: bool) -> IdentityTest:
    """Check the LoRA and the voice, and with `generate` buy a picture, booked for the scene id of `test_scene_id`.

    Raises RejectedError (`not_found`); ConflictError while another test of the identity buys its picture.
    """
    async with parts.database.transaction() as tx:
        identity = await find_identity(tx, reference)
        settings = await current_settings(tx, parts.settings.for_planning(search_attributes=False))
    used = as_used(identity, settings)
    (lora, report), voice = await asyncio.gather(_check_lora(parts, used), _check_voice(parts, used, settings))
    picture, bought = Verdict(Outcome.SKIPPED, "No picture was asked for"), None
    if generate:
        picture, bought = await _check_picture(parts, used, report, settings)
    overall = _overall([lora, voice, picture])
    return IdentityTest(
        identity_id=identity.id,
        overall=overall,
        message=_message(overall, [lora, voice, picture], used),
        uses_default_lora=used.uses_default_lora,
        lora=lora,
        voice=voice,
        picture=picture,
        artifact=bought.artifact if bought else None,
        cost_micros=bought.cost_micros if bought else 0,
    )


def test_scene_id(identity_id: str) -> str:
    """What the ledger and the log call the test of an identity."""
    return f"test-{identity_id}"


async def _check_lora(parts: Parts, used: EffectiveIdentity) -> tuple[Verdict, LoraReport | None]:
    if not used.has_lora:
        problem = "No LoRA is configured: digital-twin scenes fall back to standard, or fail, as the policy says"
        return Verdict(Outcome.FAILED, problem, code=FailureCode.LORA_NOT_FOUND), None
    return await _inspected(parts.inspector, lora_links(parts).of_identity(used).url)


async def _inspected(inspector: LoraInspector, url: str) -> tuple[Verdict, LoraReport | None]:
    try:
        report = await inspector.inspect(url)
    except ProviderError as error:
        return _failed(error.code, error.detail), None
    message = f"LoRA validated: {round(report.size / MEGABYTE)}MB"
    return Verdict(Outcome.PASSED, message, f"{report.dialect}, {report.tensors} tensors"), report


async def _check_voice(parts: Parts, used: EffectiveIdentity, settings: PlanSettings) -> Verdict:
    voice_id = used.profile.voice_id or settings.default_voice_id
    if not voice_id:
        return Verdict(Outcome.FAILED, "No voice is configured", code=FailureCode.INVALID_REQUEST)
    if Provider.ELEVENLABS in settings.missing:
        return _failed(FailureCode.UNAUTHORIZED, f"{settings.missing[Provider.ELEVENLABS]} is not set")
    try:
        found = await parts.speech.check_voice(voice_id, used.profile.voice_model)
    except ProviderError as error:
        if error.code is FailureCode.NOT_FOUND:
            return Verdict(Outcome.FAILED, "The voice does not exist", error.detail, error.code)
        if error.code is FailureCode.INVALID_REQUEST:
            return Verdict(Outcome.FAILED, "The voice cannot speak with this model", error.detail, error.code)
        return _failed(error.code, error.detail)
    whose = "" if used.profile.voice_id else ", the settings' voice"
    return Verdict(Outcome.PASSED, f"Voice found: {found}{whose}")


async def _check_picture(
    parts: Parts, used: EffectiveIdentity, report: LoraReport | None, settings: PlanSettings
) -> tuple[Verdict, PurchaseResult | None]:
    if report is None:
        return Verdict(Outcome.SKIPPED, "Without a usable LoRA there is no picture to make"), None
    if Provider.FAL in settings.missing:
        return _failed(FailureCode.UNAUTHORIZED, f"{settings.missing[Provider.FAL]} is not set"), None
    try:
        async with asyncio.timeout(PICTURE_PATIENCE_S):
            bought = await _draw_alone(parts, used, _picture(used, report, settings))
    except ProviderError as error:
        return _failed(error.code, error.detail), None
    except RejectedError as error:
        if error.code is not FailureCode.BUDGET_EXCEEDED:
            raise
        return _failed(error.code, str(error)), None
    except TimeoutError:
        return _failed(FailureCode.TIMED_OUT, "the picture is not done yet: the next test collects it"), None
    message = "The picture was bought before, with the same LoRA" if bought.reused else "The picture was made"
    return Verdict(Outcome.PASSED, message), bought


async def _draw_alone(parts: Parts, used: EffectiveIdentity, request: ImageRequest) -> PurchaseResult:
    """One test of an identity at a time, in whatever process: two would both buy."""
    scene_id = test_scene_id(used.id or "")
    claim = idempotency.Request(owner="identity-test", key=scene_id, line="draw", body_sha256="")
    await idempotency.begin(parts.database, claim)
    try:
        link = lora_links(parts).of_identity(used)
        run = RunRef(scene_id=scene_id, run_id=new_id())
        return await job_activities(parts).draw(run, request, link.url, identity_id=used.id)
    finally:
        await idempotency.abandon(parts.database, claim)


def _picture(used: EffectiveIdentity, report: LoraReport, settings: PlanSettings) -> ImageRequest:
    profile = used.profile
    prompt = build_identity_prompt(
        trigger_word=profile.trigger_word,
        subject=profile.subject_description,
        wardrobe="",
        environment=TEST_SETTING,
        prompt="",
        lighting="",
    )
    return ImageRequest(
        model=FLUX_LORA,
        prompt=prompt,
        aspect_ratio=AspectRatio.LANDSCAPE,
        steps=STEPS[FLUX_LORA],
        guidance=GUIDANCE,
        seed=TEST_SEED,
        lora=Lora(scale=profile.lora_scale, fingerprint=report.fingerprint),
        safety_checker=settings.safety_checker,
    )


def _failed(code: FailureCode, detail: str) -> Verdict:
    return Verdict(Outcome.FAILED, user_message(code), detail, code)


def _overall(verdicts: list[Verdict]) -> Overall:
    outcomes = {verdict.outcome for verdict in verdicts}
    if Outcome.FAILED not in outcomes:
        return Overall.SUCCESS
    return Overall.PARTIAL if Outcome.PASSED in outcomes else Overall.FAILED


def _message(overall: Overall, verdicts: list[Verdict], used: EffectiveIdentity) -> str:
    failures = "; ".join(verdict.message for verdict in verdicts if verdict.outcome is Outcome.FAILED)
    said = {
        Overall.SUCCESS: f"{used.profile.display_name} is ready",
        Overall.PARTIAL: f"{used.profile.display_name} works in part: {failures}",
        Overall.FAILED: f"{used.profile.display_name} cannot be used yet: {failures}",
    }[overall]
    return f"{said}. The system's default LoRA was used" if used.uses_default_lora else said
