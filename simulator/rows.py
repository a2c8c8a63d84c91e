"""The rows of a batch: read from the lines of a file or from the request, answered one by one as calls are.

A row that cannot be read or is not valid fails alone. Its error is a google.rpc.Status, whose code is that of gRPC.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulator.calls import Ending, answer_call, look_at
from simulator.errors import RefusedError, Reply, invalid_argument
from simulator.faults import Fault, Rule, next_fault
from simulator.ledger import Call, Ledger
from simulator.media import Look
from simulator.question import BATCH_TIER, Question, read_question
from simulator.wire import read_json, read_message, unknown_field

INTERNAL = 13
_CODES = {
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "INTERNAL": INTERNAL,
    "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}

Answered = dict[str, Any]
"""`{"key", "response"}` or `{"key", "error"}`; inline `metadata` stands where a file has `key`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row: a line of a file, as it is, or an inlined request, which was read with the batch."""

    line: bytes = b""
    inlined: dict[str, Any] | None = None


def file_rows(path: Path) -> Iterator[Row]:
    """The lines of a file that are not blank."""
    with path.open("rb") as lines:
        yield from (Row(line=line) for line in lines if line.strip())


def inline_rows(requests: Sequence[dict[str, Any]]) -> Iterator[Row]:
    """The InlinedRequests of a batch."""
    return (Row(inlined=request) for request in requests)


async def answer_row(row: Row, model: str, ledger: Ledger, rules: list[Rule]) -> Answered:
    """What the row comes to; it is a call in the ledger, in the tier `batch`."""
    call = ledger.begin(model)
    call.tier = BATCH_TIER
    names: Answered = {}
    try:
        question, looks = await asyncio.to_thread(_read, row, call, names)
        ending = answer_call(call, question, looks, next_fault(rules, question, looks))
    except RefusedError as refused:
        ending = Ending(reply=refused.reply)
    finally:
        ledger.end(call)
    call.status = ending.reply.status
    call.delivered = True
    return names | _outcome(ending.reply)


def failed_row(row: Row) -> Answered:
    """The row as one of those that fail for no reason that is told."""
    names: Answered = {}
    try:
        _named(row, names)
    except RefusedError as refused:
        return _outcome(refused.reply)
    return names | {"error": {"code": INTERNAL, "message": "An internal error has occurred. Please retry."}}


def spoilt_rows(rows: list[Answered], fault: Fault | None) -> list[Answered]:
    """The answers as a batch with that fault gives them."""
    kind = fault.kind if fault else None
    if kind == "rows_missing":
        return rows[::2]
    if kind == "rows_shuffled":
        return rows[::-1]
    if kind == "rows_without_key":
        return [{name: row[name] for name in row if name in ("response", "error")} for row in rows]
    if kind == "rows_swapped":
        pairs = [(row, rows[index ^ 1] if index ^ 1 < len(rows) else row) for index, row in enumerate(rows)]
        return [_names_of(row) | {name: other[name] for name in _said(other)} for row, other in pairs]
    return rows


def _names_of(row: Answered) -> Answered:
    return {name: value for name, value in row.items() if name in ("key", "metadata")}


def _said(row: Answered) -> Answered:
    return {name: value for name, value in row.items() if name in ("response", "error")}


def _read(row: Row, call: Call, names: Answered) -> tuple[Question, list[Look]]:
    message = _named(row, names)
    if "service_tier" in message:
        raise invalid_argument("* GenerateContentRequest.service_tier: is not supported in a batch.")
    return look_at(replace(read_question(message, call.model), tier=BATCH_TIER), call)


def _named(row: Row, names: Answered) -> dict[str, Any]:
    """The row's request; what names the row is put into `names`, also where the request is refused."""
    if row.inlined is not None:
        names |= {"metadata": row.inlined["metadata"]} if "metadata" in row.inlined else {}
        message: dict[str, Any] = row.inlined.get("request", {})
        return message
    line = read_message(read_json(row.line), "BatchLine")
    names |= {"key": line["key"]} if "key" in line else {}
    request = line.get("request", {})
    if unknown := unknown_field(request):
        raise invalid_argument(f"Failed to parse the request: no such field: '{unknown[:80]}'")
    return read_message(request)


def _outcome(reply: Reply) -> Answered:
    if reply.status == 200:  # noqa: PLR2004
        return {"response": json.loads(reply.body)}
    try:
        error = json.loads(reply.body)["error"]
    except ValueError:  # the page of a front end
        return {"error": {"code": INTERNAL, "message": "Internal error encountered."}}
    status = {"code": _CODES.get(error["status"], INTERNAL), "message": error["message"]}
    return {"error": status | ({"details": error["details"]} if "details" in error else {})}
