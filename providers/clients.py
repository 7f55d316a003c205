"""The HTTP client that all vendor adapters share."""

import httpx


def vendor_client(*, connect_timeout_s: float = 10.0) -> httpx.AsyncClient:
    """Make the shared client; the caller closes it.

    Connecting, and waiting for a free connection, are bounded to `connect_timeout_s` seconds whatever an SDK asks for:
    well before any call's own time is up, so that a vendor that cannot be reached is never taken for a lost answer.
    Idle connections are kept for 2 seconds only: a paid request on a connection that the vendor is just closing (some
    servers do after 5 s) would be an answer lost.
    """

    async def bound_connecting(request: httpx.Request) -> None:
        asked = request.extensions.get("timeout", {})
        bounds = {name: min(asked.get(name) or connect_timeout_s, connect_timeout_s) for name in ("connect", "pool")}
        request.extensions = {**request.extensions, "timeout": {**asked, **bounds}}

    return httpx.AsyncClient(
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0),
        event_hooks={"request": [bound_connecting]},
    )
