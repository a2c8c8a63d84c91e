"""Which files of a run need no call: those whose question has a stored answer, and all but one of those that are equal.

The files are read and hashed for it, as a worker would; nothing is called or stored.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from cli.files import MediaFile
from cli.options import options_of
from cli.past import read_known
from media.source import open_local
from models.failures import FailureError
from models.store.answers import find_answered
from tasks.base import hash_question, read_options
from tasks.registry import find_kind
from worker.settings import Settings

READERS = 4
"""Files read at once; hashing leaves the interpreter to others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToAsk:
    """What is left to ask, and why the rest is not."""

    media: tuple[MediaFile, ...]
    answered: int = 0
    """Files whose question has a stored answer."""
    alike: int = 0
    """Files that ask the same as another one of them."""


def to_ask(
    media: Sequence[MediaFile], settings: Settings, *, model: str, options: Mapping[str, Any], owner: str = "default"
) -> ToAsk:
    """The files that a run would ask about. What cannot be read asks nothing that anybody knows, and is among them."""
    asked = partial(_question_hash, settings=settings, model=model, options=options)
    with ThreadPoolExecutor(READERS) as readers:
        hashes = list(readers.map(asked, media))
    wanted = sorted({(owner, question_hash) for question_hash in hashes if question_hash is not None})
    found = read_known(settings, partial(find_answered, questions=wanted)) or ()
    answered = {question_hash for _, question_hash in found}
    open_files = [(one, file) for one, file in zip(hashes, media, strict=True) if one not in answered]
    first = {one or file.path: file for one, file in reversed(open_files)}
    left = sorted(first.values(), key=lambda file: file.path)
    return ToAsk(media=tuple(left), answered=len(media) - len(open_files), alike=len(open_files) - len(left))


def _question_hash(file: MediaFile, *, settings: Settings, model: str, options: Mapping[str, Any]) -> str | None:
    kind = find_kind(file.kind)
    try:
        sha256 = open_local(file.path, max_bytes=settings.max_source_bytes).sha256
        asked = read_options(kind, options_of(file.kind, options))
    except FailureError:
        return None
    return hash_question(kind, asked, model=model, media_sha256=sha256)
