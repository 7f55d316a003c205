"""What stands before every route: the rate, the key with its scope, and the size of the body, in this order."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Message, Receive

from api.problems import ApiError
from api.services import Services, services_of
from models.enums import ApiScope
from runtime.catalog.apikeys import has_api_keys, verify_token
from runtime.catalog.idempotency import LOCAL

SCHEME = "apiKey"  # the name of the security scheme in the OpenAPI document
JSON_LIMIT = 1024 * 1024
MEBIBYTE = 1024 * 1024
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@dataclass(frozen=True)
class Caller:
    """Who asks: an API key's id and name, or LOCAL for both where no key is needed."""

    owner: str
    name: str = LOCAL


def needs(scope: ApiScope) -> dict[str, Any]:
    """A route's `openapi_extra`: the scope that its callers' keys must have."""
    return {"security": [{SCHEME: [scope.value]}]}


READ, WRITE, GENERATE = needs(ApiScope.READ), needs(ApiScope.WRITE), needs(ApiScope.GENERATE)
OPEN: dict[str, Any] = {"security": []}  # whoever asks


class GuardedRoute(APIRoute):
    """A route that looks at nothing of a request before its caller is known."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The guards, then the route."""
        handle = super().get_route_handler()
        scope = _scope(self.openapi_extra or {})

        async def guarded(request: Request) -> Response:
            services = services_of(request)
            request.state.caller = await _admit(request, services, scope)
            return await handle(Request(request.scope, _limited(request, self.body_limit(services))))

        return guarded

    def body_limit(self, services: Services) -> int:
        """The most bytes that a body may have."""
        return JSON_LIMIT


class UploadRoute(GuardedRoute):
    """A route that takes a file."""

    def body_limit(self, services: Services) -> int:
        """As the settings say, and room for the other fields of the form."""
        return services.settings.api_max_upload_mb * MEBIBYTE + JSON_LIMIT


def caller_of(request: Request) -> Caller:
    """Who asks, once the guards have let the request through."""
    caller: Caller = request.state.caller
    return caller


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _scope(extra: dict[str, Any]) -> ApiScope | None:
    security: list[dict[str, list[str]]] = extra["security"]  # KeyError: a route has to say who may use it
    return ApiScope(security[0][SCHEME][0]) if security else None


async def _admit(request: Request, services: Services, scope: ApiScope | None) -> Caller:
    peer = request.client.host if request.client else "unknown"
    token = _token(request)
    if scope is None or token is None:
        await services.spend(f"peer {peer}")
        if scope is not None:
            await _admit_without_key(request, services, peer)
        return Caller(LOCAL)
    await services.check_left(f"refused {peer}")
    key = await verify_token(services.database, token)
    if key is None:
        await services.spend(f"refused {peer}")
        raise _unauthorized("this API key is not known or was revoked", challenge='Bearer error="invalid_token"')
    await services.spend(f"key {key.id}")
    if scope not in key.scopes:
        raise ApiError(403, "forbidden", f"this API key does not have the scope {scope}")
    return Caller(key.id, key.name)


async def _admit_without_key(request: Request, services: Services, peer: str) -> None:
    """While there is no key at all, this machine alone is served; not what a web page or a proxy hands on to it."""
    if await has_api_keys(services.database):
        raise _unauthorized("an API key is needed")
    handed_on = any(name in request.headers for name in _FORWARDED)
    if handed_on or not is_loopback(peer) or not is_loopback(request.url.hostname or ""):
        raise ApiError(403, "forbidden", "without API keys only this machine is served; make one first")
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.url.netloc}"
    if origin is not None and origin != own and origin not in services.settings.api_cors_origins:
        raise ApiError(403, "forbidden", "without API keys other web sites' pages are not served")


def _token(request: Request) -> str | None:
    """Raises ApiError (401) for another kind of authorization."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise _unauthorized("the API key goes into the header `Authorization: Bearer KEY`")
    return token.strip()


def _unauthorized(detail: str, challenge: str = "Bearer") -> ApiError:
    return ApiError(401, "unauthorized", detail, WWW_Authenticate=challenge)


def _limited(request: Request, limit: int) -> Receive:
    """The request's body, refused as soon as it is or says that it will be too large."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared[:19]) > limit:
        raise _too_large(limit)
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _too_large(limit)
        return message

    return receive


def _too_large(limit: int) -> HTTPException:
    """An HTTPException, which alone FastAPI passes on while it reads a body."""
    return HTTPException(413, f"a body here may have {limit:,} bytes", headers={"Connection": "close"})
