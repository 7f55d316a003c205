"""Crash points in the real worker: its ports are wrapped, its repository and HTTP transport are watched."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, cast
from unittest.mock import patch

import httpx
from sqlalchemy import event
from sqlalchemy.orm import Session

from activities.claims import BeingBoughtError, Claims
from activities.collecting import JobProviders
from activities.wanted import Wanted
from bench.chaos.plan import Point
from bench.chaos.trigger import Trigger, paid_step
from bench.chaos.watched import Watched
from models.enums import JobState, Step
from providers.ports import Finished
from runtime.wiring import Parts
from store.jobs import JobRepository
from store.objects.port import StoreUnavailable

SPEAKING_S = 0.4  # after so long the vendor is at work on the speech, and has answered nothing
_COMMITTED = {JobState.ACCEPTED: Point.ACCEPTED, JobState.STORED: Point.STORED}
_PASSED = "points passed when this commits"

_downloading: ContextVar[bool] = ContextVar("downloading", default=False)


def watched_parts(parts: Parts, trigger: Trigger, broken_puts: int) -> Parts:
    """The parts with every port that a purchase passes wrapped."""
    jobs = JobProviders(
        image=_watched_provider(parts.jobs.image, trigger, Step.IMAGE),
        videos={name: _watched_provider(vendor, trigger, Step.VIDEO) for name, vendor in parts.jobs.videos.items()},
        lipsync=_watched_provider(parts.jobs.lipsync, trigger, Step.LIPSYNC),
    )
    return replace(
        parts,
        jobs=jobs,
        speech=cast(Any, Watched(parts.speech, synthesize=_then(parts.speech.synthesize, trigger, Step.SPEECH))),
        web=cast(Any, Watched(parts.web, download=_watched_download(parts.web.download, trigger))),
        objects=cast(Any, Watched(parts.objects, put=_watched_put(parts.objects.put, trigger, broken_puts))),
    )


def watch_inside(trigger: Trigger, stack: ExitStack) -> None:
    """Watch what is behind the ports, until the stack closes: rows as they are committed, requests as they leave."""
    stack.enter_context(patch.object(JobRepository, "add_intent", _watched_intent(JobRepository.add_intent, trigger)))
    stack.enter_context(patch.object(JobRepository, "move", _watched_move(JobRepository.move)))
    stack.enter_context(patch.object(Claims, "begin", _watched_begin(Claims.begin, trigger)))
    stack.enter_context(patch.object(JobRepository, "note_reuse", _watched_reuse(JobRepository.note_reuse, trigger)))
    send = httpx.AsyncHTTPTransport.handle_async_request
    stack.enter_context(patch.object(httpx.AsyncHTTPTransport, "handle_async_request", _watched_send(send, trigger)))
    read = httpx.Response.aiter_bytes
    stack.enter_context(patch.object(httpx.Response, "aiter_bytes", _watched_read(read, trigger)))

    def on_commit(session: Session) -> None:
        for point, step in session.info.pop(_PASSED, ()):
            trigger.hit(point, step)

    event.listen(Session, "after_commit", on_commit)
    stack.callback(event.remove, Session, "after_commit", on_commit)


def _watched_provider(vendor: Any, trigger: Trigger, step: Step) -> Any:
    async def poll(*given: Any, **named: Any) -> Any:
        status = await vendor.poll(*given, **named)
        trigger.hit(Point.FINISHED if isinstance(status, Finished) else Point.POLLING, step)
        return status

    return Watched(vendor, submit=_then(vendor.submit, trigger, step), poll=poll)


def _then(ask: Callable[..., Awaitable[Any]], trigger: Trigger, step: Step) -> Callable[..., Awaitable[Any]]:
    async def asked(*given: Any, **named: Any) -> Any:
        answer = await ask(*given, **named)
        trigger.hit(Point.ANSWERED, step)
        return answer

    return asked


def _watched_download(download: Callable[..., Awaitable[Any]], trigger: Trigger) -> Callable[..., Awaitable[Any]]:
    async def downloaded(*given: Any, **named: Any) -> Any:
        trigger.hit(Point.SUCCEEDED, paid_step())
        token = _downloading.set(True)
        try:
            return await download(*given, **named)
        finally:
            _downloading.reset(token)

    return downloaded


def _watched_put(put: Callable[..., Awaitable[Any]], trigger: Trigger, broken: int) -> Callable[..., Awaitable[Any]]:
    left = [broken]

    async def stored(*given: Any, **named: Any) -> None:
        step = paid_step()
        if step is not None and left[0] > 0:
            left[0] -= 1
            raise StoreUnavailable("the drill lets this write fail")
        await put(*given, **named)
        trigger.hit(Point.UPLOADED, step)

    return stored


def _watched_intent(add: Callable[..., Awaitable[Any]], trigger: Trigger) -> Callable[..., Awaitable[Any]]:
    async def added(self: Any, order: Any, *given: Any, **named: Any) -> Any:
        trigger.hit(Point.BEFORE_INTENT, order.step)
        job = await add(self, order, *given, **named)
        _note(self, Point.AFTER_INTENT, order.step)
        return job

    return added


def _watched_begin(begin: Callable[..., Awaitable[Any]], trigger: Trigger) -> Callable[..., Awaitable[Any]]:
    async def begun(self: Any, wanted: Wanted) -> Any:
        try:
            return await begin(self, wanted)
        except BeingBoughtError:
            trigger.hit(Point.WAITED, wanted.step)
            raise

    return begun


def _watched_reuse(note: Callable[..., Awaitable[Any]], trigger: Trigger) -> Callable[..., Awaitable[Any]]:
    async def noted(self: Any, order: Any, job: Any) -> None:
        trigger.hit(Point.CHOSEN, order.step)
        await note(self, order, job)
        _note(self, Point.REUSED, order.step)

    return noted


def _watched_move(move: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def moved(self: Any, job_id: str, to: JobState, *given: Any, **named: Any) -> Any:
        job = await move(self, job_id, to, *given, **named)
        if to in _COMMITTED:
            _note(self, _COMMITTED[to], Step(job.step))
        return job

    return moved


def _note(repository: Any, point: Point, step: Step) -> None:
    repository._session.info.setdefault(_PASSED, []).append((point, step))


def _watched_send(send: Callable[..., Awaitable[Any]], trigger: Trigger) -> Callable[..., Awaitable[Any]]:
    """Every POST of a paid activity is an order. Speech comes with its answer, so the vendor is left at work on it."""

    async def sent(self: Any, request: httpx.Request) -> httpx.Response:
        step = paid_step() if request.method == "POST" else None
        if step is Step.SPEECH:
            asyncio.get_running_loop().call_later(SPEAKING_S, trigger.hit, Point.SENT, step)
        response = await send(self, request)
        if step is not Step.SPEECH:
            trigger.hit(Point.SENT, step)
        return response

    return sent


def _watched_read(read: Callable[..., AsyncIterator[bytes]], trigger: Trigger) -> Callable[..., AsyncIterator[bytes]]:
    async def halved(self: Any, *given: Any, **named: Any) -> AsyncIterator[bytes]:
        async for chunk in read(self, *given, **named):
            if not _downloading.get():
                yield chunk
                continue
            yield chunk[: len(chunk) // 2]
            trigger.hit(Point.DOWNLOAD, paid_step())
            yield chunk[len(chunk) // 2 :]

    return halved
