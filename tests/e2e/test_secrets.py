"""Secrets and signatures stay where they belong."""

from pathlib import Path

from temporalio.client import WorkflowFailureError

from tests.support.stack import Stack

LINK_SECRET = "very-secret-part-of-a-link"


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
    holding = {name: _text(folder, name) for name in ("logs/worker.log", "devatar.db", "temporal.db")}

    assert scene.id in holding["devatar.db"]
    for name, text in holding.items():
        assert key not in text, name
        assert "signature=" not in text, name
    assert LINK_SECRET not in holding["logs/worker.log"]
    assert LINK_SECRET not in holding["temporal.db"]


def _text(folder: Path, name: str) -> str:
    """A file with what stands beside it in a database's write-ahead log."""
    return "".join(path.read_bytes().decode(errors="replace") for path in folder.glob(f"{name}*"))
