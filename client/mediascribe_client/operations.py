"""Requests about bulk actions and webhooks, as values. See `calls`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mediascribe_client.bodies import JsonBody
from mediascribe_client.calls import KEY, Call, Page, new_key, nothing, page_of, place_of, shape_of
from mediascribe_client.given import BulkFilter, BulkVerb, DeliveryFilters, EventType
from mediascribe_client.retries import Repeat

if TYPE_CHECKING:
    import httpx2

    from mediascribe_client.shapes import (
        BulkAction,
        BulkPreview,
        WebhookDelivery,
        WebhookEndpoint,
        WebhookEndpointWithSecret,
    )

BULK = "/v1/bulk-actions"
ENDPOINTS = "/v1/webhook-endpoints"
DELIVERIES = "/v1/webhook-deliveries"


def create_bulk_action(
    action: BulkVerb, jobs: BulkFilter | Sequence[str], *, reason: str | None, key: str | None
) -> Call[BulkAction]:
    """Cancel or retry all jobs of a filter, or with these ids."""
    document = {"action": action, **_which(jobs)} | ({"reason": reason} if reason else {})
    headers = {KEY: key or new_key()}
    return Call(method="POST", path=BULK, body=JsonBody(document), headers=headers, read=shape_of("BulkAction"))


def preview_bulk_action(action: BulkVerb, jobs: BulkFilter | Sequence[str]) -> Call[BulkPreview]:
    """Only tell how many jobs it would be."""
    body = JsonBody({"action": action, **_which(jobs), "preview": True})
    return Call(method="POST", path=BULK, body=body, read=shape_of("BulkPreview"))


def get_bulk_action(action_id: str) -> Call[BulkAction]:
    """How far one is."""
    return Call(method="GET", path=_path(BULK, action_id), read=shape_of("BulkAction"))


def list_bulk_actions(filters: Mapping[str, Any], *, cursor: str | None = None) -> Call[Page[BulkAction]]:
    """A page of them, newest first."""
    read = page_of("bulk_actions", "BulkAction", filters, list_bulk_actions)
    return Call(method="GET", path=BULK, query=place_of(cursor), read=read)


def abort_bulk_action(action_id: str) -> Call[BulkAction]:
    """Stop it where it is."""
    path = _path(BULK, action_id, "/abort")
    return Call(method="POST", path=path, repeat=Repeat.IF_NOT_DONE, read=shape_of("BulkAction"))


def create_endpoint(url: str, event_types: Sequence[EventType] | None) -> Call[WebhookEndpointWithSecret]:
    """Have events sent to a URL."""
    body = JsonBody({"url": url} | ({} if event_types is None else {"event_types": list(event_types)}))
    read = shape_of("WebhookEndpointWithSecret")
    return Call(method="POST", path=ENDPOINTS, body=body, repeat=Repeat.IF_NOT_DONE, read=read)


def list_endpoints() -> Call[list[WebhookEndpoint]]:
    """All of them, oldest first."""

    def read(answer: httpx2.Response) -> list[WebhookEndpoint]:
        from mediascribe_client.shapes import WebhookEndpoint

        return [WebhookEndpoint.model_validate(each) for each in answer.json()["webhook_endpoints"]]

    return Call(method="GET", path=ENDPOINTS, read=read)


def get_endpoint(endpoint_id: str) -> Call[WebhookEndpoint]:
    """One of them."""
    return Call(method="GET", path=_path(ENDPOINTS, endpoint_id), read=shape_of("WebhookEndpoint"))


def update_endpoint(endpoint_id: str, changes: Mapping[str, Any]) -> Call[WebhookEndpoint]:
    """Change what is not None."""
    body = JsonBody({name: value for name, value in changes.items() if value is not None})
    return Call(method="PATCH", path=_path(ENDPOINTS, endpoint_id), body=body, read=shape_of("WebhookEndpoint"))


def delete_endpoint(endpoint_id: str) -> Call[None]:
    """Forget it and its deliveries."""
    return Call(method="DELETE", path=_path(ENDPOINTS, endpoint_id), repeat=Repeat.IF_NOT_DONE, read=nothing)


def rotate_secret(endpoint_id: str) -> Call[WebhookEndpointWithSecret]:
    """Make a new secret."""
    path = _path(ENDPOINTS, endpoint_id, "/rotate-secret")
    return Call(method="POST", path=path, repeat=Repeat.IF_NOT_DONE, read=shape_of("WebhookEndpointWithSecret"))


def test_endpoint(endpoint_id: str) -> Call[WebhookDelivery]:
    """Send a test event."""
    path = _path(ENDPOINTS, endpoint_id, "/test")
    return Call(method="POST", path=path, repeat=Repeat.IF_NOT_DONE, read=shape_of("WebhookDelivery"))


def list_deliveries(filters: DeliveryFilters, *, cursor: str | None = None) -> Call[Page[WebhookDelivery]]:
    """A page of deliveries, newest first."""
    query = {name: str(value) for name, value in filters.items()} | place_of(cursor)
    read = page_of("webhook_deliveries", "WebhookDelivery", filters, list_deliveries)
    return Call(method="GET", path=DELIVERIES, query=query, read=read)


def get_delivery(delivery_id: str) -> Call[WebhookDelivery]:
    """One delivery."""
    return Call(method="GET", path=_path(DELIVERIES, delivery_id), read=shape_of("WebhookDelivery"))


def redeliver(delivery_id: str) -> Call[WebhookDelivery]:
    """Send it now."""
    path = _path(DELIVERIES, delivery_id, "/redeliver")
    return Call(method="POST", path=path, repeat=Repeat.IF_NOT_DONE, read=shape_of("WebhookDelivery"))


def _which(jobs: BulkFilter | Sequence[str]) -> dict[str, Any]:
    if not isinstance(jobs, Mapping):
        return {"ids": list(jobs)}
    return {"filter": {name: each.isoformat() if isinstance(each, datetime) else each for name, each in jobs.items()}}


def _path(base: str, of: str, rest: str = "") -> str:
    return f"{base}/{quote(of, safe='')}{rest}"
