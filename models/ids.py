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


def least_id_at(prefix: Prefix, unix_seconds: float) -> str:
    """What no identifier that is made at that time or later is below."""
    return f"{prefix}_{max(0, int(unix_seconds * 1_000)) << 80:032x}"


def is_id(text: object, prefix: Prefix) -> bool:
    """Is this an identifier of that type? Nothing is looked up."""
    return isinstance(text, str) and text.startswith(prefix) and _SHAPE.fullmatch(text) is not None
