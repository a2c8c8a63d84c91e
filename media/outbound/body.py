"""The body of an answer, a block at a time, unpacked, and never more than was wanted.

Packing is not asked for, and some servers pack all the same (objects that were stored packed). A few kilobytes can unpack
to gigabytes, so unpacking is bounded block by block, and the limit holds for what comes out.
"""

import zlib
from collections.abc import Iterable, Iterator

from media.outbound.errors import OutboundError, Reason, unreachable

BLOCK_BYTES = 256 * 1024
_ANY_ZLIB = zlib.MAX_WBITS | 32
"""gzip or zlib, as the first bytes say."""
_PLAIN = frozenset({"", "identity"})
_ZLIB = frozenset({"gzip", "x-gzip", "deflate"})


def unpacked(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The blocks as they were before they were packed. Raises OutboundError(UNREADABLE) for an unknown packing."""
    name = encoding.strip().lower()
    if name in _PLAIN:
        return iter(blocks)
    if name in _ZLIB:
        return _inflated(blocks)
    words = "is packed in a way that is not known and was not asked for; have it served as it is"
    raise OutboundError(Reason.UNREADABLE, words)


def bounded(blocks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    """The blocks as long as they are no more than `max_bytes` in all. Raises OutboundError(TOO_LARGE)."""
    taken = 0
    for block in blocks:
        taken += len(block)
        if taken > max_bytes:
            raise too_large(None, max_bytes)
        yield block


def too_large(size_bytes: int | None, max_bytes: int) -> OutboundError:
    """More bytes than wanted; the size where it is known."""
    has = "has" if size_bytes is None else f"has {size_bytes} bytes,"
    words = f"{has} more than the {max_bytes} bytes allowed; make it smaller or raise the limit"
    return OutboundError(Reason.TOO_LARGE, words)


def _inflated(blocks: Iterable[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_ANY_ZLIB)
    try:
        for block in blocks:
            rest = block
            while rest:
                if inflater.eof:  # one packed part may follow another
                    inflater = zlib.decompressobj(_ANY_ZLIB)
                if part := inflater.decompress(rest, BLOCK_BYTES):
                    yield part
                rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    except zlib.error as error:
        raise unreachable("sent a packed answer that is damaged; try again") from error
    if not inflater.eof:
        raise unreachable("ended before it was complete")
