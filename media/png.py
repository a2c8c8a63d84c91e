"""Takes out of a PNG what does not shape its pixels, and proves the rest whole.

A PNG is a row of chunks (https://www.w3.org/TR/png-3/): a length, four letters, a payload, a checksum. Texts can be
compressed to a thousandth of their size, several of them in one file; they go before anything unpacks them, and so
does a chunk whose checksum is wrong, if a picture can do without it.
"""

import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_SHAPING = frozenset({b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"eXIf", b"acTL", b"fcTL", b"fdAT"})
_FRAME_DATA = frozenset({b"fdAT"})
_ONCE = _SHAPING - {b"fcTL", b"fdAT"}
"""A picture has one of these at most; each further profile would cost a decoder as much as the first."""
_EXIF_IN_TEXT = b"Raw profile type exif\0"
"""So ImageMagick wrote EXIF, and with it the orientation, before there was a chunk for it."""


class BrokenPngError(ValueError):
    """The chunks do not add up."""


def strip_ancillary(data: bytes) -> bytes:
    """The same picture without texts, times and private chunks. Raises BrokenPngError (damaged or cut off)."""
    kept, at = [SIGNATURE], len(SIGNATURE)
    name, seen = b"", set[bytes]()
    while name != b"IEND":
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + length
        if len(name) < 4 or end > len(data):
            raise BrokenPngError("it ends before the picture does")
        is_whole = zlib.crc32(memoryview(data)[at + 4 : end - 4]) == int.from_bytes(data[end - 4 : end], "big")
        is_critical = not name[0] & 0x20 or name in _FRAME_DATA
        if is_critical and not is_whole:
            raise BrokenPngError(f"the checksum of {name!r} at byte {at} is wrong")
        is_spare = name in _ONCE and name in seen
        if is_whole and not is_spare and (is_critical or _shapes(name, data[at + 8 : at + 8 + len(_EXIF_IN_TEXT)])):
            kept.append(data[at:end])
            seen.add(name)
        at = end
    return b"".join(kept)


def _shapes(name: bytes, begin: bytes) -> bool:
    return name in _SHAPING or (name in {b"tEXt", b"zTXt"} and begin == _EXIF_IN_TEXT)
