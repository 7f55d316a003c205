"""`starter.py scene approval|approve|reject|redraw`, offline where that will do, and beside a running stack."""

import getpass

import pytest

from tests.cli.program import Program, on_stack
from tests.support.stack import Stack


async def test_redraw_then_reject(stack: Stack) -> None:
    """What waits is shown with its picture, price and the commands that answer it; a stale token is refused."""
    program = on_stack(stack)
    identity = await stack.identity(lora_url=None)
    room = f"a room with {stack.unique()} doors"
    project = f"asking-{stack.unique()}"
    program.run("project", "add", "--name", project, "--display-name", "Asking", "--approval")
    scene = await stack.scene("Is it me?", identity=identity.name, environment=room, project=project)
    await stack.start(scene)
    first = await stack.until_asked(scene)
    shown = await program.waited("scene", "approval", scene.name)
    document = (await program.waited("scene", "approval", scene.name, "--json")).json
    listed = (await program.waited("scene", "list", "--project", project)).out
    record = (await program.waited("scene", "show", scene.name)).out
    status = (await program.waited("scene", "status", scene.name)).out
    redrawn = await program.waited("scene", "redraw", scene.name, "--seed", "77")
    second = await stack.until_asked(scene, first)
    stale = await program.waited("scene", "approve", scene.name, "--token", first)
    same = await program.waited("scene", "redraw", scene.name, "--seed", "77")
    rejected = await program.waited("scene", "reject", scene.name, "--reason", "too dark", "--token", second)
    late = await program.waited("scene", "approve", scene.name)
    past = (await program.waited("scene", "approval", scene.name)).out

    assert shown.code == 0
    for words in ("picture: ", "left to buy", "until", f"scene approve {scene.name} --token {first}"):
        assert words in shown.out, shown.out
    assert (document["waiting"]["token"], document["past"]) == (first, [])
    assert "generating, waits for approval" in listed
    assert f"scene approval {scene.name}" in record
    assert "to decide: starter.py scene approval" in status
    assert redrawn.code == 0, redrawn.err
    assert (stale.code, "was redrawn by" in stale.err) == (6, True), stale.err
    assert (same.code, "drew this very picture" in same.err) == (6, True), same.err
    assert rejected.code == 0, rejected.err
    assert late.code == 6
    assert getpass.getuser() in past
    assert "too dark" in past
    assert (await stack.reload(scene)).seed == 77


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("approve", "two"), 3, "'two'"),
        (("approve", "one"), 6, "no picture of 'one' waits"),
        (("reject", "one", "--reason", " "), 2, "in a few words why"),
        (("reject", "one"), 2, "--reason"),
        (("redraw", "one", "--seed", "-1", "--token", "t"), 2, "seed"),
        (("approve", "one", "--token", "t"), 4, "no Temporal service"),
    ],
    ids=lambda value: str(value),
)
def test_refused(program: Program, arguments: tuple[str, ...], code: int, word: str) -> None:
    """Nothing to answer, an answer that says too little, and nobody there to take it."""
    program.run("scene", "add", "--name", "one", "--dialogue", "Good evening.")
    refused = program.run("scene", *arguments)
    assert (refused.code, word in refused.err) == (code, True), refused.err


def test_nothing_waits(program: Program) -> None:
    """That is no error; lists say so too."""
    program.run("scene", "add", "--name", "one", "--dialogue", "Good evening.", "--approval")
    answer = program.run("scene", "approval", "one")
    assert (answer.code, answer.out) == (0, "no picture of scene one waits for approval\n")
    assert program.run("scene", "list", "--json").json[0]["waits_for_approval"] is False
    assert program.run("scene", "show", "one", "--json").json["approval"] is True
