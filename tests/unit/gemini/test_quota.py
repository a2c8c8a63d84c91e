"""What a 429 means and how long it makes us wait: tables, and properties of what may arrive."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini.failures import QUOTA_WORDS
from gemini.quota import (
    MAX_WAIT_SECONDS,
    MIN_WAIT_SECONDS,
    QuotaScope,
    quota_scope,
    quota_wait_seconds,
)
from gemini.reply import ErrorReply, read_error
from models.pacific import seconds_left
from simulator.errors import catalogue_reply

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


PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel"
PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
USUAL = "You exceeded your current quota, please check your plan and billing details."
CAP = "Your project has exceeded its monthly spending cap. Please go to AI Studio to manage your project spend cap."


def _said(*ids: str, message: str = USUAL, values: tuple[str, ...] = (), reasons: tuple[str, ...] = ()) -> ErrorReply:
    return ErrorReply(http_status=429, quota_ids=ids, quota_values=values, reasons=reasons, message=message)


@pytest.mark.parametrize(
    ("error", "scope"),
    [
        (_said(PER_MINUTE), QuotaScope.MINUTE),
        (_said("GenerateContentPaidTierInputTokensPerModelPerMinute"), QuotaScope.MINUTE),
        (_said("RequestsPerSecond"), QuotaScope.MINUTE),
        (_said(PER_DAY), QuotaScope.DAY),
        (_said("DailyLimit"), QuotaScope.DAY),
        (_said(message="limit 'requests per day' of service x"), QuotaScope.DAY),
        (_said("SpendRolling", message="per day"), QuotaScope.SPEND),
        (_said(message="The project's spending limit over 10 minutes is exceeded."), QuotaScope.SPEND),
        (_said(PER_MINUTE, message=f"{USUAL} See https://ai.studio/spend"), QuotaScope.MINUTE),
        (_said(message=CAP), QuotaScope.SPEND_CAP),
        (_said("ProjectSpendCapPerMonth"), QuotaScope.SPEND_CAP),
        (_said(message="Your prepayment credits are depleted. Please go to AI Studio."), QuotaScope.CLOSED),
        (_said(message="Billing is not active."), QuotaScope.CLOSED),
        (_said(reasons=("BILLING_DISABLED",)), QuotaScope.CLOSED),
        (_said(reasons=("CONSUMER_SUSPENDED",)), QuotaScope.CLOSED),
        (_said(PER_DAY, message=f"{USUAL} * Quota exceeded for metric: x, limit: 0, model: m"), QuotaScope.CLOSED),
        (_said(PER_DAY, message=f"{USUAL} * Quota exceeded for metric: x, limit: 250, model: m"), QuotaScope.DAY),
        (_said(PER_DAY, values=("0",)), QuotaScope.CLOSED),
        (_said(message="Gemini 2.5 Pro Preview doesn't have a free quota tier."), QuotaScope.CLOSED),
        (_said("FileStorageBytesPerProject", values=("21474836480",)), QuotaScope.UNNAMED),
        (_said(), QuotaScope.UNNAMED),
        (_said(message=""), QuotaScope.UNNAMED),
    ],
)
def test_what_was_used_up_is_known_by_its_name_or_its_words(error: ErrorReply, scope: QuotaScope) -> None:
    assert quota_scope(error) is scope


@pytest.mark.parametrize(
    ("kind", "scope"),
    [
        ("429_minute", QuotaScope.MINUTE),
        ("429_hours", QuotaScope.MINUTE),
        ("429_day", QuotaScope.DAY),
        ("429_several", QuotaScope.DAY),
        ("429_spend", QuotaScope.SPEND_CAP),
        ("429_rolling", QuotaScope.SPEND),
        ("429_credits", QuotaScope.CLOSED),
        ("429_plan", QuotaScope.CLOSED),
        ("429_bare", QuotaScope.UNNAMED),
        ("429_help", QuotaScope.UNNAMED),
        ("429_absurd", QuotaScope.UNNAMED),
    ],
)
def test_the_bodies_that_users_reported_are_understood(kind: str, scope: QuotaScope) -> None:
    assert quota_scope(read_error(429, catalogue_reply(kind, model="m").body, {})) is scope


_BY_SCOPE = {
    QuotaScope.SPEND_CAP: "SpendCap",
    QuotaScope.DAY: "XPerDay",
    QuotaScope.SPEND: "SpendRolling",
    QuotaScope.MINUTE: "XPerMinute",
    QuotaScope.UNNAMED: "Other",
}


@given(st.lists(st.sampled_from(list(_BY_SCOPE)), min_size=1, max_size=5))
def test_of_several_the_worst_counts(met: list[QuotaScope]) -> None:
    worst = min(met, key=list(QuotaScope).index)
    assert quota_scope(_said(*(_BY_SCOPE[scope] for scope in met))) is worst


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (_said(message=CAP), None),
        (_said(PER_DAY, message="limit: 0 Please retry in 42s."), None),
        (_said(PER_DAY, message="Please retry in 22s."), 12 * 3600),
        (_said("SpendRolling"), 120),
        (_said("SpendRolling", message="Please retry in 5s."), 120),
        (_said("SpendRolling", message="Please retry in 200s."), 200),
        (_said(PER_MINUTE), 60),
    ],
)
def test_what_was_used_up_decides_before_the_delay_that_is_asked_for(error: ErrorReply, seconds: float | None) -> None:
    assert quota_wait_seconds(error, NOON) == seconds


@pytest.mark.parametrize("scope", QuotaScope)
def test_every_scope_has_words_that_say_what_comes_of_it(scope: QuotaScope) -> None:
    what, advice = QUOTA_WORDS[scope]
    assert what
    assert advice.endswith(".")
    assert ("wait" in advice) == (
        scope in {QuotaScope.SPEND_CAP, QuotaScope.SPEND, QuotaScope.MINUTE, QuotaScope.UNNAMED}
    )


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
    wait = quota_wait_seconds(error, NOON)
    assert wait is None or 0 < wait <= timedelta(hours=25).total_seconds()
