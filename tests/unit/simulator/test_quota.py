"""Quotas: never more than N in any minute or day, the refusals in Google's words, and a key that changes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import RefusedError
from simulator.quota import Limits, Quota

Make = Callable[..., Any]

HELLO = {"contents": [{"parts": [{"text": "hello"}]}]}
BAD_KEYS: list[Any] = [{}, {"api_key": 1}, [], {"api_key": "x", "y": 1}]
SECOND = 1_000_000_000
MODEL = "gemini-3.8-flash"
PER_MINUTE = {
    "quotaMetric": "generativelanguage.googleapis.com/generate_content_paid_tier_requests",
    "quotaId": "GenerateRequestsPerMinutePerProjectPerModel",
}
INPUT_TOKENS = {
    "quotaMetric": "generativelanguage.googleapis.com/generate_content_paid_tier_input_token_count",
    "quotaId": "GenerateContentPaidTierInputTokensPerModelPerMinute",
}
PER_DAY = {
    "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
    "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
}


class Clock:
    """Both clocks of a quota, set by hand."""

    def __init__(self, now: float = 0.0) -> None:
        self.ns = 0
        self.now = now

    def quota(self, **limits: Any) -> Quota:
        return Quota(Limits(**limits), clock_ns=lambda: self.ns, now=lambda: self.now)


def refused(quota: Quota, tokens: int = 1) -> dict[str, Any] | None:
    """Ask for one call: None and it counts, or the error it is refused with."""
    try:
        quota.take(quota.admit(MODEL, tokens))
    except RefusedError as error:
        reply = error.reply
    else:
        return None
    found: dict[str, Any] = json.loads(reply.body)["error"]
    assert (reply.status, found["code"], found["status"]) == (429, 429, "RESOURCE_EXHAUSTED")
    return found


def parts(error: dict[str, Any]) -> dict[str, Any]:
    return {item["@type"].removeprefix("type.googleapis.com/google.rpc."): item for item in error["details"]}


def wait_ns(error: dict[str, Any]) -> int:
    seconds, _, rest = parts(error)["RetryInfo"]["retryDelay"].removesuffix("s").partition(".")
    return int(seconds) * SECOND + int(f"{rest:0<9}")


STEPS = st.lists(st.tuples(st.integers(0, 25 * SECOND), st.integers(0, 40)), max_size=60)


@given(steps=STEPS, most=st.integers(1, 5), most_tokens=st.integers(1, 60), minute=st.sampled_from([60, 6]))
def test_no_minute_holds_more_than_its_quota_and_nothing_that_fits_is_refused(
    steps: list[tuple[int, int]], most: int, most_tokens: int, minute: int
) -> None:
    clock = Clock()
    quota = clock.quota(requests_per_minute=most, input_tokens_per_minute=most_tokens, minute_seconds=minute)
    admitted: list[tuple[int, int]] = []
    for step, tokens in steps:
        clock.ns += step * minute // 60
        past = [spent for at, spent in admitted if at > clock.ns - minute * SECOND]
        fits = len(past) < most and sum(past) + tokens <= most_tokens
        assert (refused(quota, tokens) is None) == fits
        if fits:
            admitted.append((clock.ns, tokens))
    for start, _ in admitted:
        held = [spent for at, spent in admitted if start <= at < start + minute * SECOND]
        assert len(held) <= most
        assert sum(held) <= most_tokens


@given(steps=STEPS, most=st.integers(1, 4), most_tokens=st.integers(20, 60), wanted=st.integers(0, 20))
def test_the_wait_that_is_told_is_the_shortest_that_helps(
    steps: list[tuple[int, int]], most: int, most_tokens: int, wanted: int
) -> None:
    clock = Clock()
    quota = clock.quota(requests_per_minute=most, input_tokens_per_minute=most_tokens)
    for step, tokens in steps:
        clock.ns += step
        refused(quota, tokens)
    if error := refused(quota, wanted):
        clock.ns += wait_ns(error) - 1
        assert refused(quota, wanted)
        clock.ns += 1
        assert refused(quota, wanted) is None


def test_the_minute_is_half_open_and_refusals_count_nothing() -> None:
    clock = Clock()
    quota = clock.quota(requests_per_minute=2)
    assert [refused(quota) is None for _ in range(5)] == [True, True, False, False, False]
    clock.ns = 60 * SECOND - 1
    assert refused(quota)
    clock.ns += 1
    assert [refused(quota) is None for _ in range(3)] == [True, True, False]


def test_each_model_has_its_own_quota() -> None:
    quota = Clock().quota(requests_per_minute=1)
    for model in ("gemini-2.5-pro", "gemini-2.5-flash"):
        quota.take(quota.admit(model, 1))
        with pytest.raises(RefusedError):
            quota.admit(model, 1)


def test_the_refusal_names_every_quota_that_is_exceeded_and_the_longest_wait() -> None:
    clock = Clock()
    quota = clock.quota(requests_per_minute=2, input_tokens_per_minute=100)
    refused(quota, 10)
    clock.ns = 20 * SECOND
    refused(quota, 80)
    clock.ns = 25_500_000_000
    error = refused(quota, 50)
    assert error is not None
    scope = {"quotaDimensions": {"location": "global", "model": MODEL}}
    assert list(parts(error)) == ["Help", "QuotaFailure", "RetryInfo"]
    assert parts(error)["QuotaFailure"]["violations"] == [
        {**PER_MINUTE, **scope, "quotaValue": "2"},
        {**INPUT_TOKENS, **scope, "quotaValue": "100"},
    ]
    assert parts(error)["RetryInfo"]["retryDelay"] == "54.5s"
    assert error["message"].endswith("Please retry in 54.5s.")


def test_a_day_s_quota_comes_with_a_useless_wait_also_beside_others() -> None:
    quota = Clock().quota(requests_per_minute=1, requests_per_day=1)
    refused(quota)
    error = refused(quota)
    assert error is not None
    found = [item["quotaId"] for item in parts(error)["QuotaFailure"]["violations"]]
    assert found == [PER_MINUTE["quotaId"], PER_DAY["quotaId"]]
    assert parts(error)["RetryInfo"]["retryDelay"] == "22s"


def test_several_quotas_stand_in_one_list_with_the_day_s_useless_wait(simulator: Any) -> None:
    simulator.script({"fault": {"kind": "429_several"}})
    _, failure, retry = simulator.ask(HELLO).error["details"]
    assert [item["quotaId"] for item in failure["violations"]] == [
        "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
        "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
        "GenerateContentInputTokensPerModelPerMinute-FreeTier",
    ]
    assert retry["retryDelay"] == "22s"


def test_what_no_wait_can_make_fit_is_told_no_wait() -> None:
    error = refused(Clock().quota(input_tokens_per_minute=100), 101)
    assert error is not None
    assert list(parts(error)) == ["Help", "QuotaFailure"]
    assert "retry in" not in error["message"]


@pytest.mark.parametrize(
    ("midnight", "why"),
    [
        (datetime(2026, 11, 27, 8, tzinfo=UTC), "winter"),
        (datetime(2026, 7, 2, 7, tzinfo=UTC), "summer"),
        (datetime(2026, 3, 9, 7, tzinfo=UTC), "the day of 23 hours ends"),
        (datetime(2026, 11, 2, 8, tzinfo=UTC), "the day of 25 hours ends"),
    ],
)
def test_the_day_ends_at_midnight_pacific(midnight: datetime, why: str) -> None:
    clock = Clock(midnight.timestamp() - 12 * 3600)
    quota = clock.quota(requests_per_day=2)
    assert [refused(quota) is None for _ in range(3)] == [True, True, False]
    clock.now = midnight.timestamp() - 0.001
    assert refused(quota), why
    clock.now = midnight.timestamp()
    assert [refused(quota) is None for _ in range(3)] == [True, True, False], why


def test_a_server_lets_no_more_through_in_any_stretch_of_a_minute(start: Make) -> None:
    with start("--rpm", "5", "--minute-seconds", "0.5") as client:
        passed: list[dict[str, Any]] = []
        while len(passed) < 20:
            answer = client.ask(HELLO)
            if answer.status == 200:
                passed.append(client.calls()[-1])
            else:
                assert answer.status == 429
    times = [datetime.fromisoformat(call["time"]).timestamp() for call in passed]
    # Requests are noted as they arrive, moments before they are let through.
    assert all(later - earlier > 0.45 for earlier, later in zip(times, times[5:], strict=False))


@pytest.mark.parametrize(
    ("flags", "quota"),
    [
        (("--rpm", "3"), PER_MINUTE["quotaId"]),
        (("--tpm", "6"), INPUT_TOKENS["quotaId"]),
        (("--rpd", "3"), PER_DAY["quotaId"]),
    ],
)
def test_each_flag_sets_its_quota_whatever_the_key(start: Make, flags: tuple[str, str], quota: str) -> None:
    with start(*flags) as client:
        answers = [client.ask(HELLO, headers={"x-goog-api-key": key}) for key in "abcde"]
        assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
        (violation,) = parts(answers[3].error)["QuotaFailure"]["violations"]
        assert (violation["quotaId"], violation["quotaValue"]) == (quota, flags[1])
        assert client.ask(HELLO, model="gemini-2.5-pro").status == 200
        call = client.calls()[3]
        assert (call["status"], call["fault"], call["billed"], call["cost_usd"]) == (429, None, False, "0")


def test_what_is_refused_for_another_reason_uses_no_quota_and_what_fails_within_does(start: Make) -> None:
    rules = [
        {"match": {"nth": [number]}, "fault": {"kind": kind}} for number, kind in enumerate(("429_bare", "503"), 1)
    ]
    with start("--rpm", "2") as client:
        client.script(*rules)
        assert client.ask({}).status == 400
        assert client.ask(HELLO, headers={"x-goog-api-key": "invalid"}).status == 400
        # The second rule counts what the first let by.
        assert [client.ask(HELLO).status for _ in range(4)] == [429, 200, 503, 429]
        client.send("POST", "/simulator/reset")
        assert client.ask(HELLO).status == 429
        assert client.calls()[0]["fault"] == "429_bare"


@pytest.mark.parametrize(
    "flags", [("--rpm", "0"), ("--tpm", "-1"), ("--rpd", "x"), ("--minute-seconds", "0"), ("--minute-seconds", "nan")]
)
def test_a_quota_that_makes_no_sense_stops_it_at_the_start(start: Make, flags: tuple[str, str]) -> None:
    with pytest.raises(AssertionError, match=f"argument {flags[0]}: invalid"), start(*flags):
        pass


def test_a_key_becomes_right_while_it_runs(start: Make) -> None:
    def status(client: Any, key: str) -> int:
        return int(client.ask(HELLO, headers={"x-goog-api-key": key}).status)

    def change(client: Any, body: Any) -> int:
        return int(client.send("POST", "/simulator/key", json.dumps(body).encode()).status)

    with start("--api-key", "old") as client:
        assert (status(client, "new"), status(client, "old")) == (400, 200)
        assert change(client, {"api_key": "new"}) == 200
        assert (status(client, "new"), status(client, "old")) == (200, 400)
        assert [change(client, bad) for bad in BAD_KEYS] == [400] * len(BAD_KEYS)
        assert status(client, "new") == 200
        assert change(client, {"api_key": None}) == 200
        assert (status(client, "any"), status(client, "invalid")) == (200, 400)
        client.send("POST", "/simulator/reset")
        assert (status(client, "new"), status(client, "old")) == (400, 200)
