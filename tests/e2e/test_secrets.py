"""Secrets and signatures stay where they belong."""

from pathlib import Path

from sqlalchemy import MetaData, create_engine
from temporalio.client import WorkflowFailureError

from tests.support.stack import Stack

LINK_SECRET = "very-secret-part-of-a-link"
WRITTEN_BY_PEOPLE = frozenset({"identity_profile", "scene"})
"""Tables that keep the links that people gave, since without them nothing could be read from there."""


async def test_no_secret_reaches_logs_database_or_history(stack: Stack) -> None:
    """After good and bad runs neither the worker's log, nor the database, nor Temporal holds a key or a signature."""
    number = stack.unique()
    good = await stack.identity(lora_url=f"{stack.lora('deven.safetensors')}?token={LINK_SECRET}")
    bad = await stack.identity(lora_url=f"{stack.lora('missing.safetensors')}?token={LINK_SECRET}")
    for identity in (good, bad):
        fields = {"identity": identity.name, "generation_mode": "digital-twin", "seed": number}
        scene = await stack.scene(f"This is number {number}.", **fields)
        try:
            await stack.film(scene)
        except WorkflowFailureError:
            assert identity is bad
    folder = stack.servers.data_dir
    key = stack.servers.environment["DEVATAR_FILES_SIGNING_KEY"]
    holding = {name: _text(folder, name) for name in ("logs/worker.log", "temporal.db")}
    holding |= _tables(folder / "devatar.db")

    assert scene.id in holding["generation_log"]
    assert key not in _text(folder, "devatar.db")
    for name, text in holding.items():
        assert key not in text, name
        assert "signature=" not in text, name
        assert LINK_SECRET not in text, name


def _tables(database: Path) -> dict[str, str]:
    """What each table says, by its name, but for those that people write."""
    engine = create_engine(f"sqlite:///{database}")
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        told = {table.name: repr(connection.execute(table.select()).all()) for table in metadata.sorted_tables}
    engine.dispose()
    return {name: text for name, text in told.items() if name not in WRITTEN_BY_PEOPLE}


def _text(folder: Path, name: str) -> str:
    """A file with what stands beside it in a database's write-ahead log."""
    return "".join(path.read_bytes().decode(errors="replace") for path in folder.glob(f"{name}*"))
