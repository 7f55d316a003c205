"""`starter.py scene add|list|show`: what is to be filmed. What runs stands in `cli.runs`."""

from pathlib import Path
from typing import Annotated

import typer

from activities.workshop import Workshop
from cli.films import film_of
from cli.inputs import draft_of, text_of
from cli.output import AsJson, print_json, print_table, run, say
from cli.scene_view import SceneRecord, list_document, list_row, print_scene, scene_document
from cli.session import Session, session
from models.enums import AspectRatio, ClipPolicy, GenerationMode
from models.inputs import SceneDraft
from models.tables import Scene
from runtime.catalog.scenes import add_scene
from runtime.settings import Settings

app = typer.Typer(help="What is to be filmed, and filming it.", no_args_is_help=True)

Reference = Annotated[str, typer.Argument(metavar="REF", help="The scene's id or name.")]


@app.command("add")
def add(
    file: Annotated[Path | None, typer.Option(help="YAML or JSON with the fields; options win over it.")] = None,
    name: Annotated[str | None, typer.Option(help="Lower-case letters, digits and dashes.")] = None,
    dialogue: Annotated[str | None, typer.Option(help="What the person says.")] = None,
    dialogue_file: Annotated[Path | None, typer.Option(help="A text file with the dialogue; - reads it.")] = None,
    identity: Annotated[str | None, typer.Option(help="Id or name; default: the default identity.")] = None,
    generation_mode: Annotated[
        GenerationMode | None, typer.Option("--generation-mode", "--mode", help="Default: standard.")
    ] = None,
    environment: Annotated[str | None, typer.Option(help="Where it plays.")] = None,
    wardrobe: Annotated[str | None, typer.Option(help="What the person wears.")] = None,
    movement: Annotated[str | None, typer.Option(help="How the person moves.")] = None,
    camera: Annotated[str | None, typer.Option(help="Framing and camera.")] = None,
    mood_lighting: Annotated[str | None, typer.Option(help="Light and mood.")] = None,
    prompt: Annotated[str | None, typer.Option(help="Further words for the picture.")] = None,
    aspect_ratio: Annotated[AspectRatio | None, typer.Option(help="Default: 16:9.")] = None,
    clip_policy: Annotated[ClipPolicy | None, typer.Option(help="Default: loop.")] = None,
    headshot: Annotated[str | None, typer.Option(help="A picture file or its web address.")] = None,
    voice_id: Annotated[str | None, typer.Option(help="ElevenLabs voice id, before the identity's.")] = None,
    seed: Annotated[int | None, typer.Option(help="Makes the picture repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create a scene from a file, from options, or both."""
    options = {key: value for key, value in locals().items() if key in SceneDraft.model_fields}
    if dialogue is not None and dialogue_file is not None:
        raise typer.BadParameter("give one of --dialogue and --dialogue-file", param_hint="--dialogue-file")

    async def work() -> SceneRecord:
        if dialogue_file is not None:
            options["dialogue"] = text_of("--dialogue-file", dialogue_file)
        draft = draft_of(SceneDraft, file, **options)
        async with session() as open_session:
            scene = await add_scene(open_session.database, _workshop(open_session.settings, draft), draft)
            return await record_of(open_session, scene)

    record = run(work(), as_json=as_json)
    if as_json:
        print_json(scene_document(record))
    else:
        say(f"scene {record.scene.name} added: {record.scene.id}")
        say(f"next: starter.py scene generate {record.scene.name}")


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """All scenes, oldest first."""

    async def work() -> list[Scene]:
        async with session() as open_session:
            async with open_session.database.transaction() as tx:
                scenes = await tx.scenes.list()
            return await open_session.mended(scenes)

    scenes = run(work(), as_json=as_json)
    if as_json:
        print_json([list_document(scene) for scene in scenes])
    elif scenes:
        rows = [list_row(scene) for scene in scenes]
        print_table(("ID", "NAME", "STATUS", "MODE", "LENGTH", "FAILURE", "SAYS"), rows)
    else:
        say("no scenes yet: starter.py scene add --file examples/scene.yaml")


@app.command("show")
def show(reference: Reference, as_json: AsJson = False) -> None:
    """Everything recorded of one scene: mode, voice, models, prompts, lengths, artifacts, purchases, failure."""

    async def work() -> SceneRecord:
        async with session() as open_session:
            return await record_of(open_session, await open_session.scene(reference))

    record = run(work(), as_json=as_json)
    if as_json:
        print_json(scene_document(record))
    else:
        print_scene(record)


async def record_of(open_session: Session, scene: Scene) -> SceneRecord:
    """The scene with everything that belongs to it."""
    async with open_session.database.transaction() as tx:
        return SceneRecord(
            scene=await tx.scenes.get(scene.id) or scene,
            identity=await tx.identities.get(scene.identity_id) if scene.identity_id else None,
            jobs=await tx.jobs.of_scene(scene.id),
            spent_micros=await tx.jobs.spent_on(scene.id),
            film=film_of(open_session.settings, scene),
        )


def _workshop(settings: Settings, draft: SceneDraft) -> Workshop | None:
    """Only a headshot file needs the object store."""
    if draft.headshot is None or draft.headshot.startswith(("http://", "https://")):
        return None
    from runtime.wiring import object_store

    return Workshop(object_store(settings), settings.data_dir / "scratch")
