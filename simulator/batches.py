"""Batches: made, waited for, worked through row by row, cancelled, forgotten. Each is seen by its own key alone.

A batch is PENDING for a quarter of its time, then RUNNING while its rows are answered, and ends when its time is over.
What Google does with the rows that were answered before a batch was cancelled or expired is not published; here they
are given out.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from simulator.errors import RefusedError, error_reply
from simulator.faults import Fault, Rule
from simulator.files import FileStore, moment
from simulator.ledger import Ledger
from simulator.rows import INTERNAL, Answered, Row, answer_row, failed_row, file_rows, inline_rows, spoilt_rows

_TYPES = "type.googleapis.com/google.ai.generativelanguage.v1main."
_NOT_FOUND = 5
_OVER = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"})
_ENDINGS = {"batch_failed": "FAILED", "batch_expired": "EXPIRED", "batch_expired_half": "EXPIRED"}
_SKIPPING = frozenset({"batch_failed", "batch_expired"})
"""Of these no row is answered."""


@dataclass(kw_only=True, slots=True)
class Batch:
    """One batch."""

    name: str
    """`batches/…`"""
    owner: str
    """The key that it belongs to."""
    model: str
    display_name: str
    input_file: str | None
    requests: list[dict[str, Any]]
    """Inlined ones."""
    request_count: int
    created: float
    """Seconds since 1970, as the others."""
    updated: float
    ended: float | None = None
    fault: Fault | None = None
    state: str = "PENDING"
    rows: list[Answered] = field(default_factory=list)
    output_file: str | None = None
    error: dict[str, Any] | None = None

    def described(self, *, has_results: bool = True) -> dict[str, Any]:
        """The batch as the API shows it, an operation; lists show no inline results."""
        output: dict[str, Any] = {"responsesFile": self.output_file} if self.output_file else {}
        if self.input_file is None and self.rows and self.state in _OVER and has_results:
            output = {"inlinedResponses": {"inlinedResponses": spoilt_rows(self.rows, self.fault)}}
        shown: dict[str, Any] = {"name": self.name, "metadata": self._metadata(output)}
        if self.state in _OVER:
            shown["done"] = True
        if self.error is not None:
            shown["error"] = self.error
        elif output:
            shown["response"] = {"@type": f"{_TYPES}GenerateContentBatchOutput", **output}
        return shown

    def _metadata(self, output: dict[str, Any]) -> dict[str, Any]:
        failed = sum("error" in row for row in self.rows)
        counts = {
            "requestCount": self.request_count,
            "successfulRequestCount": len(self.rows) - failed,
            "failedRequestCount": failed,
            "pendingRequestCount": self.request_count - len(self.rows),
        }
        return {
            "@type": f"{_TYPES}GenerateContentBatch",
            "name": self.name,
            "model": f"models/{self.model}",
            "displayName": self.display_name,
            "createTime": moment(self.created),
            "updateTime": moment(self.updated),
            **({"endTime": moment(self.ended)} if self.ended is not None else {}),
            "state": f"BATCH_STATE_{self.state}",
            "batchStats": {name: str(count) for name, count in counts.items()},
            **({"output": output} if output else {}),
        }


class BatchStore:
    """All batches of all keys. Used by one event loop."""

    def __init__(self, files: FileStore, ledger: Ledger, rules: Callable[[], list[Rule]], seconds: float) -> None:
        self._files = files
        self._ledger = ledger
        self._rules = rules
        self._seconds = seconds
        self._batches: dict[str, Batch] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def close(self) -> None:
        """Stop working."""
        for task in self._tasks.values():
            task.cancel()

    def create(self, owner: str, model: str, asked: dict[str, Any], request_count: int, fault: Fault | None) -> Batch:
        """Begin a batch that was found valid; `asked` is its GenerateContentBatch."""
        now = time.time()
        source = asked["input_config"]
        batch = Batch(
            name=f"batches/{secrets.token_hex(12)}",
            owner=owner,
            model=model,
            display_name=asked["display_name"],
            input_file=source.get("file_name"),
            requests=source.get("requests", {}).get("requests", []),
            request_count=request_count,
            created=now,
            updated=now,
            fault=fault,
        )
        self._batches[batch.name] = batch
        task = asyncio.get_running_loop().create_task(self._work(batch))
        self._tasks[batch.name] = task
        task.add_done_callback(lambda _: self._tasks.pop(batch.name, None))
        return batch

    def get(self, owner: str, name: str) -> Batch:
        """The batch of that name, if it is that key's. Raises RefusedError (404)."""
        batch = self._batches.get(name)
        if batch is None or batch.owner != owner:
            raise RefusedError(error_reply(404, "NOT_FOUND", "Requested entity was not found."))
        return batch

    def of(self, owner: str) -> list[Batch]:
        """That key's batches, the newest first."""
        return [batch for batch in reversed(self._batches.values()) if batch.owner == owner]

    def check_running(self, batch: Batch) -> None:
        """Refuse to cancel what is over. Raises RefusedError (400)."""
        if batch.state in _OVER:
            message = f"The batch is in the state {batch.state} and cannot be cancelled."
            raise RefusedError(error_reply(400, "FAILED_PRECONDITION", message))

    def cancel(self, batch: Batch) -> None:
        """Stop it where it is."""
        if (task := self._tasks.get(batch.name)) is not None:
            task.cancel()
        self._end(batch, "CANCELLED")

    def delete(self, batch: Batch) -> None:
        """Forget it. One that is not over goes on, and is paid for, unseen."""
        del self._batches[batch.name]

    async def _work(self, batch: Batch) -> None:
        kind = batch.fault.kind if batch.fault else None
        stuck = batch.fault.reason if batch.fault and kind == "batch_stuck" else None
        ends = asyncio.get_running_loop().time() + self._seconds
        await asyncio.sleep(self._seconds / 4)
        if stuck == "PENDING":
            return
        batch.state = "RUNNING"
        batch.updated = time.time()
        if kind not in _SKIPPING and not await self._answer(batch, is_half=bool(stuck) or kind == "batch_expired_half"):
            return
        await asyncio.sleep(ends - asyncio.get_running_loop().time())
        if stuck is None:
            self._end(batch, _ENDINGS.get(kind or "", "SUCCEEDED"))

    async def _answer(self, batch: Batch, *, is_half: bool) -> bool:
        """Answer the rows, or half of them; False where they are gone."""
        kind = batch.fault.kind if batch.fault else None
        try:
            rows = self._rows(batch)
        except RefusedError:
            batch.error = {"code": _NOT_FOUND, "message": f"The input file {batch.input_file} is gone."}
            self._end(batch, "FAILED")
            return False
        for index, row in enumerate(rows):
            if is_half and index * 2 >= batch.request_count:
                break
            if kind == "rows_all_failed" or (kind == "rows_failed" and index % 2):
                batch.rows.append(await asyncio.to_thread(failed_row, row))
            else:
                batch.rows.append(await answer_row(row, batch.model, self._ledger, self._rules()))
            batch.updated = time.time()
        return True

    def _rows(self, batch: Batch) -> Iterator[Row]:
        if batch.input_file is None:
            return inline_rows(batch.requests)
        return file_rows(self._files.get(batch.owner, batch.input_file).path)

    def _end(self, batch: Batch, state: str) -> None:
        batch.state = state
        batch.ended = batch.updated = time.time()
        if state == "FAILED" and batch.error is None:
            batch.error = {"code": INTERNAL, "message": "The batch failed for a reason of Google's own (simulated)."}
        if batch.input_file is not None and batch.rows:
            lines = (
                json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in spoilt_rows(batch.rows, batch.fault)
            )
            batch.output_file = self._files.generate(batch.owner, f"files/batch-{batch.name[8:]}", lines).name
