"""All kinds of work, by name and by family of media. A new kind is one file and one line here."""

from collections.abc import Mapping
from typing import Any

from media.sniff import Family
from models.failures import FailureCode, FailureError, failure
from tasks.base import Kind
from tasks.caption import CAPTION
from tasks.transcribe import TRANSCRIBE

KINDS: Mapping[str, Kind[Any]] = {kind.name: kind for kind in (CAPTION, TRANSCRIBE)}

KIND_OF_FAMILY: Mapping[Family, str] = {kind.family: kind.name for kind in KINDS.values()}


def find_kind(name: str) -> Kind[Any]:
    """The kind of that name. Raises FailureError(invalid_options)."""
    if name not in KINDS:
        words = f"there is no kind {name!r}; kinds are {', '.join(sorted(KINDS))}"
        raise FailureError(failure(FailureCode.INVALID_OPTIONS, words, field="kind"))
    return KINDS[name]
