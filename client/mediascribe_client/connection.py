"""Where the server is, who asks, and how patiently: the same for both clients."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from mediascribe_client.calls import Call
from mediascribe_client.retries import Retries
from mediascribe_client.version import __version__

URL_VARIABLE = "MEDIASCRIBE_URL"
KEY_VARIABLE = "MEDIASCRIBE_API_KEY"
DEFAULT_URL = "http://127.0.0.1:8000"
CONNECT_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Connection:
    """How to reach the server."""

    base_url: str
    api_key: str | None = field(repr=False)
    timeout_seconds: float
    retries: Retries

    def request(self, call: Call[Any], body: Mapping[str, Any]) -> dict[str, Any]:
        """What httpx2 builds the request of."""
        silence = self.timeout_seconds
        headers = {"User-Agent": f"mediascribe-client/{__version__}", "Accept": "application/json", **call.headers}
        headers |= body.get("headers", {})
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        return {
            **body,
            "method": call.method,
            "url": self.base_url + call.path,
            "params": call.query or None,
            "headers": headers,
            "timeout": (min(CONNECT_SECONDS, silence), max(silence, call.least_read_seconds), silence, silence),
        }


def connection_of(
    base_url: str | None, api_key: str | None, *, timeout_seconds: float, max_retries: int,
    environment: Mapping[str, str] = os.environ,
) -> Connection:  # fmt: skip
    """The connection; what is not given is taken from the environment. Raises ValueError."""
    url = (base_url or environment.get(URL_VARIABLE) or DEFAULT_URL).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"base_url must be an address like {DEFAULT_URL}, not {url!r}")
    return Connection(
        base_url=url,
        api_key=api_key or environment.get(KEY_VARIABLE) or None,
        timeout_seconds=timeout_seconds,
        retries=Retries(most=max_retries),
    )
