"""Why a running job is stopped from outside, and how it ends then."""

from collections.abc import Mapping
from enum import StrEnum

from models.moves import Ending, cancelled, given_back


class StopReason(StrEnum):
    """Why a running job is stopped from outside."""

    CANCELLED = "cancelled"
    """Somebody asked for it."""
    LEAVING = "leaving"
    """The worker's time is up."""
    LOST = "lost"
    """The job belongs to another worker now."""


ENDING_OF: Mapping[StopReason, Ending | None] = {
    StopReason.CANCELLED: cancelled(),
    StopReason.LEAVING: given_back(),
    StopReason.LOST: None,
}
"""None where nothing is to be recorded."""
