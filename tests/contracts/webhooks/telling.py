"""Endpoints and what they are told, for tests of webhooks."""

from typing import Any

from models.database import Database
from models.moves import succeeded
from models.store.webhooks import endpoints, log
from models.store.webhooks.endpoints import EndpointView
from models.store.webhooks.log import DeliveryFilter, DeliveryView
from models.webhook import EventType

DONE = succeeded({"caption": "a cat"}, model_version="m-001")
BOTH = (EventType.BATCH_FINISHED, EventType.JOB_FINISHED)


def endpoint(database: Database, *types: EventType, owner: str = "default") -> EndpointView:
    """A new endpoint that asks for these events, or for batches alone."""
    asked = types or (EventType.BATCH_FINISHED,)
    return endpoints.create_endpoint(database, owner=owner, url="https://x.test/", event_types=asked)[1]


def told(database: Database, **wanted: Any) -> list[DeliveryView]:
    """What is in the outbox, oldest first."""
    return log.list_deliveries(database, DeliveryFilter(**wanted), limit=1_000)[::-1]
