"""What `starter.py doctor` looks at, each a check of its own that cannot stop the others."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy.exc import ArgumentError, DBAPIError
from temporalio.client import Client
from temporalio.service import RPCError

from domain.rejections import RejectedError
from models.enums import Provider
from providers.errors import ProviderError
from runtime.launching import polling_workers
from runtime.migrate import revisions
from runtime.search_attributes import missing_search_attributes
from runtime.settings import Settings
from runtime.temporal import connect
from runtime.wiring import Parts, object_store
from store.objects.port import StoreError

PATIENCE_S = 20.0  # for one check: a vendor's slow answer is seen, a swallowed packet does not hold the command
LOW_DISK_BYTES = 2 * 2**30  # some films with their clips; below it a worker soon fails


class State(StrEnum):
    """What a check found."""

    OK = "ok"
    UNSET = "not set"  # and not needed
    MISSING = "missing"
    FAILED = "failed"


@dataclass(frozen=True)
class Check:
    """One line of the report; `remedy` says what to do. A check that is not `needed` never fails the command."""

    name: str
    state: State
    detail: str
    remedy: str = ""
    needed: bool = True

    @property
    def passed(self) -> bool:
        """True unless it stands in the way of filming a scene."""
        return not self.needed or self.state in (State.OK, State.UNSET)


Probe = Callable[[], Awaitable[Check]]


async def answered(name: str, probe: Probe, remedy: str, *, needed: bool = True) -> Check:
    """The probe's check, or a failed one with the error's words."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await probe()
    except TimeoutError:
        return Check(name, State.FAILED, f"no answer within {PATIENCE_S:.0f} s", remedy, needed)
    except RejectedError as error:
        return Check(name, State.FAILED, f"{error.field}: {error.problem}", error.remedy, needed)
    except ProviderError as error:
        return Check(name, State.FAILED, f"{error.code}: {error.detail}", remedy, needed)
    except RPCError as error:
        return Check(name, State.FAILED, f"{error.status.name}: {error.message}", remedy, needed)
    except (StoreError, DBAPIError, ArgumentError, ImportError, OSError) as error:
        return Check(name, State.FAILED, str(error).splitlines()[0], remedy, needed)


async def service_checks(settings: Settings, parts: Parts) -> list[Check]:
    """Everything that answers over a network or on disk, asked side by side."""
    bucket = "Check the R2_* variables and the bucket's permissions"
    temporal, others = await asyncio.gather(
        _temporal(settings),
        _gathered(
            answered("database", lambda: _database(settings), "Correct DATABASE_URL, or start the database"),
            answered("object store", lambda: _objects(settings), bucket),
            *_providers(settings, parts),
            answered("disk", lambda: asyncio.to_thread(_disk, settings.data_dir), "Make room", needed=False),
        ),
    )
    return [*temporal, *others]


async def _gathered(*checks: Awaitable[Check]) -> list[Check]:
    return await asyncio.gather(*checks)


async def _database(settings: Settings) -> Check:
    current, newest = await asyncio.to_thread(revisions, settings.database_url.get_secret_value())
    if current is None:
        return Check("database", State.MISSING, "it answers, and has no tables yet", "Run `make migrate`")
    if current != newest:
        return Check("database", State.FAILED, f"at revision {current}, newest is {newest}", "Run `make migrate`")
    return Check("database", State.OK, f"answers, at the newest revision {current}")


async def _temporal(settings: Settings) -> list[Check]:
    found: list[Client] = []

    async def reach() -> Check:
        client = await connect()
        found.append(client)
        return Check("Temporal", State.OK, f"{client.service_client.config.target_host}, namespace {client.namespace}")

    reached = await answered("Temporal", reach, "Start it, or correct TEMPORAL_ADDRESS")
    if not found:
        return [reached]
    client = found[0]
    attributes = answered(
        "search attributes", lambda: _attributes(client), "Have the namespace's owner register them", needed=False
    )
    workers = answered("workers", lambda: _workers(client, settings), "Check TEMPORAL_NAMESPACE and the permissions")
    return [reached, *await asyncio.gather(attributes, workers)]


async def _attributes(client: Client) -> Check:
    missing = await missing_search_attributes(client)
    if not missing:
        return Check("search attributes", State.OK, "all registered", needed=False)
    remedy = "Run `starter.py temporal setup`"
    return Check("search attributes", State.MISSING, ", ".join(missing), remedy, needed=False)


async def _workers(client: Client, settings: Settings) -> Check:
    count = await polling_workers(client, settings.task_queue)
    if count == 0:
        detail = f"no worker serves task queue {settings.task_queue}"
        return Check("workers", State.MISSING, detail, "Start one with `python worker.py`")
    return Check("workers", State.OK, f"{count} on task queue {settings.task_queue}")


async def _objects(settings: Settings) -> Check:
    return Check("object store", State.OK, await object_store(settings).check())


def _providers(settings: Settings, parts: Parts) -> list[Awaitable[Check]]:
    """A free call at each vendor that has a key; those without are told among the settings."""
    probes: dict[Provider, Callable[[], Awaitable[str]]] = {
        Provider.ELEVENLABS: parts.speech.check,
        Provider.FAL: parts.jobs.image.check,
        Provider.SYNC: parts.jobs.lipsync.check,
    }
    if settings.video_provider is Provider.KLING and Provider.KLING in parts.jobs.videos:
        probes[Provider.KLING] = parts.jobs.videos[Provider.KLING].check
    missing = settings.missing()
    checks: list[Awaitable[Check]] = [_provider(name, probe) for name, probe in probes.items() if name not in missing]
    if settings.deven_lora_url:
        checks.append(_default_lora(settings.deven_lora_url, parts))
    return checks


async def _provider(name: Provider, probe: Callable[[], Awaitable[str]]) -> Check:
    async def ask() -> Check:
        return Check(name, State.OK, await probe())

    return await answered(name, ask, "Check the key and the address, and the vendor's status page")


async def _default_lora(url: str, parts: Parts) -> Check:
    async def ask() -> Check:
        report = await parts.inspector.inspect(url)
        return Check("default LoRA", State.OK, f"{report.size / 2**20:.0f} MB, {report.dialect}", needed=False)

    return await answered("default LoRA", ask, "Correct DEVEN_LORA_URL", needed=False)


def _disk(folder: Path) -> Check:
    present = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(present).free
    state = State.OK if free >= LOW_DISK_BYTES else State.FAILED
    return Check("disk", state, f"{free / 2**30:.1f} GiB free for {folder}", "Make room", needed=False)
