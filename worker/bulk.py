"""Working on bulk actions, a little at a time, between the other things that a housekeeper does."""

import time

import structlog

from models.database import Database, DatabaseNotReadyError, DatabaseUnavailableError
from models.store.bulk_actions import work_on_some

log = structlog.get_logger(__name__)

TROUBLE_SECONDS = 30.0
"""So long nothing is done after an action that could not be worked on."""
STINT_SECONDS = 0.25
"""So long it works before dispatch has its turn again."""


class BulkWork:
    """A worker's share of the bulk actions. For one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rests_until = float("-inf")
        self.is_under_way = False
        """Is there more to do at once?"""

    def tick(self, *, is_any: bool) -> None:
        """Do some of it, if there is any, as somebody saw, or is more. Raises DatabaseUnavailableError, DatabaseNotReadyError.

        Whatever else goes wrong with an action (a newer version may have made it) must not keep the housekeeper from the rest.
        """
        now = time.monotonic()
        if not (is_any or self.is_under_way) or now < self._rests_until:
            return
        try:
            self._work(until=now + STINT_SECONDS)
        except (DatabaseUnavailableError, DatabaseNotReadyError):
            self.is_under_way = False  # whoever looks when the database is back sees that there is more
            raise
        except Exception:
            log.exception("a bulk action could not be worked on; it is tried again")
            self._rests_until = now + TROUBLE_SECONDS
            self.is_under_way = False

    def _work(self, *, until: float) -> None:
        self.is_under_way = True
        while self.is_under_way and time.monotonic() < until:
            self.is_under_way = work_on_some(self._database)
