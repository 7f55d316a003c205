"""An HTTP client for URLs that users and vendors give: it reaches the public internet and nothing else."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx

from models.enums import FailureCode
from providers.errors import ProviderError

MAX_REDIRECTS = 5

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Global unicast; everything else (mapped, NAT64, unique local, link local, multicast) has no business here.
_PUBLIC_IPV6 = IPv6Network("2000::/3")


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the public internet's.

    IPv6 addresses that carry an IPv4 address inside (mapped, NAT64, 6to4, Teredo) are refused as a whole.
    """
    ip = ip_address(address)
    if isinstance(ip, IPv4Address):
        return ip.is_global and not ip.is_multicast and not ip.is_reserved
    return ip in _PUBLIC_IPV6 and ip.is_global and not _embeds_ipv4(ip)


def _embeds_ipv4(ip: IPv6Address) -> bool:
    return ip.ipv4_mapped is not None or ip.sixtofour is not None or ip.teredo is not None


class GuardedTransport(httpx.AsyncBaseTransport):
    """Resolves the host, refuses unless every address is public, and connects to exactly the address it checked.

    `allowed_origins` ("http://127.0.0.1:8123") are exempt from the address check. Raises `ProviderError` with
    `invalid_request` for what it refuses.
    """

    def __init__(self, allowed_origins: frozenset[str] = frozenset()) -> None:
        self._allowed_origins = allowed_origins
        # No connection outlives its request: a pooled one is known by its address alone, whatever name was checked.
        self._inner = httpx.AsyncHTTPTransport(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        _check_form(url)
        if _origin(url) in self._allowed_origins:
            return await self._inner.handle_async_request(request)
        addresses = await self._resolve(url)
        for address in addresses[:-1]:
            try:
                return await self._send(request, address)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._send(request, addresses[-1])

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _resolve(self, url: httpx.URL) -> list[str]:
        host = url.raw_host.decode("ascii")
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, url.port or _DEFAULT_PORTS[url.scheme], type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpx.ConnectError(f"the name {host} cannot be resolved: {error.strerror}") from None
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        if not addresses or not all(map(is_public, addresses)):
            raise _refused(f"{host} is not an address of the public internet")
        return addresses

    async def _send(self, request: httpx.Request, address: str) -> httpx.Response:
        """Send to the checked address; the `Host` header and the TLS name stay those of the URL."""
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.raw_host.decode("ascii")},
        )
        return await self._inner.handle_async_request(pinned)


def guarded_client(allowed_origins: frozenset[str] = frozenset(), *, timeout_s: float = 30.0) -> httpx.AsyncClient:
    """Make the client for `fetching`; `timeout_s` bounds connecting and each wait for data, in seconds."""
    return httpx.AsyncClient(
        transport=GuardedTransport(allowed_origins),
        timeout=httpx.Timeout(timeout_s, connect=min(10.0, timeout_s)),
        headers={"User-Agent": "devatar", "Accept-Encoding": "identity"},
        trust_env=False,
    )


@asynccontextmanager
async def fetching(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, str] | None = None
) -> AsyncGenerator[tuple[httpx.Response, list[httpx.Response]]]:
    """GET `url` as a stream, following at most five redirects, each checked; also yields the redirects passed."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise _refused(str(error)) from None
    _check_form(parsed)
    request = client.build_request("GET", parsed, headers=headers)
    passed: list[httpx.Response] = []
    while True:
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            if response.next_request is None:
                yield response, passed
                return
        finally:
            await response.aclose()  # a redirect's body is never read: it may be endless
        if len(passed) == MAX_REDIRECTS:
            raise _refused(f"more than {MAX_REDIRECTS} redirects")
        passed.append(response)
        request = response.next_request


def _check_form(url: httpx.URL) -> None:
    if url.scheme not in _DEFAULT_PORTS:
        raise _refused("only http and https are fetched")
    if url.userinfo:
        raise _refused("a URL with a user name or password is not fetched")
    if not url.host:
        raise _refused("the URL has no host")


def _origin(url: httpx.URL) -> str:
    host = f"[{url.host}]" if ":" in url.host else url.host
    port = url.port or _DEFAULT_PORTS[url.scheme]
    return f"{url.scheme}://{host}" + ("" if port == _DEFAULT_PORTS[url.scheme] else f":{port}")


def _refused(why: str) -> ProviderError:
    return ProviderError(FailureCode.INVALID_REQUEST, f"web: {why}")
