"""Where Gemini is and who we are there: plain values, read from the environment as google-genai reads it.

The variables and their precedence are those of google-genai 3.4 (`_api_client.BaseApiClient`, `_base_url`); they
are read here, once, so that the client itself is free of surprises from the environment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from pydantic import SecretStr

from models.failures import FailureCode, FailureError, failure

_KEY_ADVICE = "Set GEMINI_API_KEY to a key from https://aistudio.google.com/apikey."
_PROJECT_ADVICE = "Set GOOGLE_CLOUD_PROJECT (and GOOGLE_CLOUD_LOCATION), or GEMINI_API_KEY for Vertex with a key."


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """How to reach Gemini. Either a key, or with Vertex a project whose credentials Google's own lookup finds."""

    api_key: SecretStr | None = None
    base_url: str | None = None
    """None is Google's own address."""
    vertexai: bool = False
    project: str | None = None
    location: str | None = None
    api_version: str = "v1"
    """`v1`; `v1beta1` on Vertex. Always sent explicitly."""
    max_connections: int = 64
    """Calls that may be in flight at once; further ones wait, and their waiting counts as their time."""


def connection_from_environment(env: Mapping[str, str], *, max_connections: int = 64) -> Connection:
    """The connection that google-genai would use under this environment.

    Raises:
        FailureError: `gemini_auth` where the key or the project is missing or unusable, in words on what to set.

    """
    key = _usable_key(env.get("GOOGLE_API_KEY") or env.get("GEMINI_API_KEY") or "")
    if not uses_vertex(env):
        if key is None:
            raise _missing(f"No Gemini API key is set. {_KEY_ADVICE}")
        base_url = _usable_url(env, "GOOGLE_GEMINI_BASE_URL")
        version = _version(env, default="v1", beta="v1beta")
        return Connection(api_key=key, base_url=base_url, api_version=version, max_connections=max_connections)
    project, location = env.get("GOOGLE_CLOUD_PROJECT") or None, env.get("GOOGLE_CLOUD_LOCATION") or None
    if project is None and key is None:
        raise _missing(f"Vertex is switched on, but no Google Cloud project is set. {_PROJECT_ADVICE}")
    return Connection(
        api_key=None if project else key,  # a project from the environment wins over a key from there
        base_url=_usable_url(env, "GOOGLE_VERTEX_BASE_URL"),
        vertexai=True,
        project=project,
        location=(location or "global") if project else None,
        api_version=_version(env, default="v1beta1", beta="v1beta1"),
        max_connections=max_connections,
    )


def uses_vertex(env: Mapping[str, str]) -> bool:
    """Is Vertex asked instead of the Gemini API?"""
    enterprise = env.get("GOOGLE_GENAI_USE_ENTERPRISE")
    switch = enterprise if enterprise is not None else env.get("GOOGLE_GENAI_USE_VERTEXAI", "")
    return switch.lower() in {"true", "1"}


def proxy_for(url: str) -> str | None:
    """The proxy to an address, from the usual variables (`HTTPS_PROXY`, `NO_PROXY`); None where there is none."""
    address = urlsplit(url)
    if proxy_bypass(address.hostname or ""):
        return None
    proxies = getproxies()
    proxy = proxies.get(address.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _version(env: Mapping[str, str], *, default: str, beta: str) -> str:
    version = env.get("GOOGLE_GENAI_API_VERSION") or default
    return beta if version == "beta" else version


def _usable_key(text: str) -> SecretStr | None:
    """The key without blanks around it; a key that no HTTP header could carry is refused before it is used."""
    key = text.strip()
    if not key:
        return None
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise _missing(f"The Gemini API key contains characters that no key has. {_KEY_ADVICE}")
    return SecretStr(key)


def _usable_url(env: Mapping[str, str], name: str) -> str | None:
    url = env.get(name, "").strip()
    if not url:
        return None
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise _missing(f"{name} is not an http or https address. Correct it, or unset it to reach Google.")
    return url


def _missing(message: str) -> FailureError:
    return FailureError(failure(FailureCode.GEMINI_AUTH, message, pauses_lane=True))
