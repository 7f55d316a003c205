"""`starter.py project`: scenes that belong together, in their order."""

from typing import Annotated, Any

import typer

from cli.costs import money_document, money_facts
from cli.inputs import changes_of, draft_of
from cli.options import FieldsFile, IfVersion, ProjectOptions, Reset, taking
from cli.output import AsJson, clock, print_facts, print_json, print_table, row_document, run, say
from cli.session import everything, session
from models.inputs import ProjectDraft
from models.tables import Project, Scene
from runtime.catalog.projects import (
    CountedProject,
    ProjectContents,
    add_project,
    delete_project,
    get_project,
    list_projects,
    patch_project,
    reorder_scenes,
)
from runtime.catalog.scenes import SceneQuery, list_scenes

app = typer.Typer(help="Scenes that belong together, in their order.", no_args_is_help=True)

Reference = Annotated[str, typer.Argument(metavar="REF", help="The project's id or name.")]


@app.command("add")
@taking(ProjectOptions)
def add(given: dict[str, Any], file: FieldsFile = None, as_json: AsJson = False) -> None:
    """Create a project from a file, from options, or both."""

    async def work() -> Project:
        draft = draft_of(ProjectDraft, file, **given)
        async with session() as open_session:
            return await add_project(open_session.database, draft)

    _tell(run(work(), as_json=as_json), "added", as_json=as_json)


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """All projects by name."""

    async def work() -> list[CountedProject]:
        async with session() as open_session:
            return await everything(lambda part: list_projects(open_session.database, part))

    projects = run(work(), as_json=as_json)
    if as_json:
        print_json([_counted_document(counted) for counted in projects])
    elif projects:
        rows = ((c.project.id, c.project.name, c.project.display_name, c.scene_count) for c in projects)
        print_table(("ID", "NAME", "SHOWN AS", "SCENES"), rows)
    else:
        say("no projects yet: starter.py project add --name NAME --display-name TEXT")


@app.command("show")
def show(reference: Reference, as_json: AsJson = False) -> None:
    """A project and its scenes in their order."""

    async def work() -> tuple[CountedProject, list[Scene]]:
        async with session() as open_session:
            counted = await get_project(open_session.database, reference)
            query = SceneQuery(project=counted.project.id)
            scenes = await everything(lambda part: list_scenes(open_session.database, part, query))
            return counted, await open_session.mended(scenes)

    counted, scenes = run(work(), as_json=as_json)
    if as_json:
        print_json(_counted_document(counted) | {"scenes": [_scene_entry(scene) for scene in scenes]})
        return
    document = row_document(counted.project, "budget_micros", "created_at", "updated_at")
    print_facts((name.replace("_", " "), value) for name, value in document.items())
    print_facts([("created", clock(counted.project.created_at)), ("updated", clock(counted.project.updated_at))])
    print_facts(money_facts(counted.costs, counted.budget))
    _print_order(scenes)


@app.command("edit")
@taking(ProjectOptions)
def edit(
    reference: Reference,
    given: dict[str, Any],
    file: FieldsFile = None,
    reset: Reset = None,
    if_version: IfVersion = None,
    as_json: AsJson = False,
) -> None:
    """Change the fields that are given."""

    async def work() -> Project:
        changes = changes_of(ProjectDraft, file, given, reset)
        async with session() as open_session:
            return await patch_project(open_session.database, reference, changes, expected_version=if_version)

    _tell(run(work(), as_json=as_json), "edited", as_json=as_json)


@app.command("rm")
def remove(
    reference: Reference,
    with_scenes: Annotated[bool, typer.Option("--with-scenes", help="Its scenes go with it.")] = False,
    if_version: IfVersion = None,
    as_json: AsJson = False,
) -> None:
    """Delete a project. Refused while it has scenes, unless they are to go with it; its assets stay."""

    async def work() -> ProjectContents:
        async with session() as open_session:
            return await delete_project(
                open_session.database, reference, with_scenes=with_scenes, expected_version=if_version
            )

    gone = run(work(), as_json=as_json)
    if as_json:
        print_json({"deleted": gone.project.id, "name": gone.project.name, "scenes": gone.scene_names})
    else:
        say(f"project {gone.project.name} deleted")
        for name in gone.scene_names:
            say(f"scene {name} deleted")


@app.command("reorder")
def reorder(
    reference: Reference,
    scenes: Annotated[list[str], typer.Argument(metavar="SCENE...", help="All its scenes, by id or name, in order.")],
    if_version: IfVersion = None,
    as_json: AsJson = False,
) -> None:
    """Bring a project's scenes into this order; each is named once."""

    async def work() -> list[Scene]:
        async with session() as open_session:
            return await reorder_scenes(open_session.database, reference, scenes, expected_version=if_version)

    ordered = run(work(), as_json=as_json)
    if as_json:
        print_json([_scene_entry(scene) for scene in ordered])
    else:
        _print_order(ordered)


def _tell(project: Project, done: str, *, as_json: bool) -> None:
    if as_json:
        print_json(row_document(project))
    else:
        say(f"project {project.name} {done}: {project.id}, version {project.version}")


def _counted_document(counted: CountedProject) -> dict[str, Any]:
    money = money_document(counted.costs, counted.budget)
    return row_document(counted.project) | {"scene_count": counted.scene_count} | money


def _scene_entry(scene: Scene) -> dict[str, Any]:
    return {"id": scene.id, "name": scene.name, "position": scene.position, "status": scene.status}


def _print_order(scenes: list[Scene]) -> None:
    if scenes:
        print_table(("", "ID", "SCENE", "STATUS"), ((s.position, s.id, s.name, s.status) for s in scenes))
    else:
        say("no scenes in it yet: starter.py scene edit SCENE --project NAME")
