"""What requests carry. A body can be begun anew for every attempt, byte by byte the same, and is never whole in memory."""

import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sized
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import IO, Any, Protocol

from mediascribe_client.given import NewJob

NDJSON = "application/x-ndjson"
PORTION_BYTES = 1 << 16

Items = Iterable[NewJob]


class Body(Protocol):
    """Something to send."""

    def opened(self) -> AbstractContextManager[dict[str, Any]]:
        """What httpx2 builds a request of, as long as the block lasts."""


@dataclass(frozen=True)
class JsonBody:
    """A document."""

    document: Mapping[str, Any]

    def opened(self) -> AbstractContextManager[dict[str, Any]]:
        """What httpx2 builds a request of."""
        return nullcontext({"json": self.document})


@dataclass(frozen=True)
class LinesBody:
    """Items, one a line."""

    items: Items | AsyncIterable[NewJob]

    def opened(self) -> AbstractContextManager[dict[str, Any]]:
        """What httpx2 builds a request of."""
        is_async = isinstance(self.items, AsyncIterable)
        pieces = _pieces_async(self.items) if is_async else _pieces(self.items)  # type: ignore[arg-type]  # just asked
        return nullcontext({"content": pieces, "headers": {"Content-Type": NDJSON}})

    @property
    def can_begin_anew(self) -> bool:
        """Do the items come a second time, unlike those of a generator?"""
        return isinstance(self.items, Sized)


class _Portions:
    """Lines in portions that are worth a write."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._size = 0

    def add(self, item: NewJob) -> bytes:
        """A portion, or nothing yet."""
        line = json.dumps(item, separators=(",", ":")).encode() + b"\n"
        self._lines.append(line)
        self._size += len(line)
        return self.rest() if self._size >= PORTION_BYTES else b""

    def rest(self) -> bytes:
        """What is left."""
        portion, self._lines, self._size = b"".join(self._lines), [], 0
        return portion


def _pieces(items: Items) -> Iterator[bytes]:
    portions = _Portions()
    for item in items:
        if portion := portions.add(item):
            yield portion
    yield portions.rest()


async def _pieces_async(items: AsyncIterable[NewJob]) -> AsyncIterator[bytes]:
    portions = _Portions()
    async for item in items:
        if portion := portions.add(item):
            yield portion
    yield portions.rest()


def for_asyncio(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same body for an asynchronous client, which takes no plain iterator for its content."""
    content = body.get("content")
    return {**body, "content": _awaited(content)} if isinstance(content, Iterator) else body


async def _awaited(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@dataclass(frozen=True)
class LocalFile:
    """A file of this machine, to be sent along: its path, or an open binary file that can be rewound.

    `name` is what the server is told; the name of the file, if not given.
    """

    content: str | PathLike[str] | IO[bytes]
    name: str | None = None

    @property
    def told_name(self) -> str:
        """The name without folders."""
        given = self.name or (self.content if isinstance(self.content, str | PathLike) else self.content.name)
        return Path(str(given)).name or "file"

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """The file, which httpx2 rewinds; closed at the end if it was opened here. Raises OSError."""
        if isinstance(self.content, str | PathLike):
            with Path(self.content).open("rb") as file:
                yield file
        else:
            yield self.content


@dataclass(frozen=True, kw_only=True)
class FormBody:
    """Fields and a file (multipart/form-data); the fields come first, so that the server knows them when the file begins."""

    fields: Mapping[str, str]
    file: LocalFile
    boundary: str
    """The same for every attempt, so that the server sees the same body."""

    @contextmanager
    def opened(self) -> Iterator[dict[str, Any]]:
        """What httpx2 builds a request of. Raises OSError."""
        with self.file.opened() as file:
            yield {
                "data": self.fields,
                "files": {"file": (self.file.told_name, file, "application/octet-stream")},
                "headers": {"Content-Type": f"multipart/form-data; boundary={self.boundary}"},
            }
