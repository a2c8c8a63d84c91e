"""What the API answers with about webhooks, as OpenAPI describes it; made by `worker.shapes`, as all shapes."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from models.webhook import DeliveryState, EndpointState, EventType


class EndpointShape(BaseModel):
    """A webhook endpoint."""

    id: Annotated[str, Field(pattern="^whe_[0-9a-f]{32}$")]
    owner: str
    url: str
    event_types: list[EventType]
    state: EndpointState
    disabled_reason: str | None
    failing_since: datetime | None
    former_secret_until: datetime | None
    created_at: datetime


class EndpointWithSecret(EndpointShape):
    """A webhook endpoint with its new secret, which is shown this once."""

    secret: Annotated[str, Field(pattern="^whsec_")]


class EndpointsShape(BaseModel):
    """All webhook endpoints."""

    webhook_endpoints: list[EndpointShape]


class DeliveryShape(BaseModel):
    """An event on its way to an endpoint."""

    id: Annotated[str, Field(pattern="^whd_[0-9a-f]{32}$")]
    endpoint_id: str
    owner: str
    event_id: Annotated[str, Field(pattern="^evt_[0-9a-f]{32}$")]
    event_type: EventType
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    answer_status: int | None
    answer_text: str | None
    error: str | None
    created_at: datetime
    attempted_at: datetime | None
    ended_at: datetime | None
    event: dict[str, Any]


class DeliveryPage(BaseModel):
    """Some webhook deliveries, newest first."""

    webhook_deliveries: list[DeliveryShape]
    next_cursor: str | None
