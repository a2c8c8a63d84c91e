"""What stands in the store beside answers: that a clip was cut, that an answer is in doubt and what is asked next."""

from dataclasses import asdict

from tasks.base import Answer
from tasks.remedies import Take

WAS_SPLIT = "split"
DOUBTED = "doubted"
NEXT = "next"


def split_marker(doubted: Answer | None) -> Answer:
    """Stands in the store for the answer of a clip whose parts have answers of their own."""
    return {WAS_SPLIT: True, DOUBTED: doubted}


def doubt_marker(doubted: Answer, take: Take) -> Answer:
    """Stands in the store, beside the place of the answer, for one in doubt and what is asked next."""
    return {DOUBTED: doubted, NEXT: asdict(take)}
