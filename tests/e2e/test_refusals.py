"""Bad input: each has its own clear error, the scene says it, and nothing is bought."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from models.enums import FailureCode, SceneStatus
from models.tables import Scene
from tests.support.stack import Stack

TWIN = {"generation_mode": "digital-twin"}


@dataclass(frozen=True)
class Case:
    """An identity and a scene that cannot be filmed. Texts with `{studio}` get the studio's address."""

    code: FailureCode
    says: str
    identity: dict[str, Any] = field(default_factory=dict[str, Any])
    scene: dict[str, Any] = field(default_factory=dict[str, Any])
    rows: dict[str, Any] = field(default_factory=dict[str, Any])


def lora(url: str, code: FailureCode, says: str) -> Case:
    """A digital twin with this LoRA."""
    return Case(code, says, identity={"lora_url": url}, scene=TWIN)


CASES = {
    "empty dialogue": Case(FailureCode.INVALID_REQUEST, "dialogue: it is empty", rows={"dialogue": "  "}),
    "unpronounceable": Case(FailureCode.INVALID_REQUEST, "no letter or digit", rows={"dialogue": "?! … 🙂"}),
    "speech too long": Case(FailureCode.INVALID_REQUEST, "limit is 300 s", rows={"dialogue": "word " * 3000}),
    "inactive identity": Case(FailureCode.INVALID_REQUEST, "is inactive", identity={"is_active": False}),
    "missing voice": Case(FailureCode.INVALID_REQUEST, "voice", identity={"voice_id": None}),
    "LoRA 404": lora("{studio}/files/loras/missing.safetensors", FailureCode.LORA_NOT_FOUND, "LoRA file not found"),
    "LoRA expired": lora("{studio}/files/loras/expired.safetensors", FailureCode.LORA_NOT_FOUND, "expired"),
    "LoRA HTML": lora("{studio}/files/loras/page.safetensors", FailureCode.LORA_INVALID, "page"),
    "LoRA truncated": lora("{studio}/files/loras/truncated.safetensors", FailureCode.LORA_INVALID, "bytes"),
    "LoRA too small": lora("{studio}/files/loras/tiny.safetensors", FailureCode.LORA_TOO_SMALL, "seems too small"),
    "LoRA of another model": lora("{studio}/files/loras/sdxl.safetensors", FailureCode.LORA_INVALID, "SDXL"),
    "LoRA private address": lora("http://127.0.0.1:9/face.safetensors", FailureCode.INVALID_REQUEST, "127.0.0.1"),
    "headshot is no image": Case(
        FailureCode.MEDIA_INVALID, "HTML", scene={"headshot": "{studio}/files/pictures/not-an-image.png"}
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_bad_input_is_refused_before_anything_is_bought(stack: Stack, name: str) -> None:
    """The run fails with the case's own code and words, the record keeps them, and the bill does not grow."""
    case = CASES[name]
    identity = await stack.identity(**_with_studio(stack, case.identity))
    scene = await stack.scene("Good morning.", identity=identity.name, **_with_studio(stack, case.scene))
    await _overwrite(stack, scene, case.rows)
    before = len(await stack.bill())
    with pytest.raises(WorkflowFailureError) as caught:
        await stack.film(scene)
    cause = caught.value.cause
    record = await stack.reload(scene)

    assert isinstance(cause, ApplicationError)
    assert cause.type == case.code
    assert case.says in cause.message
    assert record.status == SceneStatus.FAILED
    assert record.failure_code == case.code
    assert case.says in f"{record.failure_message} {record.failure_detail}"
    assert len(await stack.bill()) == before
    assert await stack.jobs(scene) == []


async def test_an_unknown_scene_fails_with_a_clear_error(stack: Stack) -> None:
    """A workflow for a scene that does not exist ends at once and says so."""
    with pytest.raises(WorkflowFailureError) as caught:
        await stack.film(Scene(id="nosuchscene", name="no such scene", dialogue="x"))

    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == FailureCode.NOT_FOUND
    assert "no scene has the id 'nosuchscene'" in caught.value.cause.message


def _with_studio(stack: Stack, fields: dict[str, Any]) -> dict[str, Any]:
    url = stack.servers.studio_url
    return {k: v.replace("{studio}", url) if isinstance(v, str) else v for k, v in fields.items()}


async def _overwrite(stack: Stack, scene: Scene, values: dict[str, Any]) -> None:
    """Change the row behind the rules of creation, as an older version or another program could have."""
    async with stack.parts.database.transaction() as tx:
        row = await tx.scenes.get(scene.id)
        for name, value in values.items():
            setattr(row, name, value)
