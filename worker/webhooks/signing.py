"""Signatures of webhooks, as Standard Webhooks 1.0.0 writes them (https://www.standardwebhooks.com/, "Webhook metadata").

What is signed is `{webhook-id}.{webhook-timestamp}.{body}`, by HMAC-SHA256 with the bytes of the secret behind `whsec_`. With two
secrets there are two signatures, a space between; a receiver that knows either is content.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from models.store.webhooks.endpoints import SECRET_PREFIX

VERSION = "v1"


def signed_headers(body: bytes, *, event_id: str, at_seconds: int, secrets: Sequence[str]) -> dict[str, str]:
    """The headers of a try at that Unix time."""
    signed = f"{event_id}.{at_seconds}.".encode() + body
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(at_seconds),
        "webhook-signature": " ".join(f"{VERSION},{_signature(secret, signed)}" for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
