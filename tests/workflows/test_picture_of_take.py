"""The picture that the current take was filmed from is filmed again, however many were drawn to find it."""

from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.fingerprints import fingerprint
from domain.orders import image_request
from models.enums import FacePolicy, FaceVerdict, FailureCode, Provider
from models.messages import JobTicket, PurchaseResult
from models.requests import Lora
from models.scene import DrawnPicture, ScenePlan
from tests.workflows.runs import fail, finish
from tests.workflows.stand_ins import StandIns, plan, ref
from tests.workflows.test_approval import FACE, looks

PASSED, OTHER = FaceVerdict.PASSED, FaceVerdict.OTHER_PERSON
FAIL = FACE.model_copy(update={"policy": FacePolicy.FAIL, "retries": 1})
ASKED_SEED, TAKES_SEED = 1, 99  # the plan's own, and that of another try


def filmed_before(face: Any = FAIL, **known: Any) -> StandIns:
    """A scene whose current take shows the picture of another seed than the plan's."""
    made = plan()
    given: dict[str, Any] = {"asked": asked(made), "seed": TAKES_SEED, "sha256": f"picture{TAKES_SEED}"} | known
    acting = StandIns(plan=made.model_copy(update={"face": face, "drawn": DrawnPicture(**given)}))

    async def submit(order: Any) -> JobTicket:
        seed = order.request.seed
        picture = PurchaseResult(artifact=ref(f"picture{seed}", "image/png", width=16, height=9), seed=seed)
        return JobTicket(job_id=f"image{seed}", provider=Provider.FAL, model="m", result=picture)

    acting.scripts["submit_image"] = submit
    return acting


def asked(made: ScenePlan) -> str:
    """The fingerprint of its first picture."""
    assert made.image is not None
    return fingerprint(Provider.FAL, image_request(made, made.image, Lora(scale=0.95, fingerprint="f")))


def seeds(acting: StandIns) -> list[int]:
    """Of the pictures that were asked for."""
    return [order.request.seed for name, order in acting.asked if name == "submit_image"]


async def test_the_same_picture_again(environment: WorkflowEnvironment) -> None:
    """At once, although the plan's own seed drew another one at first."""
    acting = filmed_before()
    await finish(environment, acting)

    assert seeds(acting) == [TAKES_SEED]
    assert acting.input_of("submit_video").request.start_image.key == f"picture{TAKES_SEED}"


async def test_without_the_check(environment: WorkflowEnvironment) -> None:
    """A check that was turned off since does not bring back the picture that it refused."""
    acting = filmed_before(face=None)
    await finish(environment, acting)
    assert seeds(acting) == [TAKES_SEED]


async def test_something_else_is_asked_for(environment: WorkflowEnvironment) -> None:
    """With other words, another seed or another LoRA the take's picture is not the one that is wanted."""
    acting = filmed_before(asked="another fingerprint")
    await finish(environment, acting)
    assert seeds(acting) == [ASKED_SEED]


async def test_it_does_not_pass_any_more(environment: WorkflowEnvironment) -> None:
    """Where the check has become stricter since, others are drawn as for any picture."""
    acting = filmed_before()
    acting.scripts["check_face"] = looks(OTHER, PASSED)
    await finish(environment, acting)

    assert seeds(acting)[0] == TAKES_SEED
    assert len(seeds(acting)) == 2


@pytest.mark.parametrize("face", [FACE, FAIL], ids=lambda face: face.policy)
async def test_approved_before(environment: WorkflowEnvironment, face: Any) -> None:
    """What a person approved against the check is neither drawn nor asked about again, and keeps its score."""
    acting = filmed_before(face=face, approved=True)
    acting.scripts["check_face"] = looks(OTHER)
    await finish(environment, acting)

    assert seeds(acting) == [TAKES_SEED]
    assert "ask_approval" not in acting.names()
    assert acting.input_of("publish_scene").face_score == 0.1


async def test_it_is_gone(environment: WorkflowEnvironment) -> None:
    """A yes to the take's picture is none to the one that had to be bought in its place."""
    acting = filmed_before(face=FAIL.model_copy(update={"retries": 0}), approved=True, sha256="gone")
    acting.scripts["check_face"] = looks(OTHER)
    error, _ = await fail(environment, acting)
    assert error.type == FailureCode.FACE_MISMATCH
