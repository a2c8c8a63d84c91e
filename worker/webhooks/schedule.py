"""Deciding what becomes of a try: a pure function of the answer, the number of tries and chance.

The schedule is that of Standard Webhooks ("Deliverability and reliability"), ten tries within about three days.
"""

from collections.abc import Callable
from dataclasses import dataclass

from models.store.webhooks.sending import Effect, Message, Tried
from models.webhook import DeliveryState

HOUR = 3_600.0
WAITS_SECONDS = (
    5.0, 5 * 60.0, 30 * 60.0, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
)  # fmt: skip
"""After the first try, the second and so on."""
MOST_ATTEMPTS = len(WAITS_SECONDS) + 1
JITTER = 0.2
"""A wait is longer by up to this share, so that what failed together does not come back together."""
LONGEST_ASKED_SECONDS = 24 * HOUR
"""A receiver that asks for a longer silence is asked again then."""
GONE = 410


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What a try heard: an answer, or why there is none."""

    status: int | None = None
    text: str | None = None
    retry_after_seconds: float | None = None
    error: str | None = None

    @property
    def is_taken(self) -> bool:
        """Has the receiver the message? Nothing but a 2xx says so, a redirect least of all."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - the class of success


def decide(message: Message, heard: Heard, *, chance: Callable[[], float]) -> Tried:
    """What becomes of the delivery and its endpoint; `chance` is between 0 and 1."""
    state, effect = _fate(message, heard)
    is_over = state is not DeliveryState.PENDING
    asked = 0.0 if is_over else min(heard.retry_after_seconds or 0.0, LONGEST_ASKED_SECONDS)
    wait = None if is_over else WAITS_SECONDS[message.attempts - 1] * (1 + JITTER * chance())
    return Tried(
        state=state, effect=effect, retry_in_seconds=None if wait is None else max(wait, asked), quiet_seconds=asked or None,
        answer_status=heard.status, answer_text=heard.text, error=heard.error,
    )  # fmt: skip


def _fate(message: Message, heard: Heard) -> tuple[DeliveryState, Effect]:
    if heard.is_taken:
        return DeliveryState.DELIVERED, Effect.WORKS
    if heard.status == GONE:
        return DeliveryState.FAILED, Effect.GONE
    if message.by_hand:
        return DeliveryState.FAILED, Effect.NONE
    if message.attempts >= MOST_ATTEMPTS:
        return DeliveryState.FAILED, Effect.EXHAUSTED
    return DeliveryState.PENDING, Effect.FAILS
