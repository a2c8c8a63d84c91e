"""`/metrics`, for Prometheus: this process as it counted itself, and everything else as SQL has it."""

from functools import partial

from fastapi import APIRouter, Depends, Request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.responses import Response

from api import parameters as given
from api.access import Monitor
from api.answers import problems
from api.figures import Figures, read_facts
from api.parts import Parts

router = APIRouter(tags=["health"], dependencies=[Depends(given.refuse_unknown)])

PLAIN, OPENMETRICS = "text/plain", "application/openmetrics-text"


def registry_of(parts: Parts) -> CollectorRegistry:
    """Where the metrics of one process are gathered."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(partial(read_facts, parts)))
    return registry


@router.get(
    "/metrics",
    operation_id="get_metrics",
    response_class=Response,
    responses={
        **problems(422),
        200: {
            "description": "One sample a line",
            "content": {form: {"schema": {"type": "string"}} for form in (PLAIN, OPENMETRICS)},
        },
    },
)
def get_metrics(request: Request, caller: Monitor) -> Response:  # noqa: ARG001 - asks for the scope
    """How everything stands, of all owners together, in the text form of Prometheus, or of OpenMetrics where `Accept` asks for it."""
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(request.app.state.registry), headers={"Content-Type": media_type})
