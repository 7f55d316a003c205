"""One guard of the product broken at a time, in the drill's own worker: a drill that sees nothing then is worthless."""

import secrets
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import fal_client.client
from temporalio import activity

from activities.collecting import JobProviders
from activities.purchases import Purchases
from bench.chaos.watched import Watched
from models.enums import JobState
from models.tables import ProviderJob
from runtime.wiring import Parts
from store.jobs import JobRepository, Order

NO_INTENT = "no-intent"  # the row is first written when the vendor has answered
NO_KEY = "no-key"  # every order goes out under a key that nobody can find again
SDK_RETRIES = "sdk-retries"  # fal's SDK sends a paid POST again by itself
STORED_FIRST = "stored-first"  # the row says STORED before the object is
UNSHARED = "unshared"  # nobody looks whether another scene is buying the same thing
GUARDS = (NO_INTENT, NO_KEY, SDK_RETRIES, STORED_FIRST, UNSHARED)

_SDK_ATTEMPTS = 10  # the SDK's own default


def commit(guard: str, stack: ExitStack) -> None:
    """Break the guard in this process until the stack closes."""
    if guard == NO_INTENT:
        _late_intents(stack)
    if guard == SDK_RETRIES:
        stack.enter_context(patch.object(fal_client.client, "MAX_ATTEMPTS", _SDK_ATTEMPTS))
    if guard == UNSHARED:
        _own_claims(stack)


def spoiled(guard: str, parts: Parts, stack: ExitStack) -> Parts:
    """The parts with the guard broken."""
    if guard == NO_KEY:
        jobs = parts.jobs
        videos = {name: _keyless(vendor) for name, vendor in jobs.videos.items()}
        return replace(
            parts, jobs=JobProviders(image=_keyless(jobs.image), videos=videos, lipsync=_keyless(jobs.lipsync))
        )
    if guard == STORED_FIRST:
        return replace(parts, objects=_late_puts(parts.objects, stack))
    return parts


def _keyless(vendor: Any) -> Any:
    async def submit(*given: Any, **named: Any) -> Any:
        return await vendor.submit(*given, **named | {"key": secrets.token_hex(8)})

    return cast(Any, Watched(vendor, submit=submit))


def _own_claims(stack: ExitStack) -> None:
    async def find_rival(self: JobRepository, order: Order) -> None:
        return None

    stack.enter_context(patch.object(JobRepository, "find_rival", find_rival))
    stack.enter_context(patch.object(Order, "claim", property(lambda order: f"{order.fingerprint}:{order.scene_id}")))


def _late_intents(stack: ExitStack) -> None:
    """INTENT and SENT exist in memory alone, until there is something to say about the vendor's answer."""
    orders: dict[str, Any] = {}
    begin, move, accept = Purchases.begin, Purchases.move, Purchases.accept

    async def lazy_begin(self: Any, wanted: Any, *given: Any, **named: Any) -> ProviderJob:
        order = wanted.order()
        async with self._database.transaction() as tx:
            known = await tx.jobs.find_open(order) or await tx.jobs.find_stored(order)
        if known:
            return await begin(self, wanted, *given, **named)
        job = ProviderJob(**_columns(order), take=1, idempotency_key=f"{order.scene_id}-{order.step}-unwritten")
        orders[job.id] = order
        return job

    async def write(purchases: Any, job: ProviderJob) -> None:
        order = orders.pop(job.id, None)
        if order is not None:
            async with purchases._database.transaction() as tx:
                written = await tx.jobs.add_intent(order)
                await tx.jobs.move(written.id, JobState.SENT)
            job.id = written.id

    async def lazy_move(self: Any, job: ProviderJob, *states: JobState, **named: Any) -> ProviderJob:
        if job.id in orders and set(states) <= {JobState.INTENT, JobState.SENT}:
            job.state = states[-1]
            return job
        await write(self, job)
        return await move(self, job, *states, **named)

    async def late_accept(self: Any, job: ProviderJob, *given: Any, **named: Any) -> ProviderJob:
        await write(self, job)
        return await accept(self, job, *given, **named)

    for name, instead in (("begin", lazy_begin), ("move", lazy_move), ("accept", late_accept)):
        stack.enter_context(patch.object(Purchases, name, instead))


def _columns(order: Any) -> dict[str, Any]:
    return {name: getattr(order, name) for name in order.__dataclass_fields__ if name in ProviderJob.model_fields}


def _late_puts(objects: Any, stack: ExitStack) -> Any:
    """What an activity stores is held back until its purchase is settled."""
    held: dict[str, list[Callable[[], Awaitable[None]]]] = {}
    settle = Purchases.settle

    async def put(path: Path, *given: Any, **named: Any) -> None:
        content = path.read_bytes()  # noqa: ASYNC240

        async def later() -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)  # noqa: ASYNC240
            await objects.put(path, *given, **named)
            path.unlink()  # noqa: ASYNC240

        if activity.info().activity_type.startswith(("collect_", "synthesize_")):
            held.setdefault(activity.info().activity_id, []).append(later)
        else:
            await objects.put(path, *given, **named)

    async def late_settle(self: Any, *given: Any, **named: Any) -> ProviderJob:
        job = await settle(self, *given, **named)
        for later in held.pop(activity.info().activity_id, []):
            await later()
        return job

    stack.enter_context(patch.object(Purchases, "settle", late_settle))
    return cast(Any, Watched(objects, put=put))
