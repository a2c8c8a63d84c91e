"""Keeps keys out of words: no failure, log line or page may show a credential."""

import re
from collections.abc import Iterable

from gemini.text import storable

_LOOKS_LIKE_A_KEY = re.compile(
    r"AIza[0-9A-Za-z_\-]{8,}"  # API keys of Google
    r"|AQ\.[0-9A-Za-z_\-]{8,}"  # their newer form
    r"|ya29\.[0-9A-Za-z_\-.]+"  # OAuth access tokens
    r"|(?<=://)[^\s\"'<>/@]+(?=@)"  # user and password of a proxy or an address
    r"|(?<=Bearer )[^\s\"'<>]+"
    r"|(?<=[?&]key=)[^\s\"'<>&]+",
    re.IGNORECASE,
)
MASK = "[redacted]"


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without the given secrets and without anything that looks like a key of Google."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    return _LOOKS_LIKE_A_KEY.sub(MASK, text)


def one_line(text: str, secrets: Iterable[str] = (), *, max_chars: int = 300) -> str:
    """The text on one line, without secrets, shortened and fit for a database, to be quoted in a message."""
    # Redacted before it is cut, so that no cut leaves half a key behind.
    line = redact(" ".join(storable(text[:10_000]).split()), secrets)
    return line if len(line) <= max_chars else line[: max_chars - 1] + "…"
