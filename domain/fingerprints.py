"""The fingerprint of a purchase: a hash over everything that its output depends on and nothing else."""

import hashlib
import json

from models.artifacts import ArtifactRef
from models.base import Message
from models.enums import Provider
from models.requests import Lora, PaidRequest


def fingerprint(provider: Provider, request: PaidRequest) -> str:
    """SHA-256 in hex over the canonical JSON of provider and request.

    Media count by their sha256 and a LoRA by its content fingerprint, so neither a moved object nor a renewed link
    changes anything.
    """
    body = {name: _essence(getattr(request, name)) for name in type(request).model_fields}
    document = {"provider": provider, "kind": type(request).__name__, "request": body}
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _essence(value: object) -> object:
    if isinstance(value, ArtifactRef):
        return value.sha256
    if isinstance(value, Lora):
        return {"fingerprint": value.fingerprint, "scale": value.scale}
    return value.model_dump(mode="json") if isinstance(value, Message) else value
