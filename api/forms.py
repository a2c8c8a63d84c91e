"""Forms with a file (multipart/form-data), read piece by piece: what comes is told as it comes, nothing is kept.

Bounded in every direction: the header of a part, the number of parts, all bytes, the time for the next ones and in all.
How long a part may be is for the reader of the pieces to say, who knows which it is.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from api.problems import FieldError, ProblemCode, ProblemError

MEDIA_TYPE = "multipart/form-data"
MOST_PARTS = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class PartBegins:
    """A field begins."""

    name: str
    filename: str | None


@dataclass(frozen=True, slots=True)
class PartGoesOn:
    """Bytes of the field that began last."""

    data: bytes


class PartEnds:
    """The field is whole."""


Piece = PartBegins | PartGoesOn | PartEnds


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """How much may come, and how long it may take."""

    max_bytes: int
    total_seconds: float
    idle_seconds: float


async def pieces_of(request: Request, bounds: Bounds) -> AsyncIterator[Piece]:
    """The parts of the body as they come. Raises ProblemError: malformed, too_large, timed_out; ClientDisconnect."""
    parser = _Parser(boundary_of(request))
    until = time.monotonic() + bounds.total_seconds
    body, size_bytes = request.stream(), 0
    while (chunk := await _next_chunk(body, bounds, until)) is not None:
        size_bytes += len(chunk)
        if size_bytes > bounds.max_bytes:
            raise ProblemError(ProblemCode.TOO_LARGE, f"the form has more than {bounds.max_bytes:,} bytes")
        for piece in parser.pieces(chunk):
            yield piece
    parser.check_end()


async def _next_chunk(body: AsyncIterator[bytes], bounds: Bounds, until: float) -> bytes | None:
    try:
        async with asyncio.timeout(min(bounds.idle_seconds, max(0.0, until - time.monotonic()))):
            return await anext(body, None)
    except TimeoutError as error:
        words = f"no bytes came for {bounds.idle_seconds:g} s, or not all within {bounds.total_seconds:g} s"
        raise ProblemError(ProblemCode.TIMED_OUT, words, headers={"Connection": "close"}) from error


def boundary_of(request: Request) -> bytes:
    """What stands between the parts. Raises ProblemError(malformed)."""
    _, options = parse_options_header(request.headers.get("content-type", "").encode("latin-1", "replace"))
    boundary = options.get(b"boundary", b"")
    if not boundary:
        words = "Content-Type: multipart/form-data comes without its boundary; let your HTTP library write this header"
        raise ProblemError(ProblemCode.MALFORMED, words, errors=[FieldError(field="Content-Type", detail=words)])
    return boundary


class _Parser:
    """Turns the callbacks of the parser into pieces."""

    def __init__(self, boundary: bytes) -> None:
        self._pieces: list[Piece] = []
        self._names: list[bytes] = []
        self._values: list[bytes] = []
        self._parts = 0
        self._is_whole = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin, "on_header_field": self._name, "on_header_value": self._value,
                    "on_header_end": self._end_header, "on_headers_finished": self._begin_data, "on_part_data": self._data,
                    "on_part_end": self._end, "on_end": self._finish,
                },
            )  # fmt: skip
        except FormParserError as error:
            raise _malformed(str(error)) from error

    def pieces(self, chunk: bytes) -> list[Piece]:
        """What the next bytes of the body tell."""
        self._pieces = []
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed(str(error)) from error
        return self._pieces

    def check_end(self) -> None:
        """The last boundary has come, or it is not all."""
        if not self._is_whole:
            raise _malformed("it ends before its last boundary")

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise _malformed(f"it has more than {MOST_PARTS} parts")
        self._headers: dict[bytes, bytes] = {}
        self._names, self._values = [], []

    def _name(self, data: bytes, start: int, end: int) -> None:
        self._names.append(data[start:end])

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._values.append(data[start:end])

    def _end_header(self) -> None:
        self._headers[b"".join(self._names).lower()] = b"".join(self._values)
        self._names, self._values = [], []

    def _begin_data(self) -> None:
        disposition, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if disposition != b"form-data" or b"name" not in options:
            raise _malformed("a part has no name: Content-Disposition: form-data; name=…")
        filename = options.get(b"filename")
        self._pieces.append(
            PartBegins(
                name=options[b"name"].decode("utf-8", "replace"),
                filename=None if filename is None else filename.decode("utf-8", "replace"),
            )
        )

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(PartGoesOn(data[start:end]))

    def _end(self) -> None:
        self._pieces.append(PartEnds())

    def _finish(self) -> None:
        self._is_whole = True


def _malformed(words: str) -> ProblemError:
    return ProblemError(ProblemCode.MALFORMED, f"the form cannot be read: {words}")
