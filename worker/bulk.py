"""Working on bulk actions, a little at a time, between the other things that a housekeeper does."""

import time

from models.database import Database
from models.store.bulk_actions import is_any_open, work_on_some

LOOK_SECONDS = 1.0
"""Between two looks while there is none."""
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
        """Do some of it, if there is any. Raises DatabaseUnavailableError."""
        now = time.monotonic()
        if not self.is_under_way and now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        self.is_under_way = is_any_open(self._database)
        while self.is_under_way and time.monotonic() - now < STINT_SECONDS:
            self.is_under_way = work_on_some(self._database)
