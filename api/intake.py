"""Items of a batch on their way in: each is accepted or refused by itself, thousands a transaction, in bounded memory.

What was accepted is stored when its group is; the report keeps the first refusals and counts the others, and where the
client wants every outcome, they wait on disk.
"""

import hashlib
import json
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, Any

from pydantic import ValidationError

from api.access import Caller
from api.bodies import NewJobBody
from api.errors import failure_error, validation_errors
from api.parts import Parts
from api.problems import FieldError
from api.sources import check_source
from models.failures import FailureError
from models.store import queries
from models.store.receipts import Request
from models.store.submit import NewBatch, NewJob, Submission, close_batch, submit
from worker.submit import sort_out

GROUP = 2_000
"""Items that are stored in one transaction."""
MOST_REFUSALS = 1_000
"""Refused items that a report spells out."""
OPEN_SECONDS = 300.0
"""A stream whose next group does not come for so long is taken for ended."""
SPOOL_BYTES = 1 << 20
"""Outcomes beyond this wait on disk."""


@dataclass(kw_only=True)
class Report:
    """What became of the items so far."""

    accepted: int = 0
    refused: int = 0
    refusals: list[dict[str, Any]] = field(default_factory=list)
    outcomes: IO[bytes] | None = None
    """A line for each item, where the client wants them."""

    def accept(self, index: int, job_id: str) -> None:
        """The item is a job now."""
        self.accepted += 1
        self._write({"index": index, "id": job_id})

    def refuse(self, why: FieldError, client_ref: str | None) -> None:
        """The item is none."""
        self.refused += 1
        shape = {**why.shape(), "client_ref": client_ref}
        if len(self.refusals) < MOST_REFUSALS:
            self.refusals.append(shape)
        self._write({"index": why.index, "error": shape})

    def keep_outcomes(self) -> None:
        """From now on, on disk where they are many."""
        self.outcomes = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - closed when it was sent

    def _write(self, line: dict[str, Any]) -> None:
        if self.outcomes is not None:
            self.outcomes.write(json.dumps(line).encode() + b"\n")

    def lines(self) -> Iterator[bytes]:
        """The outcomes, from the first."""
        assert self.outcomes is not None
        with self.outcomes as file:
            file.seek(0)
            yield from iter(lambda: file.read(1 << 16), b"")


class Intake:
    """One batch. For one thread at a time."""

    def __init__(self, parts: Parts, caller: Caller, batch: NewBatch, *, key: str | None = None) -> None:
        """With a `key`, the same item at the same place is not made again."""
        self._parts = parts
        self._caller = caller
        self._key = key
        stream = uuid.uuid4().hex if key is None else hashlib.sha256(key.encode()).hexdigest()
        self._batch = replace(batch, idempotency_key=f"stream:{stream}", open_seconds=OPEN_SECONDS)
        self.batch_id: str | None = None
        """As soon as an item was accepted."""
        self.report = Report()

    def take(self, group: Sequence[tuple[int, bytes | Any]]) -> None:
        """Accept those items of a group that can be; each comes with its index.

        Raises DatabaseUnavailableError; RefusedError where the batch itself cannot be.
        """
        jobs = self.sort_out(group)
        if not jobs:
            return
        submission = submit(self._parts.database, self._batch, list(jobs.values()))
        self._parts.submitted()
        self.batch_id = submission.batch_id
        self._batch = replace(self._batch, budget_usd=None)  # it is set
        self._note(jobs, submission)

    def close(self) -> None:
        """Nothing more comes: the batch may end."""
        if self.batch_id is not None:
            close_batch(self._parts.database, self.batch_id)

    def take_once(self, group: Sequence[tuple[int, Any]], request: Request | None) -> dict[int, str]:
        """The same for a batch of one group that a request makes once; the job ids by the index of their items.

        Raises AnsweredBeforeError, KeyReusedError too.
        """
        jobs = self.sort_out(group)
        if not jobs:
            return {}
        facts = {"indexes": list(jobs), "refused": self.report.refused, "refusals": self.report.refusals}
        asked_once = None if request is None else replace(request, facts=facts)
        batch = replace(self._batch, idempotency_key=None, open_seconds=None)
        submission = submit(self._parts.database, batch, list(jobs.values()), request=asked_once)
        self._parts.submitted()
        self.batch_id = submission.batch_id
        made = dict(zip(jobs, submission.job_ids, strict=True))
        self.report.accepted = len(made)
        return made

    def sort_out(self, group: Sequence[tuple[int, bytes | Any]]) -> dict[int, NewJob]:
        """The jobs of those items that can be accepted, by their index; the others are refused."""
        refused: list[tuple[FieldError, str | None]] = []
        bodies: dict[int, NewJobBody] = {}
        for index, raw in group:
            read = self._read(index, raw)
            if isinstance(read, NewJobBody):
                bodies[index] = read
            else:
                refused.append(read)
        items = [body.item(idempotency_key=self._item_key(index)) for index, body in bodies.items()]
        jobs, problems = sort_out(items, self._parts.settings, self._parts.prices, owner=self._batch.owner)
        places = list(bodies)
        for position, why in problems.items():
            index = places[position]
            refused.append((failure_error(why, index), bodies[index].client_ref))
        for error, client_ref in sorted(refused, key=lambda each: each[0].index or 0):
            self.report.refuse(error, client_ref)
        return {places[position]: job for position, job in jobs.items()}

    def _read(self, index: int, raw: bytes | Any) -> NewJobBody | tuple[FieldError, str | None]:
        """The item, if it is one that the caller may submit; else why not, and its client_ref."""
        try:
            body = NewJobBody.model_validate_json(raw) if isinstance(raw, bytes) else NewJobBody.model_validate(raw)
        except ValidationError as error:
            return validation_errors(error, index=index)[0], None
        try:
            check_source(self._caller, body.source)
        except FailureError as error:
            return failure_error(error.failure, index), body.client_ref
        return body

    def _item_key(self, index: int) -> str | None:
        if self._key is None:
            return None
        return "stream:" + hashlib.sha256(f"{self._key}\0{index}".encode()).hexdigest()

    def _note(self, jobs: dict[int, NewJob], submission: Submission) -> None:
        """Report the group. A job that was there before must be the one that is asked for now."""
        known = queries.get_jobs(
            self._parts.database, [each for each in submission.job_ids if each not in submission.new]
        )
        for (index, job), job_id in zip(jobs.items(), submission.job_ids, strict=True):
            view = known.get(job_id)
            if view is None or (view.source, view.kind, view.client_ref) == (job.source, job.kind, job.client_ref):
                self.report.accept(index, job_id)
                continue
            words = f"Idempotency-Key was used for another item at this place: {view.source}"
            error = FieldError(index=index, field="source", code="idempotency_key_reused", detail=words)
            self.report.refuse(error, job.client_ref)
