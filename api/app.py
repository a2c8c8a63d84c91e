"""The application, built from the parts that it is given. Importing it does nothing."""

from dataclasses import replace
from importlib.metadata import version

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from api import batches, bulk_actions, health, jobs, metrics, new_job, reports, submitting, webhook_events, webhooks
from api.access import Access
from api.counting import keep_seconds
from api.document import TITLE, describe, methods_at, parameters_of
from api.errors import problem_of
from api.events import Places
from api.middleware import Bodies, Frame
from api.parts import Parts
from api.problems import ProblemCode, problem_response
from api.remembered import Remembered
from api.together import submitting_together
from api.traffic import Traffic
from api.uploads import Room
from api.waiting import Watcher
from models.store.queries import final_among


def create_app(parts: Parts) -> FastAPI:
    """The API."""
    app = routed_app()
    app.state.parts = parts
    app.state.places = Places()
    app.state.room = Room(parts.settings.api_uploads)
    app.state.totals = Remembered(keep_seconds)
    app.state.registry = metrics.registry_of(parts)
    app.state.together = submitting_together(parts)
    app.state.watcher = Watcher(lambda ids: final_among(parts.database, ids), is_leaving=parts.leaving.is_set)
    app.state.ready_until = float("-inf")
    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _answer)
    app.add_middleware(Bodies, max_bytes=parts.settings.api_max_body_bytes)
    app.add_middleware(Access, parts=parts)
    app.add_middleware(Frame, traffic=Traffic(app.state.registry))
    return app


def routed_app() -> FastAPI:
    """The routes and their document, without anything to serve them with."""
    app = FastAPI(
        title=TITLE, version=version("mediascribe"), openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False,
        webhooks=webhook_events.router,
    )  # fmt: skip
    for routes in (health, new_job, jobs, submitting, batches, bulk_actions, webhooks, reports, metrics):
        app.include_router(routes.router)
    app.add_route("/openapi.json", _document, include_in_schema=False)
    document = describe(app, app.version)
    app.openapi = lambda: document  # type: ignore[method-assign]  # FastAPI's own way to change it
    app.state.parameters = parameters_of(document)
    return app


def _document(request: Request) -> Response:
    return JSONResponse(request.app.openapi())


def _answer(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem.code is ProblemCode.METHOD_NOT_ALLOWED:
        allowed = methods_at(request.app.openapi(), request.url.path)
        problem = replace(problem, headers={"Allow": ", ".join(allowed)})
    return problem_response(problem, request.state.request_id)
