"""The parcels of one process: its spool and the two threads that send what is packed and look after what was sent.

Whatever is looked after is anybody's: what another worker sent, and what one that is gone has left behind.
"""

import queue
import random
import threading
from pathlib import Path

import structlog

from gemini.batches import Batches
from gemini.connection import Connection
from gemini.files import Files
from gemini.prices import PriceTable
from gemini.rest import Rest
from models.database import Database, DatabaseNotReadyError, DatabaseUnavailableError
from models.failures import FailureError
from models.store import parcels
from worker.lanes import Lanes
from worker.parcels.looking import look_after
from worker.parcels.post import Post
from worker.parcels.sending import give_up, send
from worker.parcels.spool import Pack, Spool
from worker.settings import Settings

log = structlog.get_logger(__name__)

LOOK_SECONDS = 30.0
"""Between two looks into SQL that nobody asked for, at most."""
LEAVE_SECONDS = 5.0
"""What is being sent is given so long, when the worker leaves, before the connection is cut."""


class Office:
    """Sends parcels and looks after them until it is stopped. Where batches are not offered it does nothing."""

    def __init__(
        self, connection: Connection, *, database: Database, worker_id: str, lanes: Lanes, prices: PriceTable,
        settings: Settings, folder: Path, wake: threading.Event,
    ) -> None:  # fmt: skip
        self.spool = Spool(folder, pack_seconds=settings.economy_pack_seconds, send=self._take_over)
        self._packs: queue.SimpleQueue[Pack | None] = queue.SimpleQueue()
        self._settings = settings
        self._threads: list[threading.Thread] = []
        self._due = threading.Event()
        try:
            self._rest = Rest(connection)
        except FailureError as error:
            self.spool.why_not = error.failure
            return
        self._post = Post(
            database=database, worker_id=worker_id, files=Files(self._rest), batches=Batches(self._rest), lanes=lanes,
            prices=prices, settings=settings, folder=folder, wake=wake.set,
        )  # fmt: skip

    def start(self) -> None:
        """Begin."""
        if self.spool.why_not is not None:
            return
        for name, target in (("sending", self._send_until_stopped), ("looking", self._look_until_stopped)):
            thread = threading.Thread(target=target, name=f"mediascribe-parcels-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def wake(self) -> None:
        """A parcel is due."""
        self._due.set()

    def stop(self) -> None:
        """End. What is not sent is packed anew by others; what was held for it is free again. Nothing may be put any more."""
        if self.spool.why_not is not None:
            return
        self._post.stopped.set()
        self._due.set()
        self._packs.put(None)
        for thread in self._threads:
            thread.join(LEAVE_SECONDS)
        self._rest.close()  # whoever is still at it fails now
        for thread in self._threads:
            thread.join(LEAVE_SECONDS)
        try:
            for pack in (*self._unsent(), *self.spool.take_open()):
                give_up(pack, self._post)
        except DatabaseUnavailableError:
            log.warning("what was held for calls that were not sent is counted as spent")

    def _take_over(self, pack: Pack) -> None:
        self._packs.put(pack)

    def _unsent(self) -> list[Pack]:
        found: list[Pack] = []
        while not self._packs.empty():
            pack = self._packs.get()
            if pack is not None:
                found.append(pack)
        return found

    def _send_until_stopped(self) -> None:
        while (pack := self._packs.get()) is not None:
            if self._post.stopped.is_set():
                self._packs.put(pack)
                return
            send(pack, self._post)

    def _look_until_stopped(self) -> None:
        longest = min(LOOK_SECONDS, self._settings.economy_poll_seconds)
        while True:
            self._due.wait(longest * (0.5 + random.random() / 2))
            if self._post.stopped.is_set():
                return
            self._due.clear()
            try:
                while not self._post.stopped.is_set() and self._look():
                    pass
            except (DatabaseUnavailableError, DatabaseNotReadyError):
                pass  # others say so
            except Exception:
                log.exception("looking after parcels failed; trying again")

    def _look(self) -> bool:
        """Look after one parcel; was there one?"""
        parcel = parcels.take_due(
            self._post.database, lease_seconds=self._post.lease_seconds, silent_seconds=self._settings.lease_seconds
        )
        if parcel is None:
            return False
        look_after(parcel, self._post)
        return True
