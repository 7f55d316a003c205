"""The fingerprint of a purchase: a hash over everything that its output depends on and nothing else."""

import hashlib
import json

from models.artifacts import ArtifactRef
from models.base import Message
from models.enums import Provider
from models.requests import Lora, PaidRequest


def fingerprint(provider: Provider, request: PaidRequest, *, clip: int | None = None) -> str:
    """SHA-256 in hex over the canonical JSON of provider and request.

    `clip` counts from 1: the clips of a film may be asked for in the same words and must yet differ. Media count by
    their sha256 and a LoRA by its content fingerprint, so neither a moved object nor a renewed link changes anything;
    but a host's strong ETag is part of the latter, so that a LoRA that moves to another host counts as another.
    """
    body = {name: _essence(getattr(request, name)) for name in type(request).model_fields}
    document: dict[str, object] = {"provider": provider, "kind": type(request).__name__, "request": body}
    if clip is not None and clip > 1:
        document["clip"] = clip
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _essence(value: object) -> object:
    if isinstance(value, ArtifactRef):
        return value.sha256
    if isinstance(value, Lora):
        return {"fingerprint": value.fingerprint, "scale": value.scale}
    return value.model_dump(mode="json") if isinstance(value, Message) else value
