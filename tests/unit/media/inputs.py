"""The shape of a row that says what becomes of one kind of input."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models.failures import FailureCode


@dataclass(frozen=True, kw_only=True, slots=True)
class Input:
    """One kind of file that people have, and how preparing it ends."""

    name: str
    says: str
    """What becomes of it, in words for the documentation."""
    make: Callable[[Path], Path]
    """Makes such a file in the folder."""
    ends: FailureCode | None = None
    """Why it is refused; None where it can be sent."""
