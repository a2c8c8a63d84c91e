"""Whose request it is, what it may do, and how many more may follow. Decided before a body is read.

While no key was ever made, an API that only this machine can reach lets everybody in as the owner `default`. A page in
a browser must not profit from that: it is told by the Host and Origin that it cannot help to send.
"""

import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.parts import Parts
from api.problems import ProblemCode, ProblemError
from api.rates import Allowance, Rates
from models.api_key import KeyScope
from models.store import keys
from models.store.keys import KeyView

OPEN_PATHS = frozenset({"/livez", "/readyz", "/openapi.json"})
KNOWN_SECONDS = 1.0
"""So long a key that was found is believed: a revoked one opens nothing a second later."""
MOST_KNOWN = 10_000
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks."""

    owner: str
    scopes: frozenset[KeyScope]
    key_id: str | None
    requests_per_minute: int | None = None


ANYBODY = Caller(owner="default", scopes=frozenset(KeyScope), key_id=None)


class Access:
    """Lets in who may come in."""

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self._app = app
        self._parts = parts
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self._noted: dict[str, float] = {}
        self._needs_key = not parts.is_loopback
        self._asked_at = float("-inf")
        self._rates = Rates(clock=time.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or raise ProblemError."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        caller = await self._caller(Headers(scope=scope))
        scope["state"]["caller"] = caller
        if caller.key_id is None or caller.requests_per_minute is None:
            await self._app(scope, receive, send)
            return
        allowance = self._rates.take(caller.key_id, caller.requests_per_minute)
        if not allowance.is_granted:
            words = f"this key may ask {caller.requests_per_minute} times a minute; ask again in {allowance.retry_seconds} s"
            headers = {**allowance.headers(), "Retry-After": str(allowance.retry_seconds)}
            raise ProblemError(ProblemCode.RATE_LIMITED, words, headers=headers)
        await self._app(scope, receive, _with_headers(send, allowance))

    async def _caller(self, headers: Headers) -> Caller:
        given = headers.get("authorization")
        if given is None:
            return await self._anybody(headers)
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthenticated("Authorization must be: Bearer ms_…")
        fingerprint = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        until, caller = self._known.get(fingerprint, (0.0, ANYBODY))
        if time.monotonic() >= until:
            caller = await self._find(token.strip())
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[fingerprint] = time.monotonic() + KNOWN_SECONDS, caller
        return caller

    async def _find(self, token: str) -> Caller:
        view = await run_in_threadpool(keys.find_key, self._parts.database, token)
        if view is None:
            raise _unauthenticated("the key is not valid: unknown, revoked or past its time")
        await self._note_use(view)
        return Caller(
            owner=view.owner, scopes=view.scopes, key_id=view.id, requests_per_minute=view.requests_per_minute
        )

    async def _note_use(self, view: KeyView) -> None:
        if time.monotonic() >= self._noted.get(view.id, 0.0):
            self._noted[view.id] = time.monotonic() + keys.USED_SECONDS
            await run_in_threadpool(keys.note_use, self._parts.database, view.id)

    async def _anybody(self, headers: Headers) -> Caller:
        if not self._needs_key and time.monotonic() - self._asked_at >= KNOWN_SECONDS:
            self._needs_key = await run_in_threadpool(keys.ever_had_keys, self._parts.database)
            self._asked_at = time.monotonic()
        if self._needs_key:
            raise _unauthenticated("a key is needed: Authorization: Bearer ms_…; `mediascribe keys create` makes one")
        if not _is_local(headers):
            words = "without keys only programs of this machine are served, not pages of other sites; make a key"
            raise ProblemError(ProblemCode.FORBIDDEN, words)
        return ANYBODY


def _is_local(headers: Headers) -> bool:
    """Does the request name this machine, and come from no page of another site (DNS rebinding, forged forms)?"""
    origin = headers.get("origin")
    named = [f"//{headers.get('host', '')}"] + ([origin] if origin is not None else [])
    try:
        return all(urlsplit(name).hostname in LOOPBACK_NAMES for name in named)
    except ValueError:
        return False


def _unauthenticated(words: str) -> ProblemError:
    return ProblemError(ProblemCode.UNAUTHENTICATED, words, headers={"WWW-Authenticate": 'Bearer realm="mediascribe"'})


def _with_headers(send: Send, allowance: Allowance) -> Send:
    async def send_counted(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(allowance.headers())
        await send(message)

    return send_counted


def caller_with(*scopes: KeyScope) -> Callable[[Request], Awaitable[Caller]]:
    """Who asks, if their key has one of the scopes."""

    async def check(request: Request) -> Caller:
        caller: Caller = request.state.caller
        if caller.scopes.isdisjoint(scopes):
            raise ProblemError(ProblemCode.FORBIDDEN, f"the key lacks the scope {' or '.join(scopes)}")
        return caller

    return check


def _may(*scopes: KeyScope) -> Any:
    return Depends(caller_with(*scopes))


Reader = Annotated[Caller, _may(KeyScope.READ)]
Writer = Annotated[Caller, _may(KeyScope.WRITE)]
Admin = Annotated[Caller, _may(KeyScope.ADMIN)]
Monitor = Annotated[Caller, _may(KeyScope.METRICS, KeyScope.ADMIN)]
