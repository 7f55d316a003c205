"""Reading requests to sync.so: JSON and multipart bodies, idempotency keys; and the vendor's error form."""

import json
import re
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from studio.state import JsonObject, Store, canonical
from studio.vendors.strict import parse
from studio.vendors.sync_models import GenerateInput

KEY = re.compile(r"[A-Za-z0-9._~-]{1,128}")
MAX_UPLOAD_BYTES = 20 * 1024 * 1024
REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Payload Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


def error(status: int, message: str | list[str], code: str | None = None, **more: Any) -> Response:
    """A refusal in sync.so's form."""
    headers = more.pop("headers", None)
    body: JsonObject = {"message": message, "error": REASONS.get(status, "Error"), "statusCode": status, **more}
    return JSONResponse(body | ({"errorCode": code} if code is not None else {}), status, headers=headers)


async def _body(request: Request, store: Store) -> bytes | Response:
    if "multipart" not in request.headers.get("content-type", ""):
        return await request.body()
    return await _multipart(request, store)


async def _multipart(request: Request, store: Store) -> bytes | Response:
    """The JSON form of a multipart request; its files are kept and named by their content."""
    form = await request.form()
    body: JsonObject = {"model": form.get("model"), "input": json.loads(str(form.get("input") or "[]"))}
    for field in ("options", "segments"):
        if form.get(field):
            body[field] = json.loads(str(form[field]))
    for field in ("webhookUrl", "outputFileName"):
        if form.get(field):
            body[field] = str(form[field])
    for field in ("video", "audio"):
        file = form.get(field)
        if not isinstance(file, UploadFile):
            continue
        data = await file.read()
        if len(data) > MAX_UPLOAD_BYTES:
            return error(413, "File too large")
        body["input"].append({"type": field, "url": f"blob:{store.put_blob(data)}"})
    return canonical(body).encode()


async def parse_request(request: Request, store: Store) -> GenerateInput | Response:
    """The checked body of a JSON or multipart request, or the refusal."""
    try:
        body = await _body(request, store)
    except ValueError:
        return error(400, ["input must be valid JSON"], "generation_input_validation_failed")
    if isinstance(body, Response):
        return body
    parsed = parse(GenerateInput, body)
    if isinstance(parsed, GenerateInput):
        return parsed
    messages = [f"{'.'.join(str(part) for part in item['loc'][1:])} {item['msg']}".strip() for item in parsed]
    return error(400, messages, "generation_input_validation_failed")


def idempotency_key(request: Request) -> str | Response | None:
    """The one good Idempotency-Key, None without one, or the refusal of a bad one."""
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    if len(keys) > 1 or KEY.fullmatch(keys[0]) is None:
        return error(400, "The Idempotency-Key header is not valid", "INVALID_IDEMPOTENCY_KEY")
    return keys[0]
