"""Takes the metadata out of a JPEG without touching its pixels.

A JPEG is a row of segments (ISO 10918-1, annex B): a marker, a length, a payload; after each start of scan comes
compressed data, in which a byte 0xFF is always followed by 0 or a restart marker. The segments that a decoder needs
are copied as they are; where the picture was taken and by whom, thumbnails, colour profiles, comments, and whatever
follows the end of the picture are left out. A picture of more scans than any camera or program writes is refused: each
costs a decoder a walk over all pixels, and a few bytes are enough for one.
"""

import re

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_COMMENT, _APP0, _APP14, _APP15 = 0xFE, 0xE0, 0xEE, 0xEF
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_MAX_SCANS = 200
_JFIF_BYTES = 14
_ADOBE = b"Adobe"
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class BrokenJpegError(ValueError):
    """The segments do not add up, or the picture has no end."""


def strip_metadata(data: bytes) -> bytes:
    """The same picture with the same compressed data, without metadata. Raises BrokenJpegError."""
    return b"".join(needed_parts(data))


def needed_parts(data: bytes) -> list[bytes | memoryview]:
    """What `strip_metadata` puts together, in order. Raises BrokenJpegError.

    Nothing is copied but small segments: most pictures that are walked through leave in another size.
    """
    if data[:2] != bytes((0xFF, _START)):
        raise BrokenJpegError("it does not begin as a JPEG does")
    view = memoryview(data)
    kept: list[bytes | memoryview] = [view[:2]]
    at, scans = 2, 0
    while True:
        marker, at = _marker(data, at)
        if marker == _END:
            return [*kept, bytes((0xFF, _END))]
        end = _segment_end(data, marker, at)
        scans += marker == _SCAN
        if scans > _MAX_SCANS:
            raise BrokenJpegError(f"it has more than {_MAX_SCANS} scans")
        if marker == _APP0:
            kept.append(_jfif(data[at + 2 : end]))
        elif _is_needed(marker, view[at + 2 : end]):
            kept += (bytes((0xFF, marker)), view[at:end])
        at = end


def _marker(data: bytes, at: int) -> tuple[int, int]:
    """The marker at this place and where its segment begins; any number of 0xFF may fill the space before it."""
    if data[at : at + 1] != b"\xff":
        raise BrokenJpegError(f"no marker at byte {at}")
    while data[at : at + 1] == b"\xff":
        at += 1
    if at >= len(data):
        raise BrokenJpegError("it ends before the picture does")
    return data[at], at + 1


def _segment_end(data: bytes, marker: int, at: int) -> int:
    if marker in _STANDALONE:
        return at
    length = int.from_bytes(data[at : at + 2], "big")
    if length < 2 or at + length > len(data):
        raise BrokenJpegError("it ends before the picture does")
    return _scan_end(data, at + length) if marker == _SCAN else at + length


def _scan_end(data: bytes, at: int) -> int:
    following = _MARKER_IN_SCAN.search(data, at)
    if following is None:
        raise BrokenJpegError("it ends before the picture does")
    return following.start()


def _is_needed(marker: int, payload: memoryview) -> bool:
    """Application data goes, but for what tells a decoder how colours are stored: Adobe's segment, and JFIF."""
    if marker == _APP14:
        return payload[: len(_ADOBE)] == _ADOBE
    return marker != _COMMENT and not _APP0 < marker <= _APP15


def _jfif(payload: bytes) -> bytes:
    """The segment that says JFIF, without the thumbnail it may hold; empty for another."""
    if not payload.startswith(b"JFIF\0") or len(payload) < _JFIF_BYTES:
        return b""
    return bytes((0xFF, _APP0, 0, _JFIF_BYTES + 2)) + payload[: _JFIF_BYTES - 2] + bytes(2)
