"""What the real API refuses is refused, with a reply that names what is wrong."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

Make = Callable[..., Any]

HELLO = {"contents": [{"parts": [{"text": "hello"}]}]}


@pytest.mark.parametrize(
    ("body", "named", "path"),
    [
        ({"foo": 1, **HELLO}, 'Unknown name "foo": Cannot find field.', ""),
        (
            {"generationConfig": {"fooBar": 1}, **HELLO},
            "Unknown name \"fooBar\" at 'generation_config'",
            "generation_config",
        ),
        ({"contents": [{"parts": [{"text": "a", "txt": "b"}]}]}, "at 'contents[0].parts[0]'", "contents[0].parts[0]"),
        (
            {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "", "url": "x"}}]}]},
            "Unknown name \"url\" at 'contents[0].parts[0].inline_data'",
            "contents[0].parts[0].inline_data",
        ),
        (
            {"generationConfig": {"responseSchema": {"properties": {"a": {"colour": 1}}}}, **HELLO},
            "at 'generation_config.response_schema.properties[a]'",
            "generation_config.response_schema.properties[a]",
        ),
        ({"generationConfig": {"temperature": "warm"}, **HELLO}, "(TYPE_NUMBER)", "generation_config.temperature"),
        ({"generationConfig": {"seed": 1.5}, **HELLO}, "(TYPE_INT)", "generation_config.seed"),
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "DEEP"}}, **HELLO}, "ThinkingLevel", None),
        ({"labels": {"a": 1}, **HELLO}, "(TYPE_MAP)", "labels"),
        ({"safetySettings": [{"category": "HARM", "threshold": "OFF"}], **HELLO}, "HarmCategory", None),
    ],
)
def test_a_field_or_a_value_that_the_protocol_does_not_know_is_named(
    simulator: Any, body: Any, named: str, path: str | None
) -> None:
    answer = simulator.ask(body)
    assert (answer.status, answer.error["status"]) == (400, "INVALID_ARGUMENT")
    assert named in answer.error["message"]
    (violation,) = answer.error["details"][0]["fieldViolations"]
    assert path in (None, violation["field"])


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "contents is not specified"),
        ({"contents": []}, "contents is not specified"),
        ({"contents": [{"parts": []}]}, "contents.parts must not be empty"),
        ({"contents": [{"parts": [{}]}]}, "must have one initialized field"),
        ({"contents": [{"parts": [{"text": "a", "fileData": {"fileUri": "x"}}]}]}, "has more than one"),
        ({"contents": [{"role": "system", "parts": [{"text": "a"}]}]}, "Please use a valid role: user, model."),
        ({"labels": {"Job": "1"}, **HELLO}, 'Invalid label key "Job"'),
        ({"labels": {"job": "A b"}, **HELLO}, 'Invalid value "A b" of label "job"'),
        ({"labels": {"job": "a" * 64}, **HELLO}, "at most 63 characters"),
        ({"labels": {f"l{number}": "" for number in range(65)}, **HELLO}, "at most 64 labels"),
        ({"generationConfig": {"temperature": 2.5}, **HELLO}, "temperature is 2.5"),
        ({"generationConfig": {"maxOutputTokens": 0}, **HELLO}, "max_output_tokens is 0"),
        ({"generationConfig": {"responseJsonSchema": {}}, **HELLO}, "only allowed with response_mime_type"),
        ({"generationConfig": {"responseMimeType": "text/html"}, **HELLO}, "response_mime_type"),
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW", "thinkingBudget": 1}}, **HELLO}, "only one"),
        ({"contents": [{"parts": [{"fileData": {"fileUri": "https://host/a.jpg"}}]}]}, "Cannot fetch content"),
        (b"", "Invalid JSON payload"),
        (b"{", "Invalid JSON payload"),
        (b"\xff\xfe{}", "Invalid JSON payload"),
        (b'{"contents": NaN}', "Invalid JSON payload"),
        (b"[" * 100_000, "Invalid JSON payload"),
        (b"[]", "Invalid value at 'request'"),
    ],
)
def test_a_request_that_breaks_a_rule_is_refused(simulator: Any, body: Any, named: str) -> None:
    answer = simulator.ask(body)
    assert (answer.status, answer.error["status"]) == (400, "INVALID_ARGUMENT")
    assert named in answer.error["message"]


def test_a_2_5_model_refuses_thinking_levels_and_pro_cannot_stop_thinking(simulator: Any) -> None:
    level = {"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}, **HELLO}
    none = {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}, **HELLO}
    assert simulator.ask(level).status == 200
    assert simulator.ask(level, model="gemini-2.5-flash").status == 400
    assert simulator.ask(none, model="gemini-2.5-flash").status == 200
    assert simulator.ask(none, model="gemini-2.5-pro").status == 400


def test_both_spellings_and_both_base64_alphabets_are_read(simulator: Any, picture: Make) -> None:
    data = picture() + b"\xfb\xef\xff"  # bytes whose base64 has the letters in which the alphabets differ
    standard, safe = base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert standard.rstrip("=") != safe
    camel = {"inlineData": {"mimeType": "image/jpeg", "data": standard}}
    snake = {"inline_data": {"mimeType": "image/jpeg", "data": safe}}
    config = {"maxOutputTokens": "100", "top_p": 1, "thinkingConfig": {"thinking_level": "MINIMAL"}}
    answers = [
        simulator.ask({"contents": [{"parts": [camel]}], "generationConfig": config}),
        simulator.ask({"contents": {"parts": snake}, "generation_config": config}),
    ]
    assert answers[0].text == answers[1].text
    first, second = simulator.calls()
    assert first["media_sha256"] == second["media_sha256"]
    assert first["question_sha256"] == second["question_sha256"]


def test_a_field_set_in_both_spellings_is_refused(simulator: Any) -> None:
    config = {"topP": 1, "top_p": 1}
    assert "set twice" in simulator.ask({"generationConfig": config, **HELLO}).error["message"]


@pytest.mark.parametrize("data", ["@@@@", "YQ==YQ==", "Y", "YWJj\n", 7])
def test_bad_base64_is_refused(simulator: Any, data: object) -> None:
    answer = simulator.ask({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": data}}]}]})
    assert answer.status == 400
    assert "(TYPE_BYTES)" in answer.error["message"]
    assert "contents[0].parts[0].inline_data.data" in answer.error["message"]


@pytest.mark.parametrize("mime_type", ["image/gif", "image/jpg", "image/bmp", "audio/amr", "video/mp4", "jpeg", ""])
def test_a_media_type_that_gemini_does_not_take_is_refused(
    simulator: Any, picture: Make, request_with: Make, mime_type: str
) -> None:
    answer = simulator.ask(request_with(picture(), mime_type))
    assert (answer.status, answer.error["message"]) == (400, f"Unsupported MIME type: {mime_type}")


@pytest.mark.parametrize(
    "mime_type",
    [
        "image/png",
        "image/webp",
        "image/heic",
        "audio/wav",
        "audio/mp3",
        "audio/aiff",
        "audio/aac",
        "audio/ogg",
        "audio/flac",
    ],
)
def test_bytes_that_do_not_match_their_type_are_refused(
    simulator: Any, picture: Make, request_with: Make, mime_type: str
) -> None:
    answer = simulator.ask(request_with(picture("JPEG"), mime_type))
    assert answer.status == 400
    assert f"the bytes are not {mime_type}" in answer.error["message"]


def test_media_that_no_decoder_reads_are_refused(
    simulator: Any, picture: Make, sound: Make, request_with: Make
) -> None:
    for data, mime_type in (
        (picture()[:300], "image/jpeg"),
        (sound(1)[:20], "audio/wav"),
        (b"fLaC" + b"x" * 99, "audio/flac"),
    ):
        answer = simulator.ask(request_with(data, mime_type))
        assert answer.status == 400
        assert "cannot be decoded" in answer.error["message"]


@pytest.mark.parametrize(("seconds", "status"), [("5", 400), ("9.9", 400), ("soon", 400), ("nan", 400), ("10", 200)])
def test_a_server_timeout_below_ten_seconds_is_refused(simulator: Any, seconds: str, status: int) -> None:
    answer = simulator.ask(HELLO, headers={"X-Server-Timeout": seconds})
    assert answer.status == status
    if seconds == "5":
        assert answer.error["message"] == "Manually set deadline 5s is too short. Minimum allowed deadline is 10s."


@pytest.mark.parametrize("key", ["", "invalid"])
def test_a_missing_or_wrong_key_is_refused_with_its_reason(simulator: Any, key: str) -> None:
    for answer in (
        simulator.ask(HELLO, headers={"x-goog-api-key": key}),
        simulator.send("GET", "/v1/models", headers={"x-goog-api-key": key}),
    ):
        assert (answer.status, answer.error["status"]) == (400, "INVALID_ARGUMENT")
        assert answer.error["details"][0]["reason"] == "API_KEY_INVALID"


def test_a_simulator_with_a_key_and_a_model_of_its_own_knows_them(start: Make) -> None:
    with start("--api-key", "right", "--model", "gemini-next") as client:
        assert client.ask(HELLO).status == 400
        assert client.ask(HELLO, headers={"x-goog-api-key": "right"}, model="gemini-next").status == 200
        names = client.send("GET", "/v1/models?key=right", headers={"x-goog-api-key": ""}).json["models"]
        assert "models/gemini-next" in [item["name"] for item in names]


def test_an_unknown_model_is_not_found(simulator: Any) -> None:
    for answer in (simulator.ask(HELLO, model="gemini-9"), simulator.send("GET", "/v1beta/models/gemini-9")):
        assert (answer.status, answer.error["status"]) == (404, "NOT_FOUND")
        assert "models/gemini-9 is not found" in answer.error["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/gemini-3.8-flash",
        "/v1beta/models/gemini-3.8-flash",
        "/v1beta1/publishers/google/models/gemini-3.8-flash",
        "/v1beta1/projects/p/locations/global/publishers/google/models/gemini-3.8-flash",
    ],
)
def test_every_path_of_a_model_leads_to_it(simulator: Any, path: str) -> None:
    assert simulator.send("POST", f"{path}:generateContent", json.dumps(HELLO).encode()).status == 200
    bearer = {"x-goog-api-key": "", "Authorization": "Bearer t"}
    assert simulator.send("POST", f"{path}:generateContent", json.dumps(HELLO).encode(), bearer).status == 200
    assert simulator.send("GET", path).json["name"] == "models/gemini-3.8-flash"


def test_methods_that_are_not_simulated_say_so(simulator: Any) -> None:
    answer = simulator.send("POST", "/v1/models/gemini-3.8-flash:countTokens", b"{}")
    assert (answer.status, answer.error["status"]) == (501, "UNIMPLEMENTED")
    assert simulator.send("GET", "/favicon.ico").status == 404


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
FIELDS = """
contents parts role text inlineData inline_data mimeType data fileData generationConfig labels systemInstruction tools
responseSchema responseJsonSchema responseMimeType properties items type anyOf $ref enum const minItems maxItems minimum
maxOutputTokens thinkingConfig maxLength
"""
field_names = st.sampled_from(FIELDS.split())
field_values = st.sampled_from(
    [
        "user",
        "image/jpeg",
        "audio/wav",
        "application/json",
        "object",
        "array",
        "string",
        "#",
        "/9j/4AAQ",
        "UklGRgAAAABXQVZF",
    ]
)
likely_bodies = st.recursive(
    json_values | field_values,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(field_names, inner, max_size=4),
    max_leaves=20,
)


@given(body=st.binary(max_size=60) | (json_values | likely_bodies).map(lambda value: json.dumps(value).encode()))
def test_no_body_makes_it_fail(shared_simulator: Any, body: bytes) -> None:
    assert shared_simulator.ask(body).status in (200, 400, 403)


@given(
    schema=likely_bodies.filter(lambda value: isinstance(value, dict)),
    kind=st.sampled_from(["responseSchema", "responseJsonSchema"]),
)
def test_no_schema_makes_it_fail(shared_simulator: Any, schema: Any, kind: str) -> None:
    config = {"responseMimeType": "application/json", kind: schema}
    answer = shared_simulator.ask({"generationConfig": config, **HELLO})
    assert answer.status in (200, 400)
    assert answer.status == 400 or json.loads(answer.text) is not ...


@given(
    head=st.sampled_from([b"\xff\xd8\xff", b"RIFF0000WEBP", b"RIFF0000WAVE", b"fLaC", b"OggS"]),
    rest=st.binary(max_size=80),
)
def test_no_media_make_it_fail(shared_simulator: Any, request_with: Make, head: bytes, rest: bytes) -> None:
    kinds = {b"\xff": "image/jpeg", b"f": "audio/flac", b"O": "audio/ogg"}
    mime_type = "image/webp" if b"WEBP" in head else kinds.get(head[:1], "audio/wav")
    assert shared_simulator.ask(request_with(head + rest, mime_type)).status in (200, 400)
