"""/files: what jobs made, and fixtures: LoRA files good and bad, pictures good and bad."""

from collections.abc import Awaitable, Callable, Iterator

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from studio import fixtures
from studio.connection import CutShort
from studio.context import LEAST_PICTURE_SIDE, Context
from studio.faults import DOWNLOAD_FAULTS, OUTPUT_FAULTS, Fault, answer_with
from studio.fetch import USER_AGENT
from studio.makers import make_portrait
from studio.ranges import ranged, read_bytes, read_file
from studio.state import JsonObject

OCTETS = "application/octet-stream"
HEADSHOT_SIZE = (1024, 576)
HUGE_BYTES = 60 * 1024 * 1024
PAGE = "<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in to go on</h1></body></html>\n"
EXPIRED = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code></Error>'
NO_PICTURE = "<!doctype html><html><body>This is not a picture.</body></html>\n" * 40

Handler = Callable[[Request], Awaitable[Response]]


class Files:
    """The files endpoint."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> list[BaseRoute]:
        """All paths under /files."""
        both = ["GET", "HEAD"]
        return [
            Route("/files/out/{name}", self._faulty(self.output), methods=both),
            Route("/files/loras/{name}", self._faulty(self.lora), methods=both),
            Route("/files/pictures/{name}", self._faulty(self.picture), methods=both),
        ]

    def _faulty(self, handler: Handler) -> Handler:
        """A handler on which a fault of operation `download` can fall, but not when the studio itself is reading."""

        async def endpoint(request: Request) -> Response:
            if request.headers.get("user-agent", "").startswith(USER_AGENT):
                return await handler(request)
            output = self._context.store.outputs.get(request.path_params["name"])
            job = self._context.store.jobs.get(output.job_id) if output is not None else None
            provider, model = (job.provider, job.model) if job is not None else ("files", request.path_params["name"])
            fault = self._context.faults.take(provider, "download", model, DOWNLOAD_FAULTS)
            if fault is None:
                return await handler(request)
            if fault.fault in OUTPUT_FAULTS:
                return await self._spoiled(request, handler, fault.fault, fault.parameters)
            return await answer_with(fault, request, handler, self._refuse)

        return endpoint

    @staticmethod
    def _refuse(fault: Fault) -> Response:
        if fault.fault == "rate_limited":
            wait = fault.parameters.get("retry_after")
            return Response("Too Many Requests", 429, headers={"Retry-After": str(wait)} if wait is not None else None)
        return Response("Internal Server Error", int(fault.parameters.get("status", 500)))

    async def output(self, request: Request) -> Response:
        """A file that a job made, or what the job's own fault makes of it."""
        output = self._context.store.outputs.get(request.path_params["name"])
        if output is None:
            return Response("Not Found", 404)
        job = self._context.store.jobs.get(output.job_id)
        for name in sorted(OUTPUT_FAULTS):
            if job is not None and name in job.faults:
                return await self._spoiled(request, self._whole, name, job.faults[name])
        return await self._whole(request)

    async def _whole(self, request: Request) -> Response:
        output = self._context.store.outputs[request.path_params["name"]]
        path = self._context.store.blob_path(output.sha256)
        return ranged(request, read_file(path), output.size, output.media_type, output.sha256[:32])

    @staticmethod
    async def _spoiled(request: Request, handler: Handler, name: str, parameters: JsonObject) -> Response:
        """Expired (403 unless `status` says else), a page, or the first half.

        With `"cut": true` a truncated file promises its whole length and the connection closes midway.
        """
        if name == "output_expired":
            return Response(EXPIRED, int(parameters.get("status", 403)), media_type="application/xml")
        if name == "output_html":
            return HTMLResponse(PAGE)
        whole = await handler(request)
        size = int(whole.headers.get("content-length", "0"))
        if request.method == "HEAD" or not isinstance(whole, StreamingResponse):
            return whole
        data = b"".join([bytes(piece) async for piece in whole.body_iterator if not isinstance(piece, str)])
        if parameters.get("cut"):
            return CutShort(data, media_type=whole.media_type)
        half = data[: size // 2]
        return ranged(request, read_bytes(half), len(half), whole.media_type or OCTETS, "half")

    async def lora(self, request: Request) -> Response:
        """A LoRA fixture, with or without the .safetensors ending."""
        name = str(request.path_params["name"]).removesuffix(".safetensors")
        match name:
            case "page":
                return HTMLResponse(PAGE)
            case "expired":
                return Response(EXPIRED, 403, media_type="application/xml")
            case "redirect":
                return self._redirect(request)
            case "head-405" if request.method == "HEAD":
                return Response(status_code=405, headers={"Allow": "GET"})
            case "no-length":
                return self._without_length(request, self._deven())
            case "truncated":
                return self._lora(request, self._deven(), missing=1_000_000)
            case _:
                lora = self._named_lora(name)
                return Response("Not Found", 404) if lora is None else self._lora(request, lora)

    def _deven(self) -> fixtures.LoraFile:
        return fixtures.flux_lora("deven", self.lora_version("deven"))

    def lora_version(self, name: str) -> int:
        """The content version that an address serves now."""
        return int(self._context.store.settings.get(f"lora.{name}", 1))

    def _named_lora(self, name: str) -> fixtures.LoraFile | None:
        match name:
            case "deven" | "head-405":
                return self._deven()
            case "mira":
                return fixtures.flux_lora("mira", self.lora_version("mira"))
            case "kohya":
                return fixtures.kohya_lora()
            case "sdxl":
                return fixtures.sdxl_lora()
            case "tiny":
                return fixtures.tiny_lora()
            case _:
                return None

    @staticmethod
    def _lora(request: Request, lora: fixtures.LoraFile, missing: int = 0) -> Response:
        return ranged(request, lora.read, lora.size - missing, OCTETS, lora.seed)

    @staticmethod
    def _without_length(request: Request, lora: fixtures.LoraFile) -> Response:
        body: Iterator[bytes] = iter(()) if request.method == "HEAD" else lora.read(0, lora.size)
        return StreamingResponse(body, media_type=OCTETS)

    @staticmethod
    def _redirect(request: Request) -> Response:
        """`n` redirects, then the LoRA, or the address given as `to`."""
        left = int(request.query_params.get("n", "1"))
        goal = request.query_params.get("to", "/files/loras/deven.safetensors")
        url = goal if left <= 1 else str(request.url.include_query_params(n=left - 1))
        return RedirectResponse(url, 302)

    async def picture(self, request: Request) -> Response:
        """A picture fixture."""
        name = request.path_params["name"]
        match name:
            case "headshot.png" | "headshot.jpg":
                return await self._drawn(request, name, *HEADSHOT_SIZE)
            case "portrait.png" | "portrait.jpg":
                return await self._drawn(request, name, HEADSHOT_SIZE[1], HEADSHOT_SIZE[0])
            case "not-an-image.png":
                return Response(NO_PICTURE, media_type="text/html")
            case "truncated.png":
                whole = await self._draw("headshot.png", *HEADSHOT_SIZE)
                return Response(whole[: len(whole) // 2], media_type="image/png")
            case "huge.png":
                return self._huge(request)
            case "expired.png":
                return Response(EXPIRED, 403, media_type="application/xml")
            case _:
                return Response("Not Found", 404)

    async def _drawn(self, request: Request, name: str, width: int, height: int) -> Response:
        data = await self._draw(name, width, height)
        kind = "image/png" if name.endswith(".png") else "image/jpeg"
        return ranged(request, read_bytes(data), len(data), kind, f"{name}-{len(data)}")

    async def _draw(self, name: str, width: int, height: int) -> bytes:
        width, height = self._context.shrunk(width, height, least=LEAST_PICTURE_SIDE)
        kept = f"picture-{width}x{height}-{name}"
        if kept in self._context.store.outputs:
            return self._context.store.read_output(kept)
        data = await self._context.renderer.run(
            make_portrait,
            "headshot, plain studio background",
            face="deven-headshot",
            seed=1,
            width=width,
            height=height,
            output_format="png" if name.endswith(".png") else "jpeg",
        )
        self._context.store.put_output(kept, data, "image/png" if name.endswith(".png") else "image/jpeg", "")
        return data

    @staticmethod
    def _huge(request: Request) -> Response:
        """60 MB that begin like a PNG."""
        zeros = bytes(1024 * 1024)

        def read(start: int, end: int) -> Iterator[bytes]:
            head = b"\x89PNG\r\n\x1a\n"
            yield head[start:end]
            at = max(start, len(head))
            while at < end:
                yield zeros[: end - at]
                at += len(zeros[: end - at])

        return ranged(request, read, HUGE_BYTES, "image/png", "huge")
