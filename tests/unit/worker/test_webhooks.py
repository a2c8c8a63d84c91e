"""When a webhook is tried again, how it is signed, where it may go."""

import base64
import time
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from models.failures import FailureError
from models.store.webhooks.endpoints import new_secret
from models.store.webhooks.sending import Effect, Message
from models.webhook import DeliveryState
from worker.environment import load_settings
from worker.webhooks.addresses import check_webhook_url
from worker.webhooks.schedule import HOUR, JITTER, MOST_ATTEMPTS, Heard, decide
from worker.webhooks.signing import signed_headers

PENDING, DELIVERED, FAILED = DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.FAILED


def message(attempts: int = 1, *, by_hand: bool = False) -> Message:
    return Message(
        id="whd_1", claim=1, endpoint_id="whe_1", owner="default", url="https://x.test/", event_id="evt_1",
        event_type="batch.finished", body="{}", attempts=attempts, by_hand=by_hand, secrets=(),
    )  # fmt: skip


def waits(chance: float) -> list[float]:
    """What is waited for after each try but the last, seconds."""
    tries = [decide(message(number), Heard(status=500), chance=lambda: chance) for number in range(1, MOST_ATTEMPTS)]
    assert all((tried.state, tried.effect) == (PENDING, Effect.FAILS) for tried in tries)
    return [tried.retry_in_seconds or 0.0 for tried in tries]


def test_ten_tries_follow_the_schedule_of_standard_webhooks_and_none_comes_early() -> None:
    assert waits(0.0) == [5, 300, 1_800, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR]
    assert waits(1.0) == pytest.approx([wait * (1 + JITTER) for wait in waits(0.0)])
    assert MOST_ATTEMPTS == 10


FATES: dict[str, tuple[Message, Heard, DeliveryState, Effect]] = {
    "taken": (message(), Heard(status=200), DELIVERED, Effect.WORKS),
    "taken at last": (message(MOST_ATTEMPTS), Heard(status=299), DELIVERED, Effect.WORKS),
    "a redirect": (message(), Heard(status=301), PENDING, Effect.FAILS),
    "not modified": (message(), Heard(status=304), PENDING, Effect.FAILS),
    "no answer": (message(), Heard(error="The endpoint is away."), PENDING, Effect.FAILS),
    "no try left": (message(MOST_ATTEMPTS), Heard(status=500), FAILED, Effect.EXHAUSTED),
    "gone": (message(), Heard(status=410), FAILED, Effect.GONE),
    "by hand": (message(by_hand=True), Heard(status=500), FAILED, Effect.NONE),
    "by hand, taken": (message(MOST_ATTEMPTS + 5, by_hand=True), Heard(status=204), DELIVERED, Effect.WORKS),
}


def test_an_answer_decides_what_becomes_of_delivery_and_endpoint() -> None:
    for name, (sent, heard, state, effect) in FATES.items():
        tried = decide(sent, heard, chance=lambda: 0.5)
        assert (tried.state, tried.effect) == (state, effect), name
        assert (tried.retry_in_seconds is None) == (state is not PENDING), name


def test_who_asks_for_time_gets_it_up_to_a_day() -> None:
    asked = {20.0: 20.0, 1.0: 5.0, 1e9: 24 * HOUR}
    for seconds, wait in asked.items():
        tried = decide(message(), Heard(status=503, retry_after_seconds=seconds), chance=lambda: 0.0)
        assert tried.retry_in_seconds == wait
        assert tried.quiet_seconds == min(seconds, 24 * HOUR)


def test_either_secret_verifies_and_no_other() -> None:
    secrets = [new_secret(), new_secret()]
    headers = signed_headers(b'{"a":"\xc3\xa9"}', event_id="evt_1", at_seconds=int(time.time()), secrets=secrets)
    for secret in secrets:
        assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"))) <= 64
        assert Webhook(secret).verify('{"a":"é"}', headers) == {"a": "é"}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify('{"a":"é"}', headers)


def check(url: str, **settings: Any) -> str:
    loaded = load_settings(flags=settings, environment={}, dotenv=Path("none"))
    return check_webhook_url(url, loaded.settings, "ada")


REFUSED = {
    "http://example.com/": "https",
    "https://127.0.0.1/": "network",
    "https://[::ffff:10.0.0.1]/": "network",
    "https://169.254.169.254/": "network",
    "https://localhost/": "network",
    "https://example.com:22/": "port",
    "https://user:word@example.com/": "user or password",
    "https://0x7f000001/": "no name",
    "ftp://example.com/": "only http",
    "https://example.com/" + "a" * 2_000: "longer",
}


def test_where_webhooks_may_go_is_checked_before_there_is_one() -> None:
    for url, words in REFUSED.items():
        with pytest.raises(FailureError, match=words) as error:
            check(url)
        assert error.value.failure.detail == {"field": "url"}
    for url in ("https://example.com/hook?token=1", "https://example.com:8443/"):
        assert check(url) == url


def test_plain_http_goes_where_the_operator_vouches_for_the_host() -> None:
    url = "http://127.0.0.1:9000/"
    for allowed in ("127.0.0.1:9000", "ada=127.0.0.0/8:9000", "*.test,127.0.0.1:9000"):
        assert check(url, allowed_hosts=allowed) == url
    assert check("http://a.test/", allowed_hosts="*.test")
    for allowed in ("bob=127.0.0.1:9000", "127.0.0.2:9000"):
        with pytest.raises(FailureError):
            check(url, allowed_hosts=allowed)
