"""What the API works with: built once by whoever starts it, and passed in."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from gemini.prices import PriceTable
from media.storage.base import Storage
from models.database import Database
from worker.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Parts:
    """One API process's collaborators."""

    settings: Settings
    database: Database
    prices: PriceTable
    storage: Storage
    """Where uploads are kept."""
    submitted: Callable[[], None]
    """Told after a commit that there is something to do; returns at once."""
    is_loopback: bool
    """Can only this machine reach it? Then nobody needs a key while none was made."""
    leaving: threading.Event = field(default_factory=threading.Event)
    """Set when the server is told to leave: streams and long waits end."""


async def parts_of(request: Request) -> Parts:
    """The collaborators of the app that serves this request."""
    parts: Parts = request.app.state.parts
    return parts


Wired = Annotated[Parts, Depends(parts_of)]
