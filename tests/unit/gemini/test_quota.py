"""How long a 429 makes us wait: a table, and properties of what may arrive."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini.quota import (
    MAX_WAIT_SECONDS,
    MIN_WAIT_SECONDS,
    QuotaScope,
    quota_scope,
    quota_wait_seconds,
)
from gemini.reply import ErrorReply
from models.pacific import seconds_left

NOON = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)  # 12:00 in California


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        (NOON, 12),
        (datetime(2026, 7, 1, 20, 0, tzinfo=UTC), 11),  # summer time: 13:00 there
        (datetime(2026, 11, 24, 8, 0, tzinfo=UTC), 24),  # midnight exactly: the next one
        (datetime(2026, 11, 1, 7, 30, tzinfo=UTC), 24.5),  # 00:30 on the day that has 25 hours
        (datetime(2026, 3, 8, 8, 30, tzinfo=UTC), 22.5),  # 00:30 on the day that has 23
    ],
)
def test_daily_quotas_start_anew_at_midnight_in_california(now: datetime, hours: float) -> None:
    assert seconds_left(now) == hours * 3600


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2036, 1, 1)))  # noqa: DTZ001 (made aware below)
def test_midnight_is_never_past_and_never_more_than_a_day_of_25_hours_away(moment: datetime) -> None:
    assert 0 < seconds_left(moment.replace(tzinfo=UTC)) <= 25 * 3600


@pytest.mark.parametrize(
    ("error", "scope"),
    [
        (ErrorReply(http_status=429, quota_ids=("GenerateRequestsPerMinutePerProjectPerModel",)), QuotaScope.MINUTE),
        (ErrorReply(http_status=429, quota_ids=("GenerateRequestsPerDayPerProjectPerModel",)), QuotaScope.DAY),
        (ErrorReply(http_status=429, quota_ids=("XPerMinute", "XPerDay")), QuotaScope.DAY),
        (ErrorReply(http_status=429, quota_ids=("DailyLimit",)), QuotaScope.DAY),
        (ErrorReply(http_status=429, message="limit 'requests per day' of service x"), QuotaScope.DAY),
        (ErrorReply(http_status=429, quota_ids=("SpendRolling",), message="per day"), QuotaScope.UNNAMED),
        (ErrorReply(http_status=429), QuotaScope.UNNAMED),
    ],
)
def test_the_longest_named_quota_counts(error: ErrorReply, scope: QuotaScope) -> None:
    assert quota_scope(error) is scope


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ({"retry_delay": "34.074824224s"}, 34.074824224),
        ({"retry_delay": "1500ms"}, 1.5),
        ({"retry_delay": "0s"}, MIN_WAIT_SECONDS),
        ({"retry_delay": "2m5s"}, 125),
        ({"retry_delay": "17h21m30.5s"}, MAX_WAIT_SECONDS),
        ({"retry_delay": "99999999999999999999s"}, 30),
        ({"retry_delay": "NaNs"}, 30),
        ({"message": "Please retry in 12.5s."}, 12.5),
        ({"message": "Please retry in 900ms."}, MIN_WAIT_SECONDS),
        ({"message": "Please retry in a while."}, 30),
        ({"retry_after": "40"}, 40),
        ({"retry_after": "Mon, 23 Nov 2026 20:02:00 GMT"}, 120),
        ({"retry_after": "Mon, 23 Nov 2020 20:02:00 GMT"}, MIN_WAIT_SECONDS),
        ({"retry_after": "soon"}, 30),
        ({"retry_delay": "5s", "retry_after": "40", "message": "retry in 7s"}, 40),
    ],
)
def test_the_longest_believable_delay_that_is_asked_for_is_kept(asked: dict[str, str], seconds: float) -> None:
    error = ErrorReply(
        http_status=429,
        message=asked.get("message", ""),
        retry_delay=asked.get("retry_delay"),
        retry_after=asked.get("retry_after"),
    )
    assert quota_wait_seconds(error, NOON) == pytest.approx(seconds)


@given(st.text(), st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_no_answer_makes_us_wait_for_ever_or_not_at_all(delay: str, header: str, message: str, ids: list[str]) -> None:
    error = ErrorReply(
        http_status=429, retry_delay=delay, retry_after=header, message=f"retry in {message}", quota_ids=tuple(ids)
    )
    assert 0 < quota_wait_seconds(error, NOON) <= timedelta(hours=25).total_seconds()
