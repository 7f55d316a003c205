"""Every activity that the workflow calls: its name, its result, its timeouts and its retries. The only such table.

Each bound has its why beside it. `attempts` bounds the retries of passing faults; a failure code that is permanent ends
a call at its first attempt, and a vendor's Retry-After replaces the delay (see `activities.failures`).
"""

from dataclasses import dataclass
from datetime import timedelta
from types import NoneType
from typing import Any, Generic, TypeVar

from temporalio.common import RetryPolicy

from models.approving import (
    ApprovalQuestion,
    AskApprovalInput,
    CheckFaceInput,
    DecisionRecorded,
    RecordDecisionInput,
)
from models.artifacts import ArtifactRef
from models.base import Message
from models.faces import FaceCheck
from models.messages import (
    CheckMediaInput,
    Collected,
    CollectInput,
    EndSceneInput,
    GenerateSceneResult,
    JobTicket,
    JoinClipsInput,
    LoadSceneInput,
    PrepareHeadshotInput,
    PublishSceneInput,
    SubmitImageInput,
    SubmitLipsyncInput,
    SubmitVideoInput,
    SynthesizeSpeechInput,
    ValidateAnchorInput,
    ValidatedAnchor,
)
from models.reconciling import ReconciledJob, ReconcileJobInput, UnattendedInput, UnattendedJobs
from models.scene import ScenePlan

InputT = TypeVar("InputT", bound=Message)
ResultT = TypeVar("ResultT")

HEARTBEAT = timedelta(seconds=10)  # a dead worker is noticed within this; activities beat three times as often
PAYLOADS_TOO_LARGE = "PayloadsTooLarge"  # the SDK's own failure type; repeating the call would repeat what it did


@dataclass(frozen=True)
class Call(Generic[InputT, ResultT]):
    """One activity by name. `takes` and `gives` are checked against the worker's activities by a test."""

    name: str
    takes: type[InputT]
    gives: type[ResultT]
    once: timedelta  # start to close, one attempt
    overall: timedelta  # schedule to close, all attempts with their pauses
    attempts: int
    first_pause: timedelta = timedelta(seconds=1)
    longest_pause: timedelta = timedelta(seconds=30)
    heartbeat: timedelta | None = None

    @property
    def retry(self) -> RetryPolicy:
        """The pauses double from the first to the longest."""
        return RetryPolicy(
            initial_interval=self.first_pause,
            backoff_coefficient=2.0,
            maximum_interval=self.longest_pause,
            maximum_attempts=self.attempts,
            non_retryable_error_types=[PAYLOADS_TOO_LARGE],
        )


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def _minutes(value: float) -> timedelta:
    return timedelta(minutes=value)


# Records: milliseconds in the database. Ten attempts over minutes outlast a database's restart or failover.
LOAD_SCENE = Call("load_scene", LoadSceneInput, ScenePlan, _seconds(30), _minutes(10), 10)
PUBLISH_SCENE = Call("publish_scene", PublishSceneInput, GenerateSceneResult, _minutes(2), _minutes(15), 10)
# The end must be written, so it is tried longest; an attempt includes up to five seconds for the vendors to cancel.
END_SCENE = Call("end_scene", EndSceneInput, NoneType, _minutes(1), _minutes(60), 100)

# Speech comes back in the answer: a 40,000-character request takes minutes; the adapter's own timeout ends it before.
SYNTHESIZE_SPEECH = Call(
    "synthesize_speech", SynthesizeSpeechInput, Collected, _minutes(15), _minutes(45), 8, heartbeat=HEARTBEAT
)

# One ranged GET on a host that is nobody's promise: five tries over a minute, then the scene says that it is away.
VALIDATE_ANCHOR = Call(
    "validate_identity_anchor", ValidateAnchorInput, ValidatedAnchor, _minutes(1), _minutes(5), 5, heartbeat=HEARTBEAT
)
PREPARE_HEADSHOT = Call(
    "prepare_headshot", PrepareHeadshotInput, ArtifactRef, _minutes(3), _minutes(10), 5, heartbeat=HEARTBEAT
)

# Local work on one picture, and rows in the database.
CHECK_FACE = Call("check_face", CheckFaceInput, FaceCheck, _minutes(2), _minutes(10), 5, heartbeat=HEARTBEAT)
ASK_APPROVAL = Call("ask_approval", AskApprovalInput, ApprovalQuestion, _seconds(30), _minutes(30), 20)
RECORD_DECISION = Call("record_decision", RecordDecisionInput, DecisionRecorded, _seconds(30), _minutes(30), 20)

# Submits are one POST of seconds. Eight attempts ride out rate limits for about three minutes; nothing is sent twice.
SUBMIT_IMAGE = Call("submit_image", SubmitImageInput, JobTicket, _minutes(2), _minutes(15), 8, heartbeat=HEARTBEAT)
SUBMIT_VIDEO = Call("submit_video", SubmitVideoInput, JobTicket, _minutes(2), _minutes(30), 12, heartbeat=HEARTBEAT)
SUBMIT_LIPSYNC = Call(
    "submit_lipsync", SubmitLipsyncInput, JobTicket, _minutes(2), _minutes(30), 12, heartbeat=HEARTBEAT
)

# Collects wait as long as vendors take: pictures 5-15 s, clips 1-10 minutes, lipsync of five minutes of film up to an
# hour, plus their queues. An attempt ends early only by a crash, a deploy or a vendor's outage; each costs one attempt.
COLLECT_IMAGE = Call("collect_image", CollectInput, Collected, _minutes(20), _minutes(40), 20, heartbeat=HEARTBEAT)
COLLECT_VIDEO = Call("collect_video", CollectInput, Collected, _minutes(60), _minutes(120), 30, heartbeat=HEARTBEAT)
COLLECT_LIPSYNC = Call(
    "collect_lipsync", CollectInput, Collected, _minutes(120), _minutes(240), 30, heartbeat=HEARTBEAT
)

# Local work on at most five minutes of film: joining copies, checking decodes, both far below real time.
JOIN_CLIPS = Call("join_clips", JoinClipsInput, ArtifactRef, _minutes(10), _minutes(30), 5, heartbeat=HEARTBEAT)
CHECK_MEDIA = Call("check_media", CheckMediaInput, ArtifactRef, _minutes(10), _minutes(30), 5, heartbeat=HEARTBEAT)

# The reconciler comes again in minutes, so a call that fails a few times is left to the next pass.
LIST_UNATTENDED = Call("list_unattended", UnattendedInput, UnattendedJobs, _seconds(30), _minutes(5), 5)
RECONCILE_JOB = Call(
    "reconcile_job", ReconcileJobInput, ReconciledJob, _minutes(10), _minutes(15), 3, heartbeat=HEARTBEAT
)

CALLS: tuple[Call[Any, Any], ...] = (
    LOAD_SCENE,
    SYNTHESIZE_SPEECH,
    VALIDATE_ANCHOR,
    PREPARE_HEADSHOT,
    SUBMIT_IMAGE,
    COLLECT_IMAGE,
    CHECK_FACE,
    ASK_APPROVAL,
    RECORD_DECISION,
    SUBMIT_VIDEO,
    COLLECT_VIDEO,
    JOIN_CLIPS,
    SUBMIT_LIPSYNC,
    COLLECT_LIPSYNC,
    CHECK_MEDIA,
    PUBLISH_SCENE,
    END_SCENE,
    LIST_UNATTENDED,
    RECONCILE_JOB,
)

# How often a step buys anew after the vendor's own job broke down (not after a refusal): each is a purchase.
PURCHASES_PER_STEP = 3
