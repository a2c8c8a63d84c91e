"""Finds the pages of a TIFF without decoding any.

A TIFF is a chain of directories (TIFF 6.0, section 2): a count of entries of twelve bytes, the entries in ascending
order of their tags, the place of the next directory. Chains that bite their own tail and directories outside of the
file end the walk. Reduced copies and masks (NewSubfileType, tag 254) are no pages. The raw files of most cameras are
TIFFs too, which begin with a reduced copy or say what they are; their pictures are not for us to develop.
"""

import struct
from collections.abc import Iterator

_MOST_DIRECTORIES = 100_000
_REACH = 64
"""Pages are looked for among this many directories: Pillow's way to a later one takes time by its square."""
_NEW_SUBFILE_TYPE = 254
_RAW_TAGS = frozenset({50706, 50752})
"""DNGVersion, and a tag that Canon gives its raw files only."""
_CANON = b"CR"
_SHORT = 3
_REDUCED, _MASK = 1, 4


def page_places(data: bytes) -> tuple[tuple[int, ...], int]:
    """Which of the first directories are pages, numbered from 0, and how many pages there are.

    None, where it holds nothing but reduced copies, or is the raw file of a camera.
    """
    order = "<" if data[:2] == b"II" else ">"
    directories = list(_directories(data, order))
    if not directories or data[8:10] == _CANON or any(tag in directories[0] for tag in _RAW_TAGS):
        return (), 0
    kinds = [directory.get(_NEW_SUBFILE_TYPE, 0) for directory in directories]
    pages = [place for place, kind in enumerate(kinds) if not kind & (_REDUCED | _MASK)]
    return tuple(place for place in pages if place < _REACH), len(pages)


def _directories(data: bytes, order: str) -> Iterator[dict[int, int]]:
    """Each directory in the chain: of the first it holds, and of its kind, the values by their tags."""
    seen: set[int] = set()
    (at,) = struct.unpack_from(f"{order}I", data.ljust(8, b"\0"), 4)
    while at not in seen and 8 <= at <= len(data) - 6 and len(seen) < _MOST_DIRECTORIES:
        (entries,) = struct.unpack_from(f"{order}H", data, at)
        following = at + 2 + 12 * entries
        looked_at = following if not seen else at + 2 + 12 * min(entries, 1)  # its kind is the lowest tag in use
        yield _values(data[at + 2 : looked_at], order)
        seen.add(at)
        at = struct.unpack_from(f"{order}I", data, following)[0] if following <= len(data) - 4 else 0


def _values(entries: bytes, order: str) -> dict[int, int]:
    whole = entries[: len(entries) // 12 * 12]
    rows = zip(struct.iter_unpack(f"{order}HHII", whole), struct.iter_unpack(f"{order}8xHxx", whole), strict=True)
    return {tag: short if form == _SHORT else value for (tag, form, _, value), (short,) in rows}
