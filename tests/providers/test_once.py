"""Every paid call is one request, whatever comes back: nothing but Temporal ever sends again."""

from collections.abc import Awaitable, Callable

import pytest

from providers.errors import Delivery, ProviderError
from studio.faults import ANSWER_FAULTS
from tests.providers.adapters import ADAPTERS
from tests.providers.conftest import SPEECH, Bench

Buy = Callable[[Bench, float], Awaitable[object]]

# the vendor and how to buy there, with the adapter's timeout in seconds
PAID: dict[str, tuple[str, Buy]] = {
    "speech": ("elevenlabs", lambda bench, timeout_s: bench.speech(timeout_s=timeout_s).synthesize(SPEECH)),
    **{
        str(adapter): (
            adapter.provider.value,
            lambda bench, timeout_s, adapter=adapter: bench.submit(adapter, "scene-1-step-1", timeout_s=timeout_s),
        )
        for adapter in ADAPTERS
    },
}
VARIANTS: dict[str, list[dict[str, object]]] = {
    "server_error": [{"status": 500}, {"status": 502}, {"status": 503}, {"status": 504}],
    "gateway_html": [{"status": 502}, {"status": 503}, {"status": 504}],
    "rate_limited": [{}, {"retry_after": 0}],
    "hang": [{}, {"accepted": True}],
    "slow": [{"seconds": 3.0}],
}
FAULTS = [(fault, parameters) for fault in sorted(ANSWER_FAULTS) for parameters in VARIANTS.get(fault, [{}])]


@pytest.mark.parametrize("operation", PAID)
async def test_one_request_whatever_comes_back(operation: str, bench: Bench) -> None:
    """Each fault would fall on every further request, and there is none."""
    provider, buy = PAID[operation]
    sent: dict[str, int] = {}
    for fault, parameters in FAULTS:
        bench.studio.reset()
        bench.studio.fault(provider, fault, parameters=parameters, times=-1)
        with pytest.raises(ProviderError) as caught:
            await buy(bench, 0.3 if fault in ("hang", "slow") else 10.0)
        assert caught.value.delivery in (Delivery.NOTHING_BOUGHT, Delivery.ANSWER_LOST)
        requests = bench.studio.requests(provider)
        sent[f"{fault} {parameters}"] = sum(request["method"] == "POST" for request in requests)
    assert {case: count for case, count in sent.items() if count != 1} == {}
