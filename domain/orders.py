"""What a planned scene asks of each provider. Runs buy by it, and plans tell by it what a run would buy."""

from domain.clips import plan_clips
from domain.fingerprints import fingerprint
from models.artifacts import ArtifactRef
from models.enums import Provider
from models.requests import ImageRequest, LipsyncRequest, Lora, VideoRequest
from models.scene import ClipPlan, DrawnPicture, ImagePlan, ScenePlan


def image_request(plan: ScenePlan, image: ImagePlan, lora: Lora | None) -> ImageRequest:
    """The picture that starts every clip."""
    return ImageRequest(
        model=image.model,
        prompt=image.prompt,
        aspect_ratio=plan.aspect_ratio,
        steps=image.steps,
        guidance=image.guidance,
        seed=image.seed,
        lora=lora,
        safety_checker=image.safety_checker,
    )


def picture_of_take(plan: ScenePlan, request: ImageRequest) -> DrawnPicture | None:
    """The current take's picture, where its run asked for the same: it is filmed again, whatever it cost to find it."""
    same = plan.drawn is not None and plan.drawn.asked == fingerprint(Provider.FAL, request)
    return plan.drawn if same else None


def clips_for(plan: ScenePlan, speech_s: float) -> ClipPlan:
    """The clips for a speech of so many seconds. Raises RejectedError as `plan_clips` does."""
    return plan_clips(
        plan.clip_policy,
        speech_s,
        durations=plan.video.durations,
        takes_end_frame=plan.video.takes_end_frame,
        max_speech_s=plan.max_speech_s,
    )


def video_request(plan: ScenePlan, picture: ArtifactRef, seconds: int) -> VideoRequest:
    """One clip of that length, from the picture and, where the model can, back to it."""
    return VideoRequest(
        model=plan.video.model,
        prompt=plan.video.prompt,
        negative_prompt=plan.video.negative_prompt,
        aspect_ratio=plan.aspect_ratio,
        start_image=picture,
        end_image=picture if plan.video.takes_end_frame else None,
        seconds=seconds,
    )


def lipsync_request(plan: ScenePlan, clips: ClipPlan, video: ArtifactRef, speech: ArtifactRef) -> LipsyncRequest:
    """The mouth made to follow the speech."""
    return LipsyncRequest(model=plan.lipsync_model, video=video, audio=speech, sync_mode=clips.sync_mode)
