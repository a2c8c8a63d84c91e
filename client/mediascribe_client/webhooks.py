"""Is a message really from the server that shares the secret? Standard Webhooks 1.0: HMAC-SHA256 of id, time and raw body."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mediascribe_client.errors import WebhookVerificationError

SECRET_PREFIX = "whsec_"  # noqa: S105 - how secrets begin
SIGNATURE_VERSION = "v1"
MOST_DIGITS = 12
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


@dataclass(frozen=True, kw_only=True)
class WebhookEvent:
    """A message that can be believed."""

    id: str
    """The same for every delivery of it: remember it, and act once."""
    type: str
    timestamp: str
    """When it happened (RFC 3339)."""
    data: Mapping[str, Any]


def verify_webhook(
    payload: bytes | str, headers: Mapping[str, str], secret: str | Iterable[str], *, tolerance_seconds: float = 300
) -> WebhookEvent:
    """The event, if one of the secrets signed exactly these bytes, and not long ago.

    `payload` is the body as it came, before anything parsed it. Several secrets are for the time in which one replaces another.
    Raises WebhookVerificationError; ValueError where a secret is none.
    """
    body = payload.encode() if isinstance(payload, str) else payload
    message_id, timestamp, signatures = _told(headers)
    if not abs(time.time() - _seconds(timestamp)) <= tolerance_seconds:
        raise WebhookVerificationError(f"webhook-timestamp is more than {tolerance_seconds:g} seconds away from now")
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    secrets = [secret] if isinstance(secret, str) else list(secret)
    if not secrets:
        raise ValueError("there must be a secret")
    expected = [hmac.digest(_key(each), signed, hashlib.sha256) for each in secrets]
    given = [_signature(each) for each in signatures.split()]
    if not any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in given):
        raise WebhookVerificationError("no signature is right: another secret, or the body was changed on its way")
    return _event(message_id, body)


def _told(headers: Mapping[str, str]) -> list[str]:
    named = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in HEADERS if not named.get(name)]
    if missing:
        raise WebhookVerificationError(f"{missing[0]} is missing")
    return [named[name] for name in HEADERS]


def _seconds(timestamp: str) -> int:
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= MOST_DIGITS):
        raise WebhookVerificationError("webhook-timestamp is no number of seconds")
    return int(timestamp)


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.strip().removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise ValueError(f"a secret must be {SECRET_PREFIX} and base64")
    return key


def _signature(given: str) -> bytes:
    version, _, encoded = given.partition(",")
    try:
        return base64.b64decode(encoded, validate=True) if version == SIGNATURE_VERSION else b""
    except ValueError:
        return b""


def _event(message_id: str, body: bytes) -> WebhookEvent:
    try:
        told = json.loads(body)
        return WebhookEvent(id=message_id, type=told["type"], timestamp=told["timestamp"], data=told["data"])
    except (ValueError, KeyError, TypeError) as error:
        raise WebhookVerificationError("it is signed, but no event") from error
