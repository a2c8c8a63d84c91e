"""Answers: a shape as JSON with an ETag, the next page as a Link; and what each route declares about its problems."""

import hashlib
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request
from starlette.responses import Response

from api.problems import MEDIA_TYPE
from api.schemas import ProblemShape

JSON = "application/json"
ALWAYS = (401, 403, 429, 500, 503)
"""What any route under /v1 may answer."""
OPEN = (500, 503)
"""What any route may answer that needs no key."""


def problems(*statuses: int, always: tuple[int, ...] = ALWAYS) -> dict[int | str, dict[str, Any]]:
    """What a route may refuse with, for its `responses`."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "model": ProblemShape,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemShape"}}},
        }
        for status in sorted({*always, *statuses})
    }


def json_answer(shape: Mapping[str, Any], *, status: int = HTTPStatus.OK, **headers: str) -> Response:
    """A shape."""
    return Response(_json(shape), status_code=status, media_type=JSON, headers=headers)


def tagged_answer(request: Request, shape: Mapping[str, Any]) -> Response:
    """A shape with its ETag; 304 where the client has it already."""
    return tagged(request, _json(shape), media_type=JSON)


def tagged(request: Request, body: bytes, *, media_type: str, **headers: str) -> Response:
    """A body with its ETag; 304 where the client has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers |= {"ETag": tag, "Cache-Control": "private, no-cache"}
    if _knows(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def page_answer(request: Request, shape: Mapping[str, Any]) -> Response:
    """A page of a list; its `next_cursor` is in a Link too (RFC 8288)."""
    cursor = shape["next_cursor"]
    if cursor is None:
        return json_answer(shape)
    following = request.url.include_query_params(cursor=cursor)
    return json_answer(shape, Link=f'<{following.path}?{following.query}>; rel="next"')


def _knows(given: str, tag: str) -> bool:
    return any(each.strip().removeprefix("W/") in {tag, "*"} for each in given.split(","))


def _json(shape: Mapping[str, Any]) -> bytes:
    return json.dumps(shape, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
