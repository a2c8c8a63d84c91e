"""`/v1/webhook-endpoints` and `/v1/webhook-deliveries`: who is told of events, and what became of the telling."""

from http import HTTPStatus

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api import parameters as given
from api.access import Caller, Reader, Writer
from api.answers import json_answer, page_answer, problems
from api.bodies import EndpointChangesBody, NewEndpointBody
from api.cursors import read_cursor, write_cursor
from api.parts import Parts, Wired
from api.problems import ProblemCode, ProblemError
from api.webhook_schemas import DeliveryPage, DeliveryShape, EndpointShape, EndpointsShape, EndpointWithSecret
from models.store.webhooks import endpoints, log
from models.store.webhooks.endpoints import MOST_ENDPOINTS, EndpointView, TooManyEndpointsError
from models.store.webhooks.log import DeliveryFilter, DeliveryView
from worker.shapes import delivery_shape, endpoint_shape
from worker.webhooks.addresses import check_webhook_url

router = APIRouter(tags=["webhooks"], dependencies=[Depends(given.refuse_unknown)])


@router.post(
    "/v1/webhook-endpoints",
    operation_id="create_webhook_endpoint",
    status_code=HTTPStatus.CREATED,
    response_model=EndpointWithSecret,
    responses=problems(400, 409, 422),
)
def create_webhook_endpoint(parts: Wired, caller: Writer, body: NewEndpointBody) -> Response:
    """Have events sent to a URL. The secret that signs them is in this answer and in no other."""
    url = check_webhook_url(body.url, parts.settings, caller.owner)
    try:
        secret, view = endpoints.create_endpoint(
            parts.database, owner=caller.owner, url=url, event_types=body.event_types
        )
    except TooManyEndpointsError as error:
        words = f"there are {MOST_ENDPOINTS} webhook endpoints, which is as many as there may be; delete one"
        raise ProblemError(ProblemCode.CONFLICT, words) from error
    shape = {**endpoint_shape(view), "secret": secret}
    return json_answer(shape, status=HTTPStatus.CREATED, Location=f"/v1/webhook-endpoints/{view.id}")


@router.get(
    "/v1/webhook-endpoints",
    operation_id="list_webhook_endpoints",
    response_model=EndpointsShape,
    responses=problems(422),
)
def list_webhook_endpoints(parts: Wired, caller: Reader) -> Response:
    """All webhook endpoints, oldest first."""
    views = endpoints.list_endpoints(parts.database, owner=caller.owner)
    return json_answer({"webhook_endpoints": [endpoint_shape(view) for view in views]})


@router.get(
    "/v1/webhook-endpoints/{endpoint_id}",
    operation_id="get_webhook_endpoint",
    response_model=EndpointShape,
    responses=problems(404, 422),
)
def get_webhook_endpoint(parts: Wired, caller: Reader, endpoint_id: str) -> Response:
    """One webhook endpoint."""
    return json_answer(endpoint_shape(endpoint_of(parts, caller, endpoint_id)))


def endpoint_of(parts: Parts, caller: Caller, endpoint_id: str) -> EndpointView:
    """The caller's endpoint. Raises ProblemError(not_found)."""
    view = endpoints.find_endpoint(parts.database, given.check_id(endpoint_id, "whe"), owner=caller.owner)
    if view is None:
        raise given.not_found("webhook endpoint", endpoint_id)
    return view


@router.patch(
    "/v1/webhook-endpoints/{endpoint_id}",
    operation_id="update_webhook_endpoint",
    response_model=EndpointShape,
    responses=problems(400, 404, 422),
)
def update_webhook_endpoint(parts: Wired, caller: Writer, endpoint_id: str, body: EndpointChangesBody) -> Response:
    """Change a webhook endpoint; enable one that was disabled."""
    view = endpoint_of(parts, caller, endpoint_id)
    url = None if body.url is None else check_webhook_url(body.url, parts.settings, caller.owner)
    endpoints.update_endpoint(parts.database, view.id, url=url, event_types=body.event_types, is_enabled=body.enabled)
    return json_answer(endpoint_shape(endpoint_of(parts, caller, endpoint_id)))


@router.delete(
    "/v1/webhook-endpoints/{endpoint_id}",
    operation_id="delete_webhook_endpoint",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=problems(404, 422),
)
def delete_webhook_endpoint(parts: Wired, caller: Writer, endpoint_id: str) -> Response:
    """Forget a webhook endpoint and its deliveries; nothing more is sent to it."""
    view = endpoint_of(parts, caller, endpoint_id)
    endpoints.delete_endpoint(parts.database, view.id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post(
    "/v1/webhook-endpoints/{endpoint_id}/rotate-secret",
    operation_id="rotate_webhook_secret",
    response_model=EndpointWithSecret,
    responses=problems(404, 422),
)
def rotate_webhook_secret(parts: Wired, caller: Writer, endpoint_id: str) -> Response:
    """Make a new secret. For a day messages are signed with the former one too."""
    view = endpoint_of(parts, caller, endpoint_id)
    secret = endpoints.rotate_secret(parts.database, view.id)
    return json_answer({**endpoint_shape(endpoint_of(parts, caller, endpoint_id)), "secret": secret})


@router.post(
    "/v1/webhook-endpoints/{endpoint_id}/test",
    operation_id="test_webhook_endpoint",
    status_code=HTTPStatus.ACCEPTED,
    response_model=DeliveryShape,
    responses=problems(404, 422),
)
def test_webhook_endpoint(parts: Wired, caller: Writer, endpoint_id: str) -> Response:
    """Send a `webhook.test` event once, whatever state the endpoint is in; the delivery says what became of it."""
    view = endpoint_of(parts, caller, endpoint_id)
    delivery_id = endpoints.put_test(parts.database, view.id, owner=view.owner)
    return _accepted(delivery_of(parts, caller, delivery_id))


@router.get(
    "/v1/webhook-deliveries",
    operation_id="list_webhook_deliveries",
    response_model=DeliveryPage,
    responses=problems(400, 422),
)
def list_webhook_deliveries(
    request: Request, parts: Wired, caller: Reader, endpoint: given.Endpoint = None, state: given.OfState = None,
    limit: given.Limit = 50, cursor: given.Cursor = None,
) -> Response:  # fmt: skip
    """List webhook deliveries, newest first."""
    asked = {"endpoint": endpoint, "state": state}
    before = read_cursor(cursor, asked, prefix="whd")
    wanted = DeliveryFilter(owner=caller.owner, endpoint_id=endpoint, state=state)
    views = log.list_deliveries(parts.database, wanted, limit=limit + 1, before=before)
    following = write_cursor(views[limit - 1].id, asked) if len(views) > limit else None
    shapes = [delivery_shape(view) for view in views[:limit]]
    return page_answer(request, {"webhook_deliveries": shapes, "next_cursor": following})


@router.get(
    "/v1/webhook-deliveries/{delivery_id}",
    operation_id="get_webhook_delivery",
    response_model=DeliveryShape,
    responses=problems(404, 422),
)
def get_webhook_delivery(parts: Wired, caller: Reader, delivery_id: str) -> Response:
    """One webhook delivery: the event, its tries, the last answer."""
    return json_answer(delivery_shape(delivery_of(parts, caller, delivery_id)))


def delivery_of(parts: Parts, caller: Caller, delivery_id: str) -> DeliveryView:
    """The caller's delivery. Raises ProblemError(not_found)."""
    view = log.find_delivery(parts.database, given.check_id(delivery_id, "whd"), owner=caller.owner)
    if view is None:
        raise given.not_found("webhook delivery", delivery_id)
    return view


@router.post(
    "/v1/webhook-deliveries/{delivery_id}/redeliver",
    operation_id="redeliver_webhook",
    status_code=HTTPStatus.ACCEPTED,
    response_model=DeliveryShape,
    responses=problems(404, 422),
)
def redeliver_webhook(parts: Wired, caller: Writer, delivery_id: str) -> Response:
    """Send a delivery now, under the same `webhook-id`: its next try at once, or once more if it has ended."""
    view = delivery_of(parts, caller, delivery_id)
    log.redeliver(parts.database, view.id)
    return _accepted(delivery_of(parts, caller, delivery_id))


def _accepted(view: DeliveryView) -> Response:
    location = f"/v1/webhook-deliveries/{view.id}"
    return json_answer(delivery_shape(view), status=HTTPStatus.ACCEPTED, Location=location)
