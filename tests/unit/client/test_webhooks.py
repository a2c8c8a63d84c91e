"""Our verification against the one that the makers of the standard publish."""

import base64
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from mediascribe_client import WebhookVerificationError, verify_webhook

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
BODY = json.dumps(
    {"type": "batch.completed", "timestamp": "2026-11-26T10:00:00Z", "data": {"batch_id": "bat_1", "ü": 1}}
)
Headers = dict[str, str]


def signed(body: str = BODY, *secrets_: str, age_seconds: float = 0.0) -> Headers:
    """The headers of a message that the standard's own library signed."""
    moment = datetime.now(UTC) - timedelta(seconds=age_seconds)
    signatures = " ".join(Webhook(each).sign("msg_1", moment, body) for each in secrets_ or (SECRET,))
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(moment.timestamp())),
        "Webhook-Signature": signatures,
    }


def test_what_the_library_of_the_standard_signed_is_believed() -> None:
    for body in (BODY, BODY.encode()):
        event = verify_webhook(body, signed(), SECRET)
        assert (event.id, event.type, event.data["batch_id"]) == ("msg_1", "batch.completed", "bat_1")
    assert Webhook(SECRET).verify(BODY, {name.lower(): value for name, value in signed().items()}) == json.loads(BODY)


def test_the_vector_of_the_standard_is_believed() -> None:
    """From its documentation; the event in it has no type, so that only the signature can be what is accepted."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    with pytest.raises(WebhookVerificationError, match="no event"):
        verify_webhook('{"test": 2432232314}', headers, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", tolerance_seconds=1e12)


def test_while_a_secret_is_replaced_either_is_enough() -> None:
    verify_webhook(BODY, signed(BODY, OTHER, SECRET), SECRET)
    verify_webhook(BODY, signed(BODY, SECRET), [OTHER, SECRET])
    with pytest.raises(WebhookVerificationError, match="no signature is right"):
        verify_webhook(BODY, signed(BODY, OTHER), SECRET)


@pytest.mark.parametrize("age_seconds", [310, -310])
def test_a_message_of_another_time_is_refused(age_seconds: float) -> None:
    with pytest.raises(WebhookVerificationError, match="300 seconds"):
        verify_webhook(BODY, signed(age_seconds=age_seconds), SECRET)
    verify_webhook(BODY, signed(age_seconds=age_seconds), SECRET, tolerance_seconds=600)


def _without(name: str) -> Callable[[Headers], Headers]:
    return lambda headers: {each: value for each, value in headers.items() if each != name}


@pytest.mark.parametrize(
    "forge",
    [
        _without("Webhook-Id"),
        _without("Webhook-Timestamp"),
        _without("Webhook-Signature"),
        lambda headers: {**headers, "Webhook-Id": "msg_2"},
        lambda headers: {**headers, "Webhook-Timestamp": str(int(headers["Webhook-Timestamp"]) + 1)},
        lambda headers: {**headers, "Webhook-Timestamp": "9" * 5_000},
        lambda headers: {**headers, "Webhook-Timestamp": "nan"},
        lambda headers: {**headers, "Webhook-Timestamp": "\u0661"},
        lambda headers: {**headers, "Webhook-Signature": headers["Webhook-Signature"].replace("v1,", "v2,")},
        lambda headers: {**headers, "Webhook-Signature": "v1, v1,= v1,é v1"},
        lambda headers: {**headers, "Webhook-Signature": "v1," + base64.b64encode(secrets.token_bytes(32)).decode()},
    ],
)
def test_a_forged_header_is_refused(forge: Callable[[Headers], Headers]) -> None:
    with pytest.raises(WebhookVerificationError):
        verify_webhook(BODY, forge(signed()), SECRET)


def test_a_body_that_was_changed_is_refused() -> None:
    for body in (BODY + " ", BODY.replace("bat_1", "bat_2"), ""):
        with pytest.raises(WebhookVerificationError):
            verify_webhook(body, signed(), SECRET)


@pytest.mark.parametrize("body", ["[1]", "oops", '{"type": "x"}', "\x00"])
def test_what_is_signed_and_no_event_is_refused(body: str) -> None:
    with pytest.raises(WebhookVerificationError, match="no event"):
        verify_webhook(body, signed(body), SECRET)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_é", "not base64", []])
def test_a_secret_that_is_none_is_a_fault_of_the_program(secret: str | list[str]) -> None:
    with pytest.raises(ValueError, match="secret"):
        verify_webhook(BODY, signed(), secret)
