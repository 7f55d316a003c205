"""`starter.py scene takes|use|diff`: what the runs of a scene have made."""

from typing import Annotated

import typer

from cli.output import AsJson, print_json, run, say
from cli.scenes import Reference
from cli.session import session
from cli.take_view import diff_document, list_document, print_diff, print_takes, take_document
from domain.takes import TakeDiff
from models.tables import Scene
from runtime.catalog.takes import SceneTake, diff_takes, list_takes, use_take


def takes(reference: Reference, as_json: AsJson = False) -> None:
    """What runs made of a scene, oldest first; a run that neither bought nor changed anything makes no take."""

    async def work() -> tuple[Scene, list[SceneTake]]:
        async with session() as open_session:
            return await list_takes(open_session.database, reference)

    scene, made = run(work(), as_json=as_json)
    if as_json:
        print_json([list_document(take) for take in made])
    else:
        print_takes(scene, made)


def use(
    reference: Reference,
    take: Annotated[int, typer.Option("--take", metavar="N", help="Its number, as `scene takes` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Make an older take the current one again; costs nothing. The scene's text stays as it is now.

    While the inputs are those of that take, the next `scene generate` keeps it.
    """

    async def work() -> SceneTake:
        from runtime.wiring import object_store

        async with session() as open_session:
            scene = await open_session.scene(reference)  # its status is mended first
            return await use_take(open_session.database, object_store(open_session.settings), scene.id, take)

    chosen = run(work(), as_json=as_json)
    if as_json:
        print_json(take_document(chosen))
    else:
        say(f"take {chosen.take.number} is the current one of scene {chosen.scene.name}")


def diff(
    reference: Reference,
    before: Annotated[int, typer.Argument(metavar="FROM", help="A take's number.")],
    after: Annotated[int, typer.Argument(metavar="TO", help="Another's.")],
    as_json: AsJson = False,
) -> None:
    """What differs between two takes: inputs, artifacts by content, and what each cost."""

    async def work() -> TakeDiff:
        async with session() as open_session:
            return await diff_takes(open_session.database, reference, before, after)

    found = run(work(), as_json=as_json)
    if as_json:
        print_json(diff_document(found))
    else:
        print_diff(found)
