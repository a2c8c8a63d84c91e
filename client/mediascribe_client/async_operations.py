"""Bulk actions and webhooks for asyncio. What is asked stands in `operations`."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Unpack

from mediascribe_client import operations
from mediascribe_client.given import BulkFilter, BulkVerb, DeliveryFilters, EventType

if TYPE_CHECKING:
    from mediascribe_client.asynchronous import AsyncSender
    from mediascribe_client.shapes import (
        BulkAction,
        BulkPreview,
        WebhookDelivery,
        WebhookEndpoint,
        WebhookEndpointWithSecret,
    )


class AsyncBulkActions:
    """`client.bulk_actions`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def create(
        self,
        action: BulkVerb,
        jobs: BulkFilter | Sequence[str],
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> BulkAction:
        """Cancel or retry all jobs of a filter, or up to 1,000 with these ids; workers do it, and `get` tells how far they are."""
        return await self._sender.ask(operations.create_bulk_action(action, jobs, reason=reason, key=idempotency_key))

    async def preview(self, action: BulkVerb, jobs: BulkFilter | Sequence[str]) -> BulkPreview:
        """How many jobs it would be now, and some of them. Nothing is done."""
        return await self._sender.ask(operations.preview_bulk_action(action, jobs))

    async def get(self, action_id: str) -> BulkAction:
        """A bulk action, and how far it is."""
        return await self._sender.ask(operations.get_bulk_action(action_id))

    def list(self) -> AsyncIterator[BulkAction]:
        """Bulk actions, newest first; pages are asked for as they are needed."""
        return self._sender.pages(operations.list_bulk_actions({}))

    async def abort(self, action_id: str) -> BulkAction:
        """Stop it; what was done stays done. Raises ConflictError where it is over."""
        return await self._sender.ask(operations.abort_bulk_action(action_id))


class AsyncWebhooks:
    """`client.webhooks`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def create(self, url: str, *, event_types: Sequence[EventType] | None = None) -> WebhookEndpointWithSecret:
        """Have events sent to a URL: the ends of batches, if not told otherwise. Keep the `secret`; it is shown this once."""
        return await self._sender.ask(operations.create_endpoint(url, event_types))

    async def get(self, endpoint_id: str) -> WebhookEndpoint:
        """An endpoint."""
        return await self._sender.ask(operations.get_endpoint(endpoint_id))

    async def list(self) -> builtins.list[WebhookEndpoint]:
        """All endpoints, oldest first."""
        return await self._sender.ask(operations.list_endpoints())

    async def update(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        event_types: Sequence[EventType] | None = None,
        enabled: bool | None = None,
    ) -> WebhookEndpoint:
        """Change what is given."""
        changes = {"url": url, "event_types": event_types, "enabled": enabled}
        return await self._sender.ask(operations.update_endpoint(endpoint_id, changes))

    async def delete(self, endpoint_id: str) -> None:
        """Forget an endpoint and its deliveries."""
        await self._sender.ask(operations.delete_endpoint(endpoint_id))

    async def rotate_secret(self, endpoint_id: str) -> WebhookEndpointWithSecret:
        """Make a new secret. For a day messages are signed with the former one too."""
        return await self._sender.ask(operations.rotate_secret(endpoint_id))

    async def test(self, endpoint_id: str) -> WebhookDelivery:
        """Send a test event; its delivery tells what became of it."""
        return await self._sender.ask(operations.test_endpoint(endpoint_id))

    def deliveries(self, **filters: Unpack[DeliveryFilters]) -> AsyncIterator[WebhookDelivery]:
        """Deliveries, newest first; pages are asked for as they are needed."""
        return self._sender.pages(operations.list_deliveries(filters))

    async def delivery(self, delivery_id: str) -> WebhookDelivery:
        """A delivery, and what became of it."""
        return await self._sender.ask(operations.get_delivery(delivery_id))

    async def redeliver(self, delivery_id: str) -> WebhookDelivery:
        """Send a delivery now, under the same id."""
        return await self._sender.ask(operations.redeliver(delivery_id))
