"""The simulator itself: which request goes where, and who may ask. Files and batches have `resources.py`.

`/v1/…`, `/v1beta/…`, `/v1beta1/…` are Gemini's and need a key. `/simulator/…` is the simulator's own: it shows the
ledger, takes fault scripts and changes which key is right.
"""

import asyncio
import json
import random
import re
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.answers import INPUT_LIMIT_TOKENS, count_input
from simulator.batches import BatchStore
from simulator.calls import Ending, answer_call, check_deadline, deliver, read_call
from simulator.errors import (
    RefusedError,
    Reply,
    api_key_invalid,
    error_reply,
    html_reply,
    invalid_argument,
    json_reply,
    model_not_found,
)
from simulator.faults import Rule, ScriptError, next_fault, read_script
from simulator.files import GOOGLES, FileLimits, FileStore
from simulator.http import Connection, Request
from simulator.ledger import Call, Ledger
from simulator.question import OUTPUT_LIMIT_TOKENS
from simulator.quota import NO_LIMITS, Limits, Quota
from simulator.resources import Resources

MODELS = (
    *("gemini-3.8-flash", "gemini-3.5-flash", "gemini-3.5-flash-lite", "gemini-3.5-transcribe"),
    *("gemini-2.5-pro", "gemini-2.5-flash"),
)
WITHOUT_BATCH = frozenset({"gemini-3.5-transcribe"})
"""Models that offer no batches: https://ai.google.dev/gemini-api/docs/models/gemini-3.5-transcribe."""
MAX_BODY_BYTES = 100 * 1024 * 1024
THREAD_FROM_BYTES = 256 * 1024
"""Larger requests are read and looked at in a thread, so that the others need not wait."""
REFUSED_KEY = "invalid"
CLIENT_ERRORS = range(400, 500)

_MODEL_PATH = re.compile(
    r"/(?P<version>v1|v1beta|v1beta1)/"
    r"(?:projects/[^/]+/locations/[^/]+/publishers/google/|publishers/google/|)models(?:/(?P<model>[^/:]+))?"
    r"(?::(?P<verb>[A-Za-z]+))?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How the simulator behaves."""

    api_key: str | None = None
    """The only key that is right, to begin with; None: any but `invalid`."""
    models: tuple[str, ...] = MODELS
    latency_seconds: tuple[float, float] = (0.0, 0.0)
    """Each answer takes a time drawn from this range."""
    limits: Limits = NO_LIMITS
    """Per model: what exceeds them is answered with 429."""
    files: FileLimits = GOOGLES
    batch_seconds: float = 1.0
    """How long a batch takes; longer where its rows do."""
    seed: int = 0
    faults: Sequence[object] = ()
    """The script to begin with, as JSON: see `faults.py`."""


class Simulator:
    """The state of one server: its script, its ledger, its quota. Used by one event loop."""

    def __init__(self, options: Options, ledger: Ledger) -> None:
        self.ledger = ledger
        self._options = options
        self._script: object = list(options.faults)
        self._connections: set[Connection] = set()
        self._make_stores()
        self._reset()

    def _make_stores(self) -> None:
        options = self._options
        self._files = FileStore(options.files)
        self._batches = BatchStore(self._files, self.ledger, lambda: self._rules, options.batch_seconds)
        self._resources = Resources(
            self._files,
            self._batches,
            rules=lambda: self._rules,
            batch_models=lambda model: model in options.models and model not in WITHOUT_BATCH,
        )

    def _close_stores(self) -> None:
        self._batches.close()
        self._files.close()

    def _reset(self) -> None:
        self._rules: list[Rule] = read_script(self._script, seed=self._options.seed)
        self._latency = random.Random(self._options.seed)
        self._quota = Quota(self._options.limits)
        self._right_key = self._options.api_key

    def connect(self) -> Connection:
        """A protocol for a new client."""
        return Connection(self.handle, MAX_BODY_BYTES, self._connections)

    async def close(self) -> None:
        """Hang up on every client, and let the calls that were being served reach the ledger."""
        for connection in list(self._connections):
            connection.close()
        self._close_stores()
        for _ in range(100):
            if not self.ledger.in_flight:
                break
            await asyncio.sleep(0.01)
        self.ledger.close()

    async def handle(self, request: Request, connection: Connection) -> None:
        """Serve one request."""
        path = _MODEL_PATH.fullmatch(request.path)
        if path and path["verb"] == "generateContent" and path["model"] and request.method == "POST":
            await self._generate(request, connection, path["model"], path["version"])
            return
        if await self._resources.handle(request, connection, self._check_key):
            return
        try:
            reply = self._control(request) or self._catalogue(request, path)
        except RefusedError as refused:
            reply = refused.reply
        await connection.reply(reply)

    def _control(self, request: Request) -> Reply | None:
        """The simulator's own endpoints; None where the path is not one of them."""
        match request.method, request.path:
            case "GET", "/simulator/ledger":
                return json_reply({"calls": [call.line() for call in self.ledger.calls]})
            case "GET", "/simulator/summary":
                return json_reply(self.ledger.summary())
            case "POST", "/simulator/reset":
                self.ledger.reset()
                self._close_stores()
                self._make_stores()
                self._reset()
                return json_reply({})
            case "POST", "/simulator/faults":
                return self._replace_script(request.body)
            case "POST", "/simulator/key":
                return self._replace_key(request.body)
        return None

    def _replace_key(self, body: bytes) -> Reply:
        """`{"api_key": "…"}`: from now on only that one is right; null: any but `invalid`."""
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict) or set(given) != {"api_key"} or not isinstance(given["api_key"], str | None):
            return error_reply(400, "INVALID_ARGUMENT", 'A key is given as {"api_key": "…"} or {"api_key": null}.')
        self._right_key = given["api_key"]
        return json_reply({})

    def _replace_script(self, body: bytes) -> Reply:
        try:
            script = json.loads(body)
            self._rules = read_script(script, seed=self._options.seed)
        except (ScriptError, ValueError, RecursionError) as error:
            return error_reply(400, "INVALID_ARGUMENT", str(error))
        self._script = script
        return json_reply({"rules": len(self._rules)})

    def _catalogue(self, request: Request, path: re.Match[str] | None) -> Reply:
        """Lists and shows models; anything else is not simulated."""
        if path is None:
            return html_reply(404, f"The requested URL was not found on this server ({len(request.path)} characters).")
        self._check_key(request)
        if request.method != "GET" or path["verb"]:
            message = f"The simulator does not know {request.method} with the method {path['verb']}."
            return error_reply(501, "UNIMPLEMENTED", message)
        if path["model"] is None:
            return json_reply({"models": [_described(model) for model in self._options.models]})
        if path["model"] not in self._options.models:
            return model_not_found(path["model"], path["version"])
        return json_reply(_described(path["model"]))

    def _check_key(self, request: Request) -> str:
        """The key, or token, that the request bears. Raises RefusedError where it is not right."""
        keys = [request.headers.get("x-goog-api-key", ""), *request.query.get("key", [])]
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token not in ("", REFUSED_KEY):
            return token
        key = next((item for item in keys if item), "")
        if not key or key == REFUSED_KEY or self._right_key not in (None, key):
            raise RefusedError(api_key_invalid())
        return key

    async def _generate(self, request: Request, connection: Connection, model: str, version: str) -> None:
        call = self.ledger.begin(model)
        try:
            ending = await self._ending(request, call, version)
            await asyncio.sleep(self._latency.uniform(*self._options.latency_seconds))
            call.delivered = await deliver(connection, ending, call)
        finally:
            self.ledger.end(call)

    async def _ending(self, request: Request, call: Call, version: str) -> Ending:
        """Decide how the call ends, and note it in the ledger."""
        try:
            self._check_call(request, call.model, version)
            if len(request.body) < THREAD_FROM_BYTES:
                question, looks = read_call(request.body, call)
            else:
                question, looks = await asyncio.to_thread(read_call, request.body, call)
            admission = self._quota.admit(call.model, count_input(question, looks).prompt)
            ending = answer_call(call, question, looks, next_fault(self._rules, question, looks))
            if ending.reply.status not in CLIENT_ERRORS:
                self._quota.take(admission)
        except RefusedError as refused:
            ending = Ending(reply=refused.reply)
        except Exception:  # noqa: BLE001 a bug of the simulator must be seen, by its client too
            traceback.print_exc(file=sys.stderr)
            ending = Ending(reply=error_reply(500, "INTERNAL", "The simulator itself failed; see its stderr."))
        call.status = ending.reply.status
        return ending

    def _check_call(self, request: Request, model: str, version: str) -> None:
        self._check_key(request)
        if request.too_large:
            raise invalid_argument(f"Request payload size exceeds the limit: {MAX_BODY_BYTES} bytes.")
        deadline = request.headers.get("x-server-timeout")
        if deadline is not None:
            check_deadline(deadline)
        if model not in self._options.models:
            raise RefusedError(model_not_found(model, version))


def _described(model: str) -> dict[str, object]:
    return {
        "name": f"models/{model}",
        "displayName": f"{model} (simulated)",
        "inputTokenLimit": INPUT_LIMIT_TOKENS,
        "outputTokenLimit": OUTPUT_LIMIT_TOKENS,
        "supportedGenerationMethods": [
            "generateContent",
            *(() if model in WITHOUT_BATCH else ("batchGenerateContent",)),
        ],
    }
