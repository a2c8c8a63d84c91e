"""A body with attachments: where its JSON says a mark, their base64 is sent, in blocks, read from the file then.

A clip of 15 MB as base64 inside one JSON text, its bytes, and what the HTTP client hands to the socket would be in memory five times for
each call in flight. So the JSON holds a short mark in each attachment's place (`gemini.request`), and `AttachedBody`, which is
never whole in memory, is sent (`gemini.transport`).

Nothing here imports an HTTP library.
"""

from base64 import b64encode
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gemini.question import Attachment

BLOCK_BYTES = 192 * 1024
"""Read and encoded at once: a third of a millisecond of the event loop's time, and whole groups of base64."""

Marks = Mapping[str, Attachment]
"""The attachments by their marks."""


class AttachmentError(Exception):
    """The file of an attachment has gone, or is not what it was when its size was taken; the words name it."""


class AttachedBody:
    """A body whose marks are replaced by the base64 of their attachments. May be iterated more than once."""

    def __init__(self, content: bytes, marks: Marks) -> None:
        self._pieces: list[bytes | _Encoded] = []
        for mark, attachment in marks.items():
            before, found, content = content.partition(mark.encode())
            if not found:
                raise RuntimeError("an attachment's place is not in the request")
            self._pieces += [before, _Encoded(attachment)]
        self._pieces.append(content)
        self.size_bytes = sum(piece.size_bytes if isinstance(piece, _Encoded) else len(piece) for piece in self._pieces)

    def blocks(self) -> Generator[bytes]:
        """The body, exactly `size_bytes` long, in as few blocks as a block's size allows.

        Raises:
            AttachmentError: before the last block, where a file is not as long as it was.

        """
        held = b""
        for piece in self._pieces:
            for block in piece.blocks() if isinstance(piece, _Encoded) else (piece,):
                held += block
                if len(held) >= BLOCK_BYTES:
                    yield held
                    held = b""
        yield held


class _Encoded:
    """An attachment as base64."""

    def __init__(self, attachment: Attachment) -> None:
        self._attachment = attachment
        self._raw_bytes = _size(attachment)
        self.size_bytes = 4 * -(-self._raw_bytes // 3)

    def blocks(self) -> Iterator[bytes]:
        if self._attachment.path is None:
            data = memoryview(self._attachment.data or b"")
            yield from (b64encode(data[at : at + BLOCK_BYTES]) for at in range(0, len(data), BLOCK_BYTES))
        else:
            yield from self._file_blocks(Path(self._attachment.path))

    def _file_blocks(self, path: Path) -> Iterator[bytes]:
        left = self._raw_bytes
        with _reading(path), path.open("rb") as file:
            while left:
                wanted = min(left, BLOCK_BYTES)
                block = file.read(wanted)
                if len(block) < wanted:
                    raise AttachmentError(f"{path.name} became shorter while it was sent")
                left -= wanted
                yield b64encode(block)
            if file.read(1):
                raise AttachmentError(f"{path.name} became longer while it was sent")


def _size(attachment: Attachment) -> int:
    if attachment.path is None:
        return len(attachment.data or b"")
    path = Path(attachment.path)
    with _reading(path):
        return path.stat().st_size


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Failures of the disk as what they are, not as failures of the connection."""
    try:
        yield
    except OSError as error:
        raise AttachmentError(f"{path.name} cannot be read: {error.strerror}") from error
