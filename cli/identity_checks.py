"""`starter.py identity test` and `identity status`: whether an identity works, and what can be made here at all."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from cli.films import Place, place_lines, place_of
from cli.output import AsJson, Exit, console, print_facts, print_json, run, say
from cli.session import session
from models.enums import Source
from runtime.catalog.status import IdentityStatus, identity_status
from runtime.settings import load_settings
from workflows.visibility import dollars

if TYPE_CHECKING:
    from runtime.probing import Verdict

_STYLE = {"passed": "green", "failed": "bold red", "skipped": "dim"}
_OVERALL = {"success": "bold green", "partial": "bold yellow", "failed": "bold red"}


def check(
    reference: Annotated[str, typer.Argument(metavar="REF", help="The identity's id or name.")],
    image: Annotated[bool, typer.Option("--image", help="Buy a test picture too; costs a few cents.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the LoRA and the voice of an identity, for nothing, and on request draw it. Exit code 0 only when all work.

    The same test picture is not paid for twice.
    """
    from runtime.probing import IdentityTest, test_identity
    from runtime.wiring import assembled

    async def work() -> tuple[IdentityTest, Place | None]:
        settings = load_settings()
        async with assembled(settings) as parts:
            tested = await test_identity(parts, reference, generate=image)
        return tested, place_of(settings, tested.artifact.key) if tested.artifact else None

    tested, place = run(work(), as_json=as_json)
    if as_json:
        print_json(asdict(tested) | {"image": place})
    else:
        say(f"{tested.overall}: {tested.message}", _OVERALL[tested.overall])
        _print_verdicts({"LoRA": tested.lora, "voice": tested.voice, "picture": tested.picture})
        for line in place_lines("picture", place) if place else ():
            say(line)
        if image:
            say(f"cost of this test: {dollars(tested.cost_micros)}")
    raise typer.Exit(Exit.OK if tested.overall == "success" else Exit.FAILED)


def status(as_json: AsJson = False) -> None:
    """Whether Digital Twin is available and why, the default identity, which keys are set, and what to do next."""

    async def work() -> IdentityStatus:
        async with session() as open_session:
            return await identity_status(open_session.database, open_session.settings)

    found = run(work(), as_json=as_json)
    if as_json:
        print_json(asdict(found) | {"default": _default_document(found)})
        return
    twin = found.digital_twin
    words, style = ("available", "bold green") if twin.available else ("not available", "bold yellow")
    say(f"Digital Twin: {words}", style)
    counts = found.counts
    print_facts(
        [
            ("why", twin.reason),
            ("default identity", _default_words(found)),
            ("identities", f"{counts.total}, {counts.active} active"),
            ("with a LoRA", str(counts.with_lora)),
            ("with a voice", str(counts.with_voice)),
            ("set", ", ".join(name for name, is_set in found.configured.items() if is_set)),
            ("not set", ", ".join(name for name, is_set in found.configured.items() if not is_set)),
        ]
    )
    for advice in found.recommendations:
        say(f"next: {advice}")


def _print_verdicts(verdicts: "dict[str, Verdict]") -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, verdict in verdicts.items():
        words = f"{verdict.message} ({verdict.detail})" if verdict.detail else verdict.message
        table.add_row(Text(name), Text(verdict.outcome, _STYLE[verdict.outcome]), Text(words))
    console.print(table)


def _default_document(found: IdentityStatus) -> dict[str, Any]:
    profile, source = found.default.profile, found.default.source
    return {
        "id": profile.id if profile and source is Source.DATABASE else None,
        "name": profile.name if profile else None,
        "display_name": profile.display_name if profile else None,
        "source": source,
    }


def _default_words(found: IdentityStatus) -> str:
    profile = found.default.profile
    if profile is None:
        return "none"
    return f"{profile.display_name} (name {profile.name}, from the {found.default.source})"
