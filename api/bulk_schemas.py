"""What the API answers with about bulk actions, as OpenAPI describes it. See `api.schemas`."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from api.schemas import JobShape
from models.bulk_action import BulkState, BulkVerb


class BulkActionShape(BaseModel):
    """A bulk action: who asked for what and why, and how far it is."""

    id: Annotated[str, Field(pattern="^blk_[0-9a-f]{32}$")]
    owner: str
    key_id: str | None
    """Of the key that asked for it."""
    action: BulkVerb
    filter: dict[str, Any]
    """As it was frozen: with the id of its batch and definite times; or `ids`."""
    reason: str | None
    state: BulkState
    total: int
    """Jobs that it was possible for when it was made."""
    changed: int
    skipped: int
    """Of those, the ones for which it was not possible any more."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class BulkActionPage(BaseModel):
    """Some bulk actions, newest first."""

    bulk_actions: list[BulkActionShape]
    next_cursor: str | None


class BulkPreview(BaseModel):
    """What a bulk action would do now."""

    action: BulkVerb
    total: int
    examples: list[JobShape]
