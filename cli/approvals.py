"""`starter.py scene approval|approve|reject|redraw`: a person decides on the picture before video is bought."""

from datetime import datetime
from typing import Annotated, Any

import typer

from cli.films import Place, place_lines, place_of
from cli.output import AsJson, clock, print_facts, print_json, print_table, row_document, run, say
from cli.scenes import Reference
from cli.session import session, user_name
from models.approving import ApprovalAnswer, DecisionRecorded
from models.enums import ApprovalDecision
from models.money import usd_text
from models.take_tables import Approval
from runtime.approving import SceneApproval, approval_of, send_answer
from runtime.catalog.drafts import draft_from

Token = Annotated[
    str | None,
    typer.Option(help="What you looked at, as `scene approval` shows it: if another picture waits, you are told."),
]


def approval(reference: Reference, as_json: AsJson = False) -> None:
    """The picture that waits for approval: where it is, the price of what is left, since and until when; and the past.

    Exit codes: 0 also when none waits, 3 unknown scene, 4 database away.
    """

    async def work() -> tuple[SceneApproval, Place | None]:
        async with session() as open_session:
            found = await approval_of(open_session.database, (await open_session.scene(reference)).id)
            picture = place_of(open_session.settings, found.waiting.picture["key"]) if found.waiting else None
            return found, picture

    found, picture = run(work(), as_json=as_json)
    if as_json:
        waiting = _document(found.waiting) | {"place": picture} if found.waiting else None
        past = [_document(row) for row in found.past]
        print_json({"scene_id": found.scene.id, "name": found.scene.name, "waiting": waiting, "past": past})
        return
    if found.waiting is not None and picture is not None:
        _print_waiting(found.scene.name, found.waiting, picture)
    else:
        say(f"no picture of scene {found.scene.name} waits for approval")
    if found.past:
        print_table(("ASKED", "DECISION", "BY", "AT", "SCORE", "REASON"), (_row(row) for row in found.past))


def approve(reference: Reference, token: Token = None, as_json: AsJson = False) -> None:
    """The picture is good: the run buys the video. Exit codes of the answers: 3 unknown scene, 4 away, 6 not taken."""
    _answer(reference, ApprovalDecision.APPROVED, {"token": token}, as_json=as_json)


def reject(
    reference: Reference,
    reason: Annotated[str, typer.Option(help="Why; kept with the scene.")],
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """End the run without a film; the picture and the speech are kept for the next one."""
    if not reason.strip():
        raise typer.BadParameter("say in a few words why", param_hint="--reason")
    _answer(reference, ApprovalDecision.REJECTED, {"token": token, "reason": reason}, as_json=as_json)


def redraw(
    reference: Reference,
    seed: Annotated[int | None, typer.Option(help="The new picture's seed, kept with the scene; default: any.")] = None,
    prompt: Annotated[str | None, typer.Option(help="The scene's further words for the picture, anew.")] = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Draw another picture and ask again; what the scene says of seed and prompt changes as given."""
    _answer(reference, ApprovalDecision.REDRAWN, {"token": token, "seed": seed, "prompt": prompt}, as_json=as_json)


def _answer(reference: str, decision: ApprovalDecision, given: dict[str, Any], *, as_json: bool) -> None:
    async def work() -> tuple[SceneApproval, ApprovalAnswer, DecisionRecorded]:
        async with session() as open_session:
            found = await approval_of(open_session.database, (await open_session.scene(reference)).id)
            fields = given | {"token": given["token"] or found.token(), "by": user_name() or "the command line"}
            answer = draft_from(ApprovalAnswer, fields)
            return found, answer, await send_answer(await open_session.temporal(), found.scene, decision, answer)

    found, answer, recorded = run(work(), as_json=as_json)
    if as_json:
        print_json({"scene_id": found.scene.id, "decision": recorded.decision, **answer.model_dump(mode="json")})
    else:
        say(f"scene {found.scene.name}: {recorded.decision} by {answer.by}")
        if decision is not ApprovalDecision.REJECTED:
            say(f"to follow it: starter.py scene status {found.scene.name} --watch")


def _print_waiting(name: str, question: Approval, picture: Place) -> None:
    say(f"scene {name} waits for approval", "bold cyan")
    for line in place_lines("picture", picture):
        say(line)
    print_facts(
        [
            ("left to buy", f"${usd_text(question.price_micros)}"),
            ("face score", None if question.face_score is None else f"{question.face_score:.2f}"),
            ("since", clock(question.asked_at)),
            ("until", _until(question.expires_at)),
            ("token", question.token),
        ]
    )
    for command in (f"approve {name}", f"redraw {name}", f"reject {name} --reason TEXT"):
        say(f"  starter.py scene {command} --token {question.token}")


def _until(expires_at: datetime | None) -> str:
    return clock(expires_at) if expires_at else "somebody answers"


def _row(row: Approval) -> tuple[object, ...]:
    score = None if row.face_score is None else f"{row.face_score:.2f}"
    return clock(row.asked_at), row.decision or "unanswered", row.decided_by, clock(row.decided_at), score, row.reason


def _document(row: Approval) -> dict[str, Any]:
    return row_document(row, "id", "scene_id")
