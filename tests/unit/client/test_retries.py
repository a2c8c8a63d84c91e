"""What is sent again, when, and what never is."""

from datetime import UTC, datetime

import pytest

from mediascribe_client.errors import ConnectionFailedError, MediascribeError, WaitTimeoutError, api_error
from mediascribe_client.retries import Repeat, Retries, asked_pause_seconds

RETRIES = Retries()


def lost(*, is_unsent: bool = False, retryable: bool = True) -> ConnectionFailedError:
    error = ConnectionFailedError("gone")
    error.is_unsent, error.retryable = is_unsent, retryable
    return error


@pytest.mark.parametrize(
    ("error", "repeats"),
    [
        (api_error(429, {}), {Repeat.ALWAYS, Repeat.IF_NOT_DONE}),
        (api_error(408, {}), {Repeat.ALWAYS}),
        (api_error(502, {}), {Repeat.ALWAYS}),
        (api_error(503, {}), {Repeat.ALWAYS}),
        (api_error(504, {}), {Repeat.ALWAYS}),
        (api_error(500, {"retryable": True}), set()),
        (api_error(409, {}), set()),
        (api_error(301, {}), set()),
        (lost(), {Repeat.ALWAYS}),
        (lost(is_unsent=True), {Repeat.ALWAYS, Repeat.IF_NOT_DONE, Repeat.IF_UNSENT}),
        (lost(retryable=False), set()),
        (WaitTimeoutError("late"), set()),
    ],
)
def test_only_what_cannot_be_done_twice_is_sent_again(error: MediascribeError, repeats: set[Repeat]) -> None:
    pauses = {each: RETRIES.pause_seconds(error, attempt=1, repeat=each, chance=0.0) for each in Repeat}
    assert {repeat for repeat, pause in pauses.items() if pause is not None} == repeats


def test_pauses_grow_have_jitter_and_come_to_an_end() -> None:
    def pause(attempt: int, chance: float) -> float | None:
        return RETRIES.pause_seconds(lost(), attempt=attempt, repeat=Repeat.ALWAYS, chance=chance)

    assert [pause(attempt, 1.0) for attempt in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 8.0, None]
    assert [pause(attempt, 0.0) for attempt in range(1, 7)] == [0.25, 0.5, 1.0, 2.0, 4.0, None]


@pytest.mark.parametrize(("asked", "pause"), [(0.0, 0.0), (7.0, 7.0), (60.0, 60.0), (61.0, None)])
def test_the_server_is_given_the_pause_that_it_asks_for_unless_it_is_long(asked: float, pause: float | None) -> None:
    error = api_error(429, {}, retry_after_seconds=asked)
    assert RETRIES.pause_seconds(error, attempt=1, repeat=Repeat.ALWAYS, chance=0.0) == pause


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "3", "ratelimit": '"requests";r=0;t=9'}, 3.0),
        ({"retry-after": "Thu, 26 Nov 2026 10:00:05 GMT"}, 5.0),
        ({"retry-after": "Thu, 26 Nov 2026 09:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"ratelimit": '"requests";r=0;t=9'}, 9.0),
        ({"ratelimit": '"requests";r=5;t=9, "bytes"; r=0; t=4'}, 4.0),
        ({"ratelimit": "nonsense"}, None),
    ],
)
def test_the_pause_is_read_from_the_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_pause_seconds(headers, now=datetime(2026, 11, 26, 10, tzinfo=UTC)) == seconds
