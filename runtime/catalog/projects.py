"""Projects: scenes that belong together, in their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.budgets import Budget
from domain.ledger import Costs, totals
from domain.rejections import ConflictError, RejectedError
from models.enums import SceneStatus
from models.inputs import Paging, ProjectDraft
from models.tables import Project, Scene
from runtime.catalog.edits import Page, check_version, columns, edit, in_transaction, merged, required
from runtime.catalog.identities import used_by
from store.database import Database, Transaction
from store.ledger import LedgerFilter, Owners


@dataclass(frozen=True)
class CountedProject:
    """A project, how many scenes it has, and what all scenes that were ever in it cost there."""

    project: Project
    scene_count: int
    costs: Costs

    @property
    def budget(self) -> Budget | None:
        """None when it has none."""
        limit = self.project.budget_micros
        return None if limit is None else Budget(limit, self.costs.committed_micros)


@dataclass(frozen=True)
class ProjectContents:
    """What goes with a project when it is deleted: its scenes. Its assets stay, and its purchases in the ledger."""

    project: Project
    scene_names: list[str]


async def find_project(tx: Transaction, reference: str) -> Project:
    """By id or name. Raises RejectedError (`not_found`)."""
    return await required("project", reference, tx.projects.find)


async def add_project(database: Database, draft: ProjectDraft) -> Project:
    """Create a project. Raises ConflictError when its name is taken."""
    return await in_transaction(database, lambda tx: create_project(tx, draft))


async def get_project(database: Database, reference: str) -> CountedProject:
    """By id or name. Raises RejectedError (`not_found`)."""
    async with database.transaction() as tx:
        project = await find_project(tx, reference)
        return (await _counted(tx, [project]))[0]


async def list_projects(database: Database, paging: Paging | None = None) -> Page[CountedProject]:
    """By name."""
    part = paging or Paging()
    async with database.transaction() as tx:
        rows, total = await tx.projects.page(limit=part.limit, offset=part.offset)
        return Page(await _counted(tx, rows), total, part.limit, part.offset)


async def replace_project(
    database: Database, reference: str, draft: ProjectDraft, *, expected_version: int | None = None
) -> Project:
    """Every field anew. Raises StaleError, ConflictError."""
    return await patch_project(database, reference, draft.model_dump(), expected_version=expected_version)


async def patch_project(
    database: Database, reference: str, changes: Mapping[str, object], *, expected_version: int | None = None
) -> Project:
    """Change the named fields of `ProjectDraft`. Raises StaleError, ConflictError, RejectedError."""

    async def work(tx: Transaction) -> Project:
        project, _ = await change_project(tx, reference, changes, expected_version)
        return project

    return await in_transaction(database, work)


async def project_contents(database: Database, reference: str) -> ProjectContents:
    """What deleting it would take along. Raises RejectedError (`not_found`)."""
    async with database.transaction() as tx:
        project = await find_project(tx, reference)
        return ProjectContents(project, [scene.name for scene in await tx.scenes.of_project(project.id)])


async def delete_project(
    database: Database, reference: str, *, with_scenes: bool = False, expected_version: int | None = None
) -> ProjectContents:
    """Remove, with its scenes only when told so; says what went.

    Raises ConflictError that says what would go, or while one of the scenes is generating; StaleError.
    """

    async def work(tx: Transaction) -> ProjectContents:
        project = await lock_project(tx, reference)
        check_version(project, expected_version)
        scenes = await tx.scenes.of_project(project.id, lock=True)
        _check_scenes_may_go(scenes, with_scenes=with_scenes)
        for scene in scenes:
            await tx.scenes.delete(scene)
        await tx.assets.leave_project(project.id)
        await tx.projects.delete(project)
        return ProjectContents(project, [scene.name for scene in scenes])

    return await in_transaction(database, work)


async def reorder_scenes(
    database: Database, reference: str, scenes: Sequence[str], *, expected_version: int | None = None
) -> list[Scene]:
    """Bring a project's scenes, given by id or name, into this order; each must be named once.

    Raises RejectedError that says which are missing or too many, StaleError of the project.
    """

    async def work(tx: Transaction) -> list[Scene]:
        project = await lock_project(tx, reference)
        check_version(project, expected_version)
        ordered = _in_order(await tx.scenes.of_project(project.id, lock=True), scenes)
        moved = [scene for position, scene in enumerate(ordered, 1) if scene.position != position]
        for position, scene in enumerate(ordered, 1):
            scene.position = position
        project.version += bool(moved)
        return ordered

    return await in_transaction(database, work)


async def create_project(tx: Transaction, draft: ProjectDraft) -> Project:
    """`add_project` within a transaction."""
    await _check_free(tx, draft)
    return await tx.projects.add(Project(**columns(draft)))


async def change_project(
    tx: Transaction, reference: str, changes: Mapping[str, object], expected_version: int | None = None
) -> tuple[Project, dict[str, object]]:
    """`patch_project` within a transaction; gives what was changed too."""
    project = await lock_project(tx, reference)
    check_version(project, expected_version)
    draft = merged(ProjectDraft, project, changes, without=())
    await _check_free(tx, draft, besides=project.id)
    return project, edit(project, columns(draft))


async def lock_project(tx: Transaction, reference: str) -> Project:
    """By id or name, held until the transaction ends. Raises RejectedError (`not_found`)."""
    found = await find_project(tx, reference)

    async def lock(project_id: str) -> Project | None:
        return await tx.projects.get(project_id, lock=True)

    return await required("project", found.id, lock)


async def _counted(tx: Transaction, projects: list[Project]) -> list[CountedProject]:
    ids = [project.id for project in projects]
    counts = await tx.projects.scene_counts(ids)
    sums = totals(await tx.ledger.lines(LedgerFilter(), Owners("project_id", ids)), lambda line: line.owner)
    return [CountedProject(each, counts.get(each.id, 0), sums.get(each.id, Costs())) for each in projects]


async def _check_free(tx: Transaction, draft: ProjectDraft, besides: str | None = None) -> None:
    taken = await tx.projects.find_name(draft.name)
    if taken is not None and taken.id != besides:
        raise ConflictError("name", f"there is a project {draft.name!r} already", "Choose another")


def _check_scenes_may_go(scenes: list[Scene], *, with_scenes: bool) -> None:
    if scenes and not with_scenes:
        what = used_by([scene.name for scene in scenes])
        raise ConflictError("project", f"{what} would go with it", "Move them first, or delete it with its scenes")
    generating = [scene.name for scene in scenes if scene.status == SceneStatus.GENERATING]
    if generating:
        raise ConflictError("project", f"still generating: {', '.join(generating)}", "Cancel, or wait for the end")


def _in_order(present: list[Scene], wanted: Sequence[str]) -> list[Scene]:
    known = {scene.name: scene for scene in present} | {scene.id: scene for scene in present}
    ordered = [known[reference] for reference in wanted if reference in known]
    strange = [reference for reference in wanted if reference not in known]
    missing = [scene.name for scene in present if scene.id not in {each.id for each in ordered}]
    if strange or missing or len(ordered) != len(present):
        problem = f"not in the project: {', '.join(strange)}" if strange else f"left out: {', '.join(missing)}"
        if not strange and not missing:
            problem = "a scene is named twice"
        raise RejectedError("scenes", problem, "Name each of the project's scenes exactly once")
    return ordered
