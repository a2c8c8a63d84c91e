"""Whole files of people, and damage done to any."""

import random
from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "examples" / "media"


def damaged(data: bytes, seeded: random.Random) -> bytes:
    """The same file with a few bytes changed, lost or added, half of the time in its head."""
    wounded = bytearray(data)
    for _ in range(seeded.choice((1, 3, 20))):
        at = seeded.randrange(seeded.choice((200, len(wounded))))
        wounded[at : at + seeded.choice((1, 1, 40))] = seeded.randbytes(seeded.choice((1, 1, 30)))
    return bytes(wounded)
