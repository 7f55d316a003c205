"""Locks on something that is no row."""

from sqlalchemy import func
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession


async def hold(session: AsyncSession, name: str) -> None:
    """Wait for the lock of this name and hold it until the transaction ends.

    SQLite's transactions queue anyway, from their first statement on: it is made here.
    """
    await session.connection()
    if session.get_bind().dialect.name == "postgresql":
        await session.exec(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
