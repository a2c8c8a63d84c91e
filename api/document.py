"""The OpenAPI document: what FastAPI knows of the routes, and what holds for all of them."""

import re
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from api.access import OPEN_PATHS
from api.bodies import NewBatchBody, NewJobBody
from api.job_form import DOCUMENTS
from api.problems import MEDIA_TYPE
from api.uploads import FIELD

METHODS = ("get", "post", "put", "patch", "delete")
BODY_STATUSES = (
    HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)  # fmt: skip
"""What any body may be refused with."""
TITLE = "mediascribe"
DESCRIPTION = (
    "Turns pictures and sound into text, in bulk. Every error is one problem document (RFC 9457) with a stable `code`. "
    "Lists have cursors and a `Link` to the next page. `Idempotency-Key` makes a POST that creates work safe to repeat."
)
_KEY = {"type": "http", "scheme": "bearer", "description": "A key such as `ms_…`; `mediascribe keys create` makes one."}


def describe(app: FastAPI, version: str) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=TITLE,
            version=version,
            description=DESCRIPTION,
            openapi_version="3.1.0",
            routes=app.routes,
            webhooks=app.webhooks.routes,
        )
        _, bodies = models_json_schema(
            [(NewBatchBody, "validation"), (NewJobBody, "validation")], ref_template="#/components/schemas/{model}"
        )
        components = document["components"]
        components["schemas"] = {**bodies["$defs"], **components["schemas"]}
        _describe_items(components["schemas"])
        components["schemas"]["NewJobForm"] = _form_of(components["schemas"]["NewJobBody"])
        components["securitySchemes"] = {"key": _KEY}
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                _describe(operation, is_open=path in OPEN_PATHS, has_body=method in {"post", "patch"})
        app.openapi_schema = document
    return app.openapi_schema


def _describe_items(schemas: dict[str, Any]) -> None:
    """Items are checked one by one, and are what a single job is."""
    schemas["NewBatchBody"]["properties"]["items"]["items"] = {"$ref": "#/components/schemas/NewJobBody"}


def _form_of(job: dict[str, Any]) -> dict[str, Any]:
    """The same job as a form: its file in place of its source, JSON documents as text."""
    documents = {name: {"type": "string", "description": "A JSON object."} for name in DOCUMENTS}
    fields = {name: each for name, each in job["properties"].items() if name != "source"} | documents
    file = {"type": "string", "format": "binary", "description": "The picture or recording itself."}
    return {
        "type": "object",
        "description": "One job to be done, with its file.",
        "properties": {**fields, FIELD: file},
        "required": ["kind", FIELD],
        "additionalProperties": False,
    }


def _describe(operation: dict[str, Any], *, is_open: bool, has_body: bool) -> None:
    for status in BODY_STATUSES if has_body else ():
        operation["responses"].setdefault(str(int(status)), {"description": status.phrase})
    operation["responses"] = dict(sorted(operation["responses"].items()))
    operation["security"] = [] if is_open else [{"key": []}]
    for status, response in operation["responses"].items():
        response.setdefault("headers", {})["X-Request-Id"] = {
            "required": True, "schema": {"type": "string"}, "description": "Of the request; name it when you report a fault.",
        }  # fmt: skip
        if int(status) >= 400:  # noqa: PLR2004 - where errors begin
            response.get("content", {}).pop("application/json", None)
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemShape"}}}


def methods_at(document: dict[str, Any], path: str) -> list[str]:
    """What may be asked at this path."""
    return sorted(
        {
            method.upper()
            for template, operations in document["paths"].items()
            if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), path)
            for method in operations
        }
        | ({"GET"} if path == "/openapi.json" else set())
    )


def parameters_of(document: dict[str, Any]) -> dict[tuple[str, str], frozenset[str]]:
    """Method and path -> the names of the query parameters that there are."""
    return {
        (method.upper(), path): frozenset(
            each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"
        )
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    }
