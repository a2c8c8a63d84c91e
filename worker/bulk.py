"""Working on bulk actions, a little at a time, between the other things that a housekeeper does."""

import time

import structlog

from models.database import Database, DatabaseNotReadyError, DatabaseUnavailableError
from models.store.bulk_actions import is_any_open, work_on_some

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks while there is none."""
TROUBLE_SECONDS = 30.0
"""And after one that could not be worked on."""
STINT_SECONDS = 0.25
"""So long it works before dispatch has its turn again."""


class BulkWork:
    """A worker's share of the bulk actions. For one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._look_at = float("-inf")
        self.is_under_way = False
        """Is there more to do at once?"""

    def tick(self) -> None:
        """Do some of it, if there is any. Raises DatabaseUnavailableError, DatabaseNotReadyError.

        Whatever else goes wrong with an action (a newer version may have made it) must not keep the housekeeper from the rest.
        """
        now = time.monotonic()
        if not self.is_under_way and now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        try:
            self._work(until=now + STINT_SECONDS)
        except (DatabaseUnavailableError, DatabaseNotReadyError):
            raise
        except Exception:
            log.exception("a bulk action could not be worked on; it is tried again")
            self._look_at = now + TROUBLE_SECONDS
            self.is_under_way = False

    def _work(self, *, until: float) -> None:
        self.is_under_way = is_any_open(self._database)
        while self.is_under_way and time.monotonic() < until:
            self.is_under_way = work_on_some(self._database)
