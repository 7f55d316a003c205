"""Names that must come out the same every time: purchase keys, object keys, ids."""

import hashlib
import json
import re

from models.enums import Step

# sync.so takes 1-128 characters of [A-Za-z0-9._~-] as an idempotency key; scene ids stay well inside (PROVIDERS 3.4).
SCENE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def job_key(scene_id: str, step: Step, take: int, clip: int | None = None) -> str:
    """The idempotency key of one purchase: `{scene}-{step}-{take}`, for clips `{scene}-{step}-{clip}-{take}`."""
    return f"{scene_id}-{step}-{take}" if clip is None else f"{scene_id}-{step}-{clip}-{take}"


ARTIFACTS = "artifacts/"
_OBJECT_KEY = re.compile(rb"artifacts/[0-9a-f]{2}/[0-9a-f]{64}(?:\.[A-Za-z0-9]+)?")


def artifact_key(sha256: str, extension: str) -> str:
    """Where an object stands: by content, so that the same bytes have the same key; `extension` comes with its dot."""
    return f"{ARTIFACTS}{sha256[:2]}/{sha256}{extension}"


def object_keys(held: object) -> set[str]:
    """The keys of `artifact_key` that stand anywhere in a value: text, bytes, or a document of any depth."""
    text = held if isinstance(held, bytes) else json.dumps(held).encode()
    return {found.decode() for found in _OBJECT_KEY.findall(text)}


def workflow_id(scene_id: str) -> str:
    """The id of the one workflow that may run for a scene."""
    return f"scene-{scene_id}"


def question_token(run_id: str, round_number: int, picture_sha256: str) -> str:
    """What an answer has to carry, 32 hex digits: an answer to another run's, round's or picture's question differs."""
    return hashlib.sha256(f"{run_id}:{round_number}:{picture_sha256}".encode()).hexdigest()[:32]
