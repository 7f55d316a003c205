"""Never a second request while the first may have been taken; what was lost is found again, held or written off."""

import asyncio
from datetime import timedelta

import pytest

from activities.purchases import Purchases
from domain.failures import is_retryable
from domain.jobs import IllegalMoveError
from domain.unknowns import HOLD, UnknownPolicy
from models.enums import FailureCode, JobState, Step
from models.tables import ProviderJob
from providers.errors import ProviderError
from store.objects.local import LocalObjectStore
from tests.activities.shop import (
    CANNOT_TELL,
    DOWN,
    LOST,
    NOT_YET,
    S,
    Shop,
    Vendor,
    wanted,
)

POLICY = UnknownPolicy(timedelta(seconds=90))


async def test_answer_lost_and_found(shop: Shop) -> None:
    """A purchase whose answer was lost is asked for at once, and goes on as if it had come."""
    vendor = Vendor(sends=[LOST], finds=["r1"])
    await shop.attempt(vendor)
    row = await shop.row()
    assert vendor.calls == ["send", "find"]
    assert (row.state, row.request_id, row.error_code) == (S.ACCEPTED, "r1", None)
    assert [entry.event_key.split(":")[-1] for entry in await shop.log()] == ["lost", "accepted"]


async def test_answer_lost_and_not_sure_yet(shop: Shop) -> None:
    """A vendor that is not sure yet is asked again, and nothing is sent before it says that it has nothing."""
    vendor = Vendor(sends=[LOST, "r2"], finds=[NOT_YET, NOT_YET, None])
    for _ in range(2):
        error = await shop.fails(vendor)
        assert (error.code, error.retry_after_s) == (FailureCode.PROVIDER_UNAVAILABLE, 30.0)
        assert (await shop.row()).state == S.UNKNOWN
    await shop.attempt(vendor)
    row = await shop.row()
    assert vendor.calls == ["send", "find", "find", "find", "send"]
    assert (row.state, row.request_id, row.take) == (S.ACCEPTED, "r2", 1)


async def test_answer_lost_and_nothing_there(shop: Shop) -> None:
    """A request that the vendor does not know may be on its way still: it stays unknown until it is sent again."""
    vendor = Vendor(sends=[LOST, "r2"], finds=[None, None])
    assert is_retryable((await shop.fails(vendor)).code)
    assert (await shop.row()).state == S.UNKNOWN
    await shop.attempt(vendor)
    assert vendor.calls == ["send", "find", "find", "send"]
    assert (await shop.row()).state == S.ACCEPTED


async def test_what_somebody_else_sent_meanwhile(shop: Shop) -> None:
    """Whoever heard "there is none" of an earlier request sends nothing once another attempt has sent one."""
    await shop.fails(Vendor(sends=[LOST], finds=[NOT_YET]))
    slow = await shop.purchases.begin(wanted())
    quick = Vendor(sends=["r2"], finds=[None])
    vendor = Vendor(finds=[None])

    async def find() -> str | None:
        await shop.attempt(quick)
        return await vendor.find()

    with pytest.raises(IllegalMoveError, match="accepted by now"):
        await shop.purchases.attempt(slow, send=vendor.send, find=find)
    assert (quick.calls, vendor.calls) == (["find", "send"], ["find"])
    assert (await shop.row()).request_id == "r2"


async def test_a_cancel_hears_the_answer(shop: Shop) -> None:
    """An answer that comes right after a cancel is taken: else nobody would know what was bought."""
    sent = asyncio.Event()

    async def answer() -> str:
        sent.set()
        await asyncio.sleep(0.2)
        return "r1"

    attempt = asyncio.create_task(shop.attempt(Vendor(sends=[answer])))
    await sent.wait()
    attempt.cancel()
    assert (await attempt).state == S.ACCEPTED


@pytest.mark.parametrize("late", [LOST, None], ids=["an error", "nothing"])
async def test_a_cancel_without_an_answer(
    shop: Shop, late: ProviderError | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer in time, or a bad one, ends the attempt: the purchase is sent, and to be looked into."""
    monkeypatch.setattr("activities.purchases.LAST_WORD_S", 0.1)
    sent = asyncio.Event()

    async def answer() -> str:
        sent.set()
        await asyncio.sleep(0.02 if late else 60)
        raise late or AssertionError

    vendor = Vendor(sends=[answer])
    attempt = asyncio.create_task(shop.attempt(vendor))
    await sent.wait()
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert (vendor.calls, (await shop.row()).state) == (["send"], S.SENT)


async def test_cannot_tell(shop: Shop) -> None:
    """Where the vendor cannot tell, the outcome stays unknown, however often one tries: never a second request."""
    vendor = Vendor(sends=[LOST], finds=[CANNOT_TELL] * 3)
    for _ in range(3):
        error = await shop.fails(vendor)
        assert error.code is FailureCode.OUTCOME_UNKNOWN
        assert not is_retryable(error.code)
        assert (await shop.row()).state == S.UNKNOWN
    assert vendor.calls.count("send") == 1
    assert len(await shop.log()) == 1


async def test_vendor_down_while_asking(shop: Shop) -> None:
    """When the question itself fails, the row stays unknown and the question is asked again."""
    vendor = Vendor(sends=[LOST], finds=[DOWN, DOWN, "r1"])
    for _ in range(2):
        assert (await shop.fails(vendor)).code is FailureCode.PROVIDER_UNAVAILABLE
        assert (await shop.row()).state == S.UNKNOWN
    await shop.attempt(vendor)
    assert vendor.calls == ["send", "find", "find", "find"]


@pytest.mark.parametrize("death", [asyncio.CancelledError(), RuntimeError("a bug")], ids=["canceled", "bug"])
async def test_death_while_sending(shop: Shop, death: BaseException) -> None:
    """After a death between request and answer the next attempt asks first, and what it finds is not bought again."""
    with pytest.raises(type(death)):
        await shop.attempt(Vendor(sends=[death]))
    assert (await shop.row()).state == S.SENT
    vendor = Vendor(finds=["r1"])
    await shop.attempt(vendor)
    assert vendor.calls == ["find"]
    assert ((await shop.row()).state, (await shop.row()).request_id) == (S.ACCEPTED, "r1")


async def test_death_before_the_request_left(shop: Shop) -> None:
    """After a death before the request left, the vendor's word counts once it has settled, and it is sent."""
    with pytest.raises(asyncio.CancelledError):
        await shop.attempt(Vendor(sends=[asyncio.CancelledError()]))
    early = Vendor(finds=[NOT_YET])
    assert is_retryable((await shop.fails(early)).code)
    assert early.calls == ["find"]
    late = Vendor(sends=["r1"], finds=[None])
    await shop.attempt(late)
    assert late.calls == ["find", "send"]
    assert len(await shop.rows()) == 1


async def test_death_and_cannot_tell(shop: Shop) -> None:
    """After a death while sending to a vendor that cannot tell, people see an unknown outcome."""
    with pytest.raises(asyncio.CancelledError):
        await shop.attempt(Vendor(sends=[asyncio.CancelledError()]))
    assert (await shop.fails(Vendor(finds=[CANNOT_TELL]))).code is FailureCode.OUTCOME_UNKNOWN
    assert (await shop.row()).state == S.UNKNOWN
    (entry,) = await shop.log()
    assert (entry.level, entry.error_code) == ("ERROR", "outcome_unknown")


async def lose(shop: Shop) -> ProviderJob:
    """A purchase whose answer was lost at a vendor that cannot tell."""
    await shop.fails(Vendor(sends=[LOST], finds=[CANNOT_TELL]))
    return await shop.row()


async def test_bought_again_by_policy(shop: Shop, objects: LocalObjectStore) -> None:
    """Where the policy says so, and not earlier, a lost purchase is written off and the next take bought; it stays."""
    shop.purchases = Purchases(shop.database, objects, {Step.IMAGE: POLICY})
    lost = await lose(shop)
    assert (await shop.purchases.begin(wanted())).id == lost.id
    await shop.age(timedelta(seconds=91))
    again = await shop.attempt(Vendor(sends=["r2"]))
    first, second = await shop.rows()
    assert (first.id, first.state, first.written_off_at is not None) == (lost.id, S.UNKNOWN, True)
    assert (second.id, second.take, second.state) == (again.id, 2, S.ACCEPTED)
    assert [entry.event_key.split(":")[-1] for entry in await shop.log()] == ["lost", "written-off", "accepted"]


async def test_held_by_policy(shop: Shop, objects: LocalObjectStore) -> None:
    """Where the policy is to hold, a lost purchase is waited for, however long."""
    shop.purchases = Purchases(shop.database, objects, {Step.IMAGE: HOLD})
    lost = await lose(shop)
    await shop.age(timedelta(days=20))
    assert (await shop.purchases.begin(wanted())).id == lost.id


@pytest.mark.parametrize(
    ("policy", "error", "recheck", "says"),
    [
        (HOLD, CANNOT_TELL, (2.0, 2.5), "jobs give-up scene1-image-1"),
        (HOLD, NOT_YET, (2.0, 2.5), "fal is asked again"),
        (POLICY, CANNOT_TELL, (2.0, 2.5), "bought again 90 s after it was sent"),
        (UnknownPolicy(timedelta(seconds=1)), CANNOT_TELL, (0.1, 1.0), "bought again 1 s after"),
    ],
)
async def test_what_a_run_waits_for(
    shop: Shop,
    objects: LocalObjectStore,
    policy: UnknownPolicy,
    error: ProviderError,
    recheck: tuple[float, float],
    says: str,
) -> None:
    """A run is told in words what its lost purchase waits for, and when to look again."""
    shop.purchases = Purchases(shop.database, objects, {Step.IMAGE: policy})
    waits = shop.purchases.wait_for_answer(await lose(shop), error)
    assert says in waits.reason
    assert "scene1-image-1" in waits.reason
    assert recheck[0] <= waits.recheck_s <= recheck[1]


async def test_accepted_twice(shop: Shop) -> None:
    """That the vendor has it may be heard from its answer and from its webhook, in any order and any number."""
    job = await shop.purchases.begin(wanted())
    await shop.purchases.move(job, S.SENT)
    for _ in range(3):
        await shop.purchases.accept(await shop.row(), "r1")
    assert ((await shop.row()).state, (await shop.row()).request_id) == (S.ACCEPTED, "r1")
    assert len(await shop.log()) == 1
    with pytest.raises(IllegalMoveError):
        await shop.purchases.accept(job, "r2")
    assert (await shop.row()).request_id == "r1"


@pytest.mark.parametrize("state", [S.INTENT, S.SENT, S.UNKNOWN])
async def test_late_word_of_a_lost_purchase(shop: Shop, state: JobState) -> None:
    """Word that the vendor has it is welcome wherever an unanswered purchase stands, also after it was written off."""
    if state is S.UNKNOWN:
        job = await lose(shop)
        async with shop.database.transaction() as tx:
            await tx.jobs.write_off(job.id)
    else:
        job = await shop.purchases.begin(wanted())
        await shop.purchases.move(job, *([S.SENT] if state is S.SENT else []))
    await shop.purchases.accept(job, "r9")
    row = await shop.row()
    assert (row.state, row.request_id, row.error_code) == (S.ACCEPTED, "r9", None)
