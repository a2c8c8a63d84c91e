"""Bulk actions and webhooks for plain code. What is asked stands in `operations`."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Unpack

from mediascribe_client import operations
from mediascribe_client.given import BulkFilter, BulkVerb, DeliveryFilters, EventType

if TYPE_CHECKING:
    from mediascribe_client.shapes import (
        BulkAction,
        BulkPreview,
        WebhookDelivery,
        WebhookEndpoint,
        WebhookEndpointWithSecret,
    )
    from mediascribe_client.sync import Sender


class BulkActions:
    """`client.bulk_actions`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def create(
        self,
        action: BulkVerb,
        jobs: BulkFilter | Sequence[str],
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> BulkAction:
        """Cancel or retry all jobs of a filter, or up to 1,000 with these ids; workers do it, and `get` tells how far they are."""
        return self._sender.ask(operations.create_bulk_action(action, jobs, reason=reason, key=idempotency_key))

    def preview(self, action: BulkVerb, jobs: BulkFilter | Sequence[str]) -> BulkPreview:
        """How many jobs it would be now, and some of them. Nothing is done."""
        return self._sender.ask(operations.preview_bulk_action(action, jobs))

    def get(self, action_id: str) -> BulkAction:
        """A bulk action, and how far it is."""
        return self._sender.ask(operations.get_bulk_action(action_id))

    def list(self) -> Iterator[BulkAction]:
        """Bulk actions, newest first; pages are asked for as they are needed."""
        return self._sender.pages(operations.list_bulk_actions({}))

    def abort(self, action_id: str) -> BulkAction:
        """Stop it; what was done stays done. Raises ConflictError where it is over."""
        return self._sender.ask(operations.abort_bulk_action(action_id))


class Webhooks:
    """`client.webhooks`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def create(self, url: str, *, event_types: Sequence[EventType] | None = None) -> WebhookEndpointWithSecret:
        """Have events sent to a URL: the ends of batches, if not told otherwise. Keep the `secret`; it is shown this once."""
        return self._sender.ask(operations.create_endpoint(url, event_types))

    def get(self, endpoint_id: str) -> WebhookEndpoint:
        """An endpoint."""
        return self._sender.ask(operations.get_endpoint(endpoint_id))

    def list(self) -> builtins.list[WebhookEndpoint]:
        """All endpoints, oldest first."""
        return self._sender.ask(operations.list_endpoints())

    def update(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        event_types: Sequence[EventType] | None = None,
        enabled: bool | None = None,
    ) -> WebhookEndpoint:
        """Change what is given."""
        changes = {"url": url, "event_types": event_types, "enabled": enabled}
        return self._sender.ask(operations.update_endpoint(endpoint_id, changes))

    def delete(self, endpoint_id: str) -> None:
        """Forget an endpoint and its deliveries."""
        self._sender.ask(operations.delete_endpoint(endpoint_id))

    def rotate_secret(self, endpoint_id: str) -> WebhookEndpointWithSecret:
        """Make a new secret. For a day messages are signed with the former one too."""
        return self._sender.ask(operations.rotate_secret(endpoint_id))

    def test(self, endpoint_id: str) -> WebhookDelivery:
        """Send a test event; its delivery tells what became of it."""
        return self._sender.ask(operations.test_endpoint(endpoint_id))

    def deliveries(self, **filters: Unpack[DeliveryFilters]) -> Iterator[WebhookDelivery]:
        """Deliveries, newest first; pages are asked for as they are needed."""
        return self._sender.pages(operations.list_deliveries(filters))

    def delivery(self, delivery_id: str) -> WebhookDelivery:
        """A delivery, and what became of it."""
        return self._sender.ask(operations.get_delivery(delivery_id))

    def redeliver(self, delivery_id: str) -> WebhookDelivery:
        """Send a delivery now, under the same id."""
        return self._sender.ask(operations.redeliver(delivery_id))
