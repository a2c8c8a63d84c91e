"""Streams in and out: lines of a body in groups, and pieces of text in portions that are worth a write."""

from collections.abc import AsyncIterator, Iterable, Iterator

from fastapi import Request

from api.problems import ProblemCode, ProblemError

PIECE_CHARS = 1 << 16

Group = list[tuple[int, bytes]]


async def groups_of_lines(request: Request, *, size: int, max_line_bytes: int, max_lines: int) -> AsyncIterator[Group]:
    """The lines of the body, each with its index, so many at a time; empty lines do not count.

    Raises ProblemError(too_large), ClientDisconnect.
    """
    group: Group = []
    rest, index = b"", 0
    async for chunk in request.stream():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in filter(bytes.strip, lines):
            group.append((index, line))
            index += 1
            if len(group) == size:
                _check_count(index, max_lines)
                yield group
                group = []
        if len(rest) > max_line_bytes:
            raise ProblemError(ProblemCode.TOO_LARGE, f"item {index} has more than {max_line_bytes:,} bytes")
    if rest.strip():
        group.append((index, rest))
    _check_count(index + bool(rest.strip()), max_lines)
    if group:
        yield group


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise ProblemError(ProblemCode.TOO_LARGE, f"the stream has more than {most:,} items; begin another batch")


async def whole_body(request: Request, *, max_bytes: int) -> bytes:
    """The body. Raises ProblemError(too_large), ClientDisconnect."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            words = f"the body has more than {max_bytes:,} bytes; send the items as application/x-ndjson"
            raise ProblemError(ProblemCode.TOO_LARGE, words)
    return bytes(body)


def in_portions(pieces: Iterable[str]) -> Iterator[bytes]:
    """The same text in larger portions."""
    portion: list[str] = []
    size = 0
    for piece in pieces:
        portion.append(piece)
        size += len(piece)
        if size >= PIECE_CHARS:
            yield "".join(portion).encode("utf-8", "replace")
            portion, size = [], 0
    yield "".join(portion).encode("utf-8", "replace")
