"""Scripted faults: which calls they hit, and what the client then sees."""

import http.client
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]

HELLO = {"contents": [{"parts": [{"text": "hello"}]}]}
ALWAYS: dict[str, Any] = {}


def rule(kind: str, match: dict[str, Any] = ALWAYS, times: int | None = None, **fault: Any) -> dict[str, Any]:
    return {"match": match, "fault": {"kind": kind, **fault}} | ({"times": times} if times else {})


def statuses(simulator: Any, calls: int, **options: Any) -> list[int]:
    return [simulator.ask(HELLO, **options).status for _ in range(calls)]


def test_the_calls_that_a_rule_names_are_hit(simulator: Any) -> None:
    simulator.script(rule("503", {"nth": [1, 3]}), rule("500", {"every": 4}))
    assert statuses(simulator, 8) == [503, 200, 503, 200, 200, 500, 200, 200]


def test_a_rule_stops_after_its_times(simulator: Any) -> None:
    simulator.script(rule("503", times=2))
    assert statuses(simulator, 4) == [503, 503, 200, 200]


def test_chance_is_repeatable(simulator: Any) -> None:
    simulator.script(rule("503", {"probability": 0.5}))
    first = statuses(simulator, 30)
    simulator.send("POST", "/simulator/reset")
    assert statuses(simulator, 30) == first
    assert set(first) == {200, 503}


def test_a_rule_is_about_the_calls_that_meet_all_it_asks(simulator: Any, picture: Make, request_with: Make) -> None:
    red, blue = picture(colour="red"), picture(colour="blue")
    simulator.ask(request_with(red))
    digest = simulator.calls()[-1]["media_sha256"][0]
    simulator.script(
        rule("500", {"media_sha256": digest, "text_contains": "Describe"}),
        rule("503", {"label": {"job": "a"}}),
        rule("504", {"model": "gemini-2.5-pro"}),
    )
    assert simulator.ask(request_with(red)).status == 500
    assert simulator.ask(request_with(red, text="Tell.")).status == 200
    assert simulator.ask(request_with(blue)).status == 200
    assert simulator.ask(request_with(blue, labels={"job": "a", "more": "b"})).status == 503
    assert simulator.ask(request_with(blue, labels={"job": "b"})).status == 200
    assert simulator.ask(HELLO, model="gemini-2.5-pro").status == 504


def test_a_bad_request_does_not_use_up_a_fault(simulator: Any) -> None:
    simulator.script(rule("503", {"nth": [1]}))
    assert simulator.ask({}).status == 400
    assert statuses(simulator, 2) == [503, 200]


@pytest.mark.parametrize(
    ("script", "named"),
    [
        ({}, "a JSON list"),
        ([rule("503", {"tier": "cheap"})], "tier cannot be 'cheap'"),
        ([1], "Rule 1"),
        ([rule("503"), rule("5o3")], "Rule 2 of the fault script: unknown kind '5o3'"),
        ([rule("503", {"nht": [1]})], "['nht']"),
        ([rule("503", {"every": 0})], "every must be at least 1"),
        ([rule("late", seconds="2")], "seconds cannot be '2'"),
        ([rule("late", seconds=-1)], "seconds cannot be -1"),
        ([{"match": {}}], "Rule 1 of the fault script: fault must be"),
    ],
)
def test_a_script_that_cannot_be_used_is_refused_and_the_old_one_stays(simulator: Any, script: Any, named: str) -> None:
    simulator.script(rule("503"))
    answer = simulator.send("POST", "/simulator/faults", json.dumps(script).encode())
    assert answer.status == 400
    assert named in answer.error["message"]
    assert statuses(simulator, 1) == [503]


@pytest.mark.parametrize(
    ("kind", "status", "grpc", "reason"),
    [
        ("429_minute", 429, "RESOURCE_EXHAUSTED", None),
        ("429_day", 429, "RESOURCE_EXHAUSTED", None),
        ("429_bare", 429, "RESOURCE_EXHAUSTED", None),
        ("429_help", 429, "RESOURCE_EXHAUSTED", None),
        ("429_absurd", 429, "RESOURCE_EXHAUSTED", None),
        ("429_several", 429, "RESOURCE_EXHAUSTED", None),
        ("429_hours", 429, "RESOURCE_EXHAUSTED", None),
        ("429_spend", 429, "RESOURCE_EXHAUSTED", None),
        ("429_rolling", 429, "RESOURCE_EXHAUSTED", None),
        ("429_credits", 429, "RESOURCE_EXHAUSTED", None),
        ("429_plan", 429, "RESOURCE_EXHAUSTED", None),
        ("400_invalid", 400, "INVALID_ARGUMENT", None),
        ("400_key", 400, "INVALID_ARGUMENT", "API_KEY_INVALID"),
        ("400_precondition", 400, "FAILED_PRECONDITION", None),
        ("400_billing", 400, "FAILED_PRECONDITION", None),
        ("401", 401, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED"),
        ("403", 403, "PERMISSION_DENIED", "CONSUMER_SUSPENDED"),
        ("403_billing", 403, "PERMISSION_DENIED", "BILLING_DISABLED"),
        ("404_retired", 404, "NOT_FOUND", None),
        ("404_model", 404, "NOT_FOUND", None),
        ("500", 500, "INTERNAL", None),
        ("503", 503, "UNAVAILABLE", None),
        ("504", 504, "DEADLINE_EXCEEDED", None),
    ],
)
def test_each_error_has_its_body(simulator: Any, kind: str, status: int, grpc: str, reason: str | None) -> None:
    simulator.script(rule(kind))
    answer = simulator.ask(HELLO)
    assert (answer.status, answer.error["code"], answer.error["status"]) == (status, status, grpc)
    assert reason in (None, *(item.get("reason") for item in answer.error.get("details", [])))
    (call,) = simulator.calls()
    assert (call["status"], call["fault"], call["paid"]) == (status, kind, False)
    assert (call["billed"], call["cost_usd"], call["tokens"]) == (False, "0", {})


@pytest.mark.parametrize(
    ("kind", "quota", "delay"),
    [
        ("429_minute", "GenerateRequestsPerMinutePerProjectPerModel", "1.5s"),
        ("429_hours", "GenerateRequestsPerMinutePerProjectPerModel", "65205s"),
        ("429_spend", None, None),
        ("429_plan", "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "42.5s"),
        ("429_day", "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "1.5s"),
        ("429_absurd", "FileStorageBytesPerProject", "9223372036854775807s"),
        ("429_help", None, None),
        ("429_bare", None, None),
    ],
)
def test_each_quota_names_its_limit_and_its_wait(
    simulator: Any, kind: str, quota: str | None, delay: str | None
) -> None:
    simulator.script(rule(kind, retry_after_seconds=1.5))
    details = {item["@type"].rsplit(".", 1)[1]: item for item in simulator.ask(HELLO).error.get("details", [])}
    violations = details.get("QuotaFailure", {"violations": [{"quotaId": None}]})["violations"]
    assert [item["quotaId"] for item in violations] == [quota]
    assert details.get("RetryInfo", {}).get("retryDelay") == delay
    assert ("Help" in details) == (kind not in ("429_bare", "429_spend"))


def test_a_fault_of_a_tier_leaves_the_others_alone(simulator: Any) -> None:
    simulator.script(rule("503", {"tier": "flex"}))
    tiers = ("flex", "standard", "priority", "unspecified", None, "flex")
    asked = [HELLO if tier is None else {**HELLO, "serviceTier": tier} for tier in tiers]
    assert [simulator.ask(body).status for body in asked] == [503, 200, 200, 200, 200, 503]


@pytest.mark.parametrize(("kind", "status"), [("503_html", 503), ("html_200", 200), ("413", 413)])
def test_a_proxy_answers_in_html(simulator: Any, kind: str, status: int) -> None:
    simulator.script(rule(kind))
    answer = simulator.ask(HELLO)
    assert (answer.status, answer.headers["Content-Type"]) == (status, "text/html; charset=UTF-8")
    assert answer.body.startswith(b"<!DOCTYPE html>")
    assert simulator.calls()[0]["paid"] is False


def test_a_blocked_prompt_is_a_200_that_is_paid(simulator: Any) -> None:
    simulator.script(rule("blocked", reason="PROHIBITED_CONTENT"))
    answer = simulator.ask(HELLO)
    assert answer.json["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}
    assert "candidates" not in answer.json
    assert answer.json["usageMetadata"]["promptTokenCount"] == 2
    (call,) = simulator.calls()
    assert (call["status"], call["finish"], call["paid"]) == (200, "BLOCKED", True)


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "OTHER", "SOMETHING_NEW"])
def test_a_finish_reason_without_text_can_be_asked_for(simulator: Any, reason: str) -> None:
    simulator.script(rule("finish", reason=reason))
    assert simulator.ask(HELLO).json["candidates"][0] == {
        "content": {"role": "model"},
        "finishReason": reason,
        "index": 0,
    }
    assert simulator.summary()["by_finish"] == {reason: 1}


def ask_for_json(simulator: Any, request_with: Make, data: bytes, mime_type: str) -> Any:
    config = {"responseMimeType": "application/json"}
    return simulator.ask(request_with(data, mime_type, generationConfig=config))


def test_max_tokens_leaves_half_a_json(simulator: Any, picture: Make, request_with: Make) -> None:
    simulator.script(rule("finish", reason="MAX_TOKENS"))
    answer = ask_for_json(simulator, request_with, picture(), "image/jpeg")
    assert answer.json["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert answer.text.startswith("{")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(answer.text)


def test_empty_answers_come_in_three_shapes(simulator: Any) -> None:
    simulator.script(*(rule(kind, times=1) for kind in ("empty_stop", "empty_candidates", "empty_body")))
    stop, none, body = (simulator.ask(HELLO) for _ in range(3))
    assert stop.json["candidates"] == [{"content": {"role": "model"}, "finishReason": "STOP", "index": 0}]
    assert "candidates" not in none.json
    assert (body.status, body.body) == (200, b"")


def test_spoilt_texts_are_what_their_kinds_say(simulator: Any, picture: Make, request_with: Make) -> None:
    kinds = ("fenced", "wrong_shape", "not_json", "refusal", "loop", "json_list_body")
    simulator.script(*(rule(kind, times=1) for kind in kinds))
    answers = [ask_for_json(simulator, request_with, picture(), "image/jpeg") for _ in kinds]
    fenced, wrong, broken, refusal, loop = (answer.text for answer in answers[:-1])
    assert fenced.startswith("```json\n{")
    assert fenced.endswith("}\n```")
    assert "caption" not in json.loads(wrong)
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(broken)
    assert refusal.startswith("I'm sorry")
    assert json.loads(loop)["caption"].count("Simulated loop") == 500
    assert "candidates" in answers[-1].json[0]


def test_sound_that_was_not_heard_costs_no_audio_tokens_and_has_text(
    simulator: Any, sound: Make, request_with: Make
) -> None:
    simulator.script(rule("audio_not_heard"))
    answer = ask_for_json(simulator, request_with, sound(1), "audio/wav")
    assert json.loads(answer.text)["segments"][0]["text"] == "Thank you all for coming today."
    modalities = [item["modality"] for item in answer.json["usageMetadata"]["promptTokensDetails"]]
    assert modalities == ["TEXT"]


def test_bad_times_lie_beyond_the_end_and_run_backwards(simulator: Any, sound: Make, request_with: Make) -> None:
    simulator.script(rule("bad_times"))
    answer = ask_for_json(simulator, request_with, sound(4, (1, 2)), "audio/wav")
    starts = [item["start"] for item in json.loads(answer.text)["segments"]]
    assert starts[0] > 4
    assert starts[1] < starts[0]


def test_a_reset_comes_before_any_byte(simulator: Any) -> None:
    simulator.script(rule("reset"))
    with pytest.raises(ConnectionResetError):
        simulator.ask(HELLO)
    (call,) = simulator.calls()
    assert (call["status"], call["delivered"], call["paid"]) == (None, False, False)


def test_a_reset_mid_body_breaks_a_reply_that_is_paid(simulator: Any) -> None:
    simulator.script(rule("reset_mid_body"))
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        simulator.ask(HELLO)
    (call,) = simulator.calls()
    assert (call["status"], call["delivered"], call["paid"]) == (200, False, True)


def test_a_hang_lasts_until_the_client_leaves(simulator: Any) -> None:
    simulator.script(rule("hang", paid=True))
    with pytest.raises(TimeoutError):
        simulator.send("POST", "/v1/models/gemini-3.8-flash:generateContent", json.dumps(HELLO).encode(), timeout=0.2)
    deadline = time.monotonic() + 5
    while not simulator.calls() and time.monotonic() < deadline:
        pass
    (call,) = simulator.calls()
    assert (call["status"], call["delivered"], call["paid"]) == (None, False, True)
    assert simulator.summary()["in_flight"] == 0


@pytest.mark.parametrize("kind", ["late", "trickle"])
def test_a_slow_reply_takes_its_time_and_is_whole(simulator: Any, kind: str) -> None:
    simulator.script(rule(kind, seconds=0.3))
    begun = time.monotonic()
    assert simulator.ask(HELLO).status == 200
    assert time.monotonic() - begun >= 0.28
    assert simulator.calls()[0]["delivered"] is True


def test_a_late_answer_to_a_client_that_left_is_paid_and_not_delivered(simulator: Any) -> None:
    simulator.script(rule("late", seconds=0.4))
    with pytest.raises(TimeoutError):
        simulator.send("POST", "/v1/models/gemini-3.8-flash:generateContent", json.dumps(HELLO).encode(), timeout=0.1)
    deadline = time.monotonic() + 5
    while not simulator.calls() and time.monotonic() < deadline:
        pass
    (call,) = simulator.calls()
    assert (call["status"], call["delivered"], call["paid"]) == (200, False, True)


def test_a_script_file_is_read_at_the_start_and_a_bad_one_stops_it(start: Make, tmp_path: Any) -> None:
    script = tmp_path / "faults.json"
    script.write_text(json.dumps([rule("503", {"nth": [1]})]))
    with start("--faults", str(script)) as client:
        assert statuses(client, 2) == [503, 200]
    script.write_text("{")
    with pytest.raises(AssertionError, match="is not JSON"), start("--faults", str(script)):
        pass
