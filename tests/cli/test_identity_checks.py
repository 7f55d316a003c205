"""Whether an identity works, asked of the vendors; and what can be made with what is configured."""

from pathlib import Path

import pytest
from PIL import Image

from models.tables import IdentityProfile
from tests.cli.program import Program, on_stack
from tests.support.stack import Stack

CANARY = "c4nary-9f2b7d"
ANN = ("identity", "add", "--name", "ann", "--display-name", "Ann", "--trigger-word", "TOK_ANN")


async def test_an_identity_is_checked_for_nothing_and_drawn_once(stack: Stack) -> None:
    """Each verdict and the overall; `--image` buys a picture and says where it is, and what it cost only that once."""
    program, identity = on_stack(stack), await stack.identity()
    free = await program.waited("identity", "test", identity.name, "--json")
    bought = await program.waited("identity", "test", identity.id, "--image", "--json")
    again = await program.waited("identity", "test", identity.name, "--image")
    assert (free.code, free.json["overall"], free.json["cost_micros"]) == (0, "success", 0), free.out
    assert [free.json[part]["outcome"] for part in ("lora", "voice", "picture")] == ["passed", "passed", "skipped"]
    assert (free.json["uses_default_lora"], free.json["image"]) == (False, None)
    assert (bought.code, bought.json["picture"]["outcome"], bought.json["cost_micros"] > 0) == (0, "passed", True)
    picture = Path(bought.json["image"]["file"])
    with Image.open(picture) as drawn:
        assert drawn.size[0] > 0
    assert again.code == 0
    assert all(words in again.out for words in (f"picture: {picture}", "cost of this test: $0.0000", "bought before"))
    rows = program.run("jobs", "list", "--json").json
    mine = [row for row in rows if row["scene_id"] == f"test-{identity.id}"]
    assert [row["actual_cost_micros"] or row["estimated_cost_micros"] for row in mine] == [bought.json["cost_micros"]]


async def test_the_systems_default_lora_is_told(stack: Stack) -> None:
    """The default identity without a LoRA of its own is checked with the one of the settings."""
    program, identity = on_stack(stack), await stack.identity(lora_url=None, is_default=True)
    try:
        tested = await program.waited("identity", "test", identity.name)
        document = (await program.waited("identity", "test", identity.name, "--json")).json
        status = program.run("identity", "status", "--json").json
    finally:
        program.run("identity", "edit", identity.name, "--no-default")
    assert (tested.code, "default LoRA was used" in tested.out) == (0, True)
    assert (document["uses_default_lora"], document["overall"]) == (True, "success"), document
    assert (status["default"]["id"], status["default"]["source"]) == (identity.id, "database")
    assert status["digital_twin"]["available"] is True


BROKEN: dict[str, tuple[dict[str, str], str, str]] = {
    "a LoRA that is not there": ({"lora_url": "missing.safetensors"}, "partial", "LoRA file not found"),
    "a voice that is not there": ({"voice_id": "NoSuchVoice"}, "partial", "The voice does not exist"),
    "neither": ({"lora_url": "missing.safetensors", "voice_id": "NoSuchVoice"}, "failed", "LoRA file not found"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_does_not_work_is_told_and_nothing_is_bought(stack: Stack, name: str) -> None:
    """Exit code 1 and the message for people; without a usable LoRA there is no picture to pay for."""
    fields, overall, message = BROKEN[name]
    given = fields | ({"lora_url": stack.lora(fields["lora_url"])} if "lora_url" in fields else {})
    identity: IdentityProfile = await stack.identity(**given)
    picture = ("--image",) if "lora_url" in fields else ()
    tested = await on_stack(stack).waited("identity", "test", identity.name, *picture, "--json")
    assert (tested.code, tested.json["overall"], tested.json["cost_micros"]) == (1, overall, 0)
    assert message in tested.json["message"]
    assert tested.json["picture"]["outcome"] == "skipped"


def test_an_unknown_identity_cannot_be_tested(program: Program) -> None:
    """Exit code 3; and without an object store the variable is named."""
    folder = {"DEVATAR_FILES_URL": "http://127.0.0.1:1", "DEVATAR_FILES_SIGNING_KEY": "k" * 32}
    assert program.run("identity", "test", "nobody", **folder).code == 3
    assert "R2_BUCKET_NAME" in program.run("identity", "test", "nobody").err


def test_the_status_of_an_empty_house_says_how_to_begin(program: Program) -> None:
    """Not available and why, nobody by default, nothing set, and what to do first."""
    found = program.run("identity", "status", "--json").json
    assert (found["digital_twin"]["available"], "FAL_KEY" in found["digital_twin"]["reason"]) == (False, True)
    assert found["default"] == {"id": None, "name": None, "display_name": None, "source": "none"}
    assert found["counts"] == {"total": 0, "active": 0, "with_lora": 0, "with_voice": 0}
    assert not any(found["configured"].values())
    text = program.run("identity", "status").out
    assert all(words in text for words in ("Digital Twin: not available", "FAL_KEY", "next: "))
    assert all(f"next: {advice}" in text for advice in found["recommendations"])


def test_the_status_names_keys_and_never_shows_them(program: Program) -> None:
    """Whether each is set; the default comes from the database first, then from the environment."""
    secrets = dict.fromkeys(("FAL_KEY", "ELEVENLABS_API_KEY", "SYNC_API_KEY"), CANARY)
    secrets |= {"DEVEN_LORA_URL": f"https://{CANARY}@host.example/face.safetensors?signature={CANARY}"}
    before = program.run("identity", "status", "--json", **secrets)
    program.run(*ANN, "--default", "--voice-id", "abc123")
    after = program.run("identity", "status", "--json", **secrets)
    text = program.run("identity", "status", **secrets)
    assert [answer.json["default"]["source"] for answer in (before, after)] == ["environment", "database"]
    assert after.json["default"]["name"] == "ann"
    assert after.json["digital_twin"]["available"] is True
    assert {name for name, is_set in after.json["configured"].items() if is_set} == secrets.keys()
    assert "Digital Twin: available" in text.out
    assert not any(CANARY in answer.out + answer.err for answer in (before, after, text))
