"""Identifiers: UUIDv7 (RFC 9562) with a typed prefix, such as `job_019ab…`; sorted by the time of their making."""

import os
import re
import time
from typing import Literal

Prefix = Literal["job", "bat", "wrk", "cal", "par", "upl", "blk", "whe", "whd", "evt"]

_SHAPE = re.compile(r"(job|bat|wrk|cal|par|upl|blk|whe|whd|evt)_[0-9a-f]{32}")


def new_id(prefix: Prefix) -> str:
    """A new identifier; those made one after the other sort in that order.

    48 bits of Unix milliseconds, 12 bits of their fraction, 62 random bits (RFC 9562 section 6.2, method 3).
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = nanoseconds * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8)) >> 2
    value = (milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | random
    return f"{prefix}_{value:032x}"


def first_id(prefix: Prefix, unix_seconds: float) -> str:
    """The least identifier that can have been made from that time on, by its maker's own clock."""
    milliseconds = min(max(0, int(unix_seconds * 1_000)), (1 << 48) - 1)
    return f"{prefix}_{(milliseconds << 80) | (0x7 << 76):032x}"


def is_id(text: object, prefix: Prefix) -> bool:
    """Is this an identifier of that type? Nothing is looked up."""
    return isinstance(text, str) and text.startswith(prefix) and _SHAPE.fullmatch(text) is not None
