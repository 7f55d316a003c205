"""Versions as HTTP's own preconditions: `ETag` on what is read, `If-Match` on what is edited."""

import re
from typing import Annotated

from fastapi import Header, Response

from api.problems import ApiError

_TAG = re.compile(r'^"(\d{1,9})"$')
NO_SUCH_VERSION = -1  # a tag that was never given: no version fits, so that the answer is 412

IfMatch = Annotated[
    str | None,
    Header(
        max_length=200,
        description="The `ETag` that was read, or `*` for any; without it the answer is 428.",
        examples=['"1"'],
    ),
]


def expected(if_match: str | None) -> int | None:
    """The version that an edit is meant for; None for any. Raises ApiError (428) when it was not said."""
    if if_match is None:
        raise ApiError(428, "precondition_required", "send the `ETag` that you read as `If-Match`, or `*`")
    return expected_if_given(if_match)


def expected_if_given(if_match: str | None) -> int | None:
    """As `expected`, where the precondition may be left out."""
    if if_match is None or if_match.strip() == "*":
        return None
    tag = _TAG.match(if_match.strip())
    return int(tag[1]) if tag else NO_SUCH_VERSION


def tag(response: Response, version: int) -> None:
    """Say which version the answer shows."""
    response.headers["ETag"] = f'"{version}"'
