"""`starter.py scene add|edit|rm|list|show`: what is to be filmed. What runs stands in `cli.runs`."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from activities.workshop import Workshop
from cli.films import Place, film_of, place_of
from cli.inputs import changes_of, draft_of, text_of
from cli.options import FieldsFile, IfVersion, Reset, SceneOptions, taking
from cli.output import AsJson, print_json, print_table, run, say
from cli.scene_view import SceneRecord, list_document, list_row, print_scene, scene_document
from cli.session import Session, everything, session
from cli.take_view import print_take, take_document
from models.enums import SceneStatus
from models.inputs import SceneDraft
from models.tables import Scene
from runtime.catalog.costs import money_of_scenes
from runtime.catalog.scenes import SceneQuery, add_scene, delete_scene, list_scenes, patch_scene
from runtime.catalog.takes import SceneTake, get_take

app = typer.Typer(help="What is to be filmed, and filming it.", no_args_is_help=True)

Reference = Annotated[str, typer.Argument(metavar="REF", help="The scene's id or name.")]


DialogueFile = Annotated[Path | None, typer.Option(help="A text file with the dialogue; - reads it.")]


@app.command("add")
@taking(SceneOptions)
def add(
    given: dict[str, Any], file: FieldsFile = None, dialogue_file: DialogueFile = None, as_json: AsJson = False
) -> None:
    """Create a scene from a file, from options, or both."""
    _check_dialogues(given, dialogue_file)

    async def work() -> SceneRecord:
        draft = draft_of(SceneDraft, file, **_with_text(given, dialogue_file))
        async with session() as open_session:
            scene = await add_scene(open_session.database, _workshop(open_session, draft.headshot), draft)
            return await record_of(open_session, scene)

    record = run(work(), as_json=as_json)
    if as_json:
        print_json(scene_document(record))
    else:
        say(f"scene {record.scene.name} added: {record.scene.id}")
        say(f"next: starter.py scene generate {record.scene.name}")


@app.command("edit")
@taking(SceneOptions)
def edit(
    reference: Reference,
    given: dict[str, Any],
    file: FieldsFile = None,
    dialogue_file: DialogueFile = None,
    reset: Reset = None,
    if_version: IfVersion = None,
    as_json: AsJson = False,
) -> None:
    """Change the fields that are given. What was filmed stays until the next `scene generate`."""
    _check_dialogues(given, dialogue_file)

    async def work() -> SceneRecord:
        changes = changes_of(SceneDraft, file, _with_text(given, dialogue_file), reset)
        async with session() as open_session:
            scene = (await open_session.scene(reference)).id
            workshop = _workshop(open_session, changes.get("headshot"))
            edited = await patch_scene(open_session.database, workshop, scene, changes, expected_version=if_version)
            return await record_of(open_session, edited)

    record = run(work(), as_json=as_json)
    if as_json:
        print_json(scene_document(record))
    else:
        say(f"scene {record.scene.name} edited: {record.scene.id}, version {record.scene.version}")


@app.command("rm")
def remove(reference: Reference, if_version: IfVersion = None, as_json: AsJson = False) -> None:
    """Delete a scene with its log. Refused while it is generating; its purchases stay in the ledger."""

    async def work() -> Scene:
        async with session() as open_session:
            scene = await open_session.scene(reference)
            await delete_scene(open_session.database, scene.id, expected_version=if_version)
            return scene

    scene = run(work(), as_json=as_json)
    if as_json:
        print_json({"deleted": scene.id, "name": scene.name})
    else:
        say(f"scene {scene.name} deleted")


@app.command("list")
def list_all(
    project: Annotated[str | None, typer.Option(help="Only this project's, in its order.")] = None,
    identity: Annotated[str | None, typer.Option(help="Only those of this identity.")] = None,
    status: Annotated[SceneStatus | None, typer.Option(help="Only those in this state.")] = None,
    as_json: AsJson = False,
) -> None:
    """Scenes, oldest first."""

    async def work() -> tuple[list[Scene], Collection[str]]:
        query = SceneQuery(project=project, identity=identity, status=status)
        async with session() as open_session:
            scenes = await everything(lambda part: list_scenes(open_session.database, part, query))
            scenes = await open_session.mended(scenes)
            async with open_session.database.transaction() as tx:
                return scenes, await tx.approvals.waiting()

    scenes, waiting = run(work(), as_json=as_json)
    if as_json:
        print_json([list_document(scene, waits=scene.id in waiting) for scene in scenes])
    elif scenes:
        rows = [list_row(scene, waits=scene.id in waiting) for scene in scenes]
        print_table(("ID", "NAME", "STATUS", "MODE", "LENGTH", "FAILURE", "SAYS"), rows)
    elif project or identity or status:
        say("no such scenes")
    else:
        say("no scenes yet: starter.py scene add --file examples/scene.yaml")


@app.command("show")
def show(
    reference: Reference,
    take: Annotated[int | None, typer.Option(metavar="N", help="What this take was made of, and what it made.")] = None,
    as_json: AsJson = False,
) -> None:
    """Everything recorded of one scene: mode, voice, models, prompts, lengths, artifacts, purchases, failure."""
    if take is not None:
        _show_take(reference, take, as_json=as_json)
        return

    async def work() -> SceneRecord:
        async with session() as open_session:
            return await record_of(open_session, await open_session.scene(reference))

    record = run(work(), as_json=as_json)
    if as_json:
        print_json(scene_document(record))
    else:
        print_scene(record)


def _show_take(reference: str, number: int, *, as_json: bool) -> None:
    async def work() -> tuple[SceneTake, Place]:
        async with session() as open_session:
            chosen = await get_take(open_session.database, reference, number)
            return chosen, place_of(open_session.settings, chosen.take.artifacts["film"]["key"])

    chosen, film = run(work(), as_json=as_json)
    if as_json:
        print_json(take_document(chosen, film))
    else:
        print_take(chosen, film)


async def record_of(open_session: Session, scene: Scene) -> SceneRecord:
    """The scene with everything that belongs to it."""
    async with open_session.database.transaction() as tx:
        scene = await tx.scenes.get(scene.id) or scene
        return SceneRecord(
            scene=scene,
            identity=await tx.identities.get(scene.identity_id) if scene.identity_id else None,
            project=await tx.projects.get(scene.project_id) if scene.project_id else None,
            jobs=await tx.jobs.of_scene(scene.id),
            money=(await money_of_scenes(tx, open_session.settings, [scene]))[0],
            film=film_of(open_session.settings, scene),
            waiting=(await tx.approvals.waiting([scene.id])).get(scene.id),
        )


def _check_dialogues(given: Mapping[str, object], dialogue_file: Path | None) -> None:
    if "dialogue" in given and dialogue_file is not None:
        raise typer.BadParameter("give one of --dialogue and --dialogue-file", param_hint="--dialogue-file")


def _with_text(given: dict[str, Any], dialogue_file: Path | None) -> dict[str, Any]:
    return given if dialogue_file is None else given | {"dialogue": text_of("--dialogue-file", dialogue_file)}


def _workshop(open_session: Session, headshot: object) -> Workshop | None:
    """Only a headshot file needs the object store; an asset's id has no suffix."""
    if not isinstance(headshot, str) or headshot.startswith(("http://", "https://")):
        return None
    path = Path(headshot)
    return open_session.workshop() if path.suffix or path.exists() else None
