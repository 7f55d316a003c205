"""The mode decision: every row of the design's table, for every state of headshots and policy."""

import itertools

import pytest

from domain.mode import decide_mode
from domain.rejections import RejectedError
from models.enums import AnchorSource, FailureCode, GenerationMode, MissingLoraPolicy
from models.scene import ModeDecision

STANDARD, TWIN = GenerationMode.STANDARD, GenerationMode.DIGITAL_TWIN
FAIL, FALLBACK = MissingLoraPolicy.FAIL, MissingLoraPolicy.FALLBACK
BOOLS = (False, True)


def decide(
    asked: GenerationMode | None,
    *,
    lora: bool = False,
    own: bool = False,
    default: bool = False,
    policy: MissingLoraPolicy = FALLBACK,
) -> ModeDecision:
    return decide_mode(
        asked, has_lora=lora, has_scene_headshot=own, has_default_headshot=default, on_missing_lora=policy
    )


def expected_source(own: bool, default: bool) -> AnchorSource:
    if own:
        return AnchorSource.SCENE_HEADSHOT
    return AnchorSource.DEFAULT_HEADSHOT if default else AnchorSource.TEXT_TO_IMAGE


@pytest.mark.parametrize("asked", [None, STANDARD])
@pytest.mark.parametrize(
    ("lora", "own", "default", "policy"), list(itertools.product(BOOLS, BOOLS, BOOLS, (FAIL, FALLBACK)))
)
def test_standard(
    asked: GenerationMode | None, lora: bool, own: bool, default: bool, policy: MissingLoraPolicy
) -> None:
    """Nothing or `standard` takes the scene's headshot, else the default one, else text-to-image, whatever else is."""
    decision = decide(asked, lora=lora, own=own, default=default, policy=policy)
    assert decision.requested is STANDARD
    assert decision.mode is STANDARD
    assert decision.source is expected_source(own, default)
    assert not decision.fallback
    assert decision.reason


@pytest.mark.parametrize(("own", "default", "policy"), list(itertools.product(BOOLS, BOOLS, (FAIL, FALLBACK))))
def test_digital_twin_with_lora(own: bool, default: bool, policy: MissingLoraPolicy) -> None:
    """A digital twin with a LoRA uses it, also where headshots exist."""
    decision = decide(TWIN, lora=True, own=own, default=default, policy=policy)
    assert (decision.requested, decision.mode, decision.source) == (TWIN, TWIN, AnchorSource.LORA)
    assert not decision.fallback


@pytest.mark.parametrize(("own", "default"), list(itertools.product(BOOLS, BOOLS)))
def test_digital_twin_falls_back(own: bool, default: bool) -> None:
    """Without any LoRA the default policy goes on as standard, and says so."""
    decision = decide(TWIN, own=own, default=default)
    assert (decision.requested, decision.mode) == (TWIN, STANDARD)
    assert decision.source is expected_source(own, default)
    assert decision.fallback
    assert "no LoRA" in decision.reason


@pytest.mark.parametrize(("own", "default"), list(itertools.product(BOOLS, BOOLS)))
def test_digital_twin_fails(own: bool, default: bool) -> None:
    """Without any LoRA the policy `fail` refuses, and says how to allow it."""
    with pytest.raises(RejectedError, match="DEVATAR_ON_MISSING_LORA") as caught:
        decide(TWIN, own=own, default=default, policy=FAIL)
    assert caught.value.code is FailureCode.LORA_NOT_FOUND
    assert caught.value.field == "identity.lora_url"
