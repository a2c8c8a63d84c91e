"""Accepting work: validate everything, then store batch and jobs in one transaction. Accepted means committed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.database import Database
from models.failures import Failure, FailureCode, FailureError, failure
from models.store.submit import NewBatch, NewJob, Submission, submit
from tasks.base import read_options
from tasks.registry import find_kind
from worker.settings import Settings

LONGEST_TEXT = 200
PRIORITIES = range(-100, 101)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One job as a producer asks for it, not yet validated."""

    kind: str
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None
    client_ref: str | None = None
    metadata: Mapping[str, Any] | None = None
    priority: int = 0
    idempotency_key: str | None = None
    reuse: bool = True
    owes_reply: bool = False


class RefusedError(ValueError):
    """Some items cannot be accepted, so none was; `problems` says which and why."""

    def __init__(self, problems: Mapping[int, Failure]) -> None:
        first, why = next(iter(problems.items()))
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"item {first + 1}: {why.message}{more}")
        self.problems = problems


def accept(database: Database, settings: Settings, batch: NewBatch, items: Sequence[Item]) -> Submission:
    """Accept all items or none. Raises RefusedError naming each bad item, DatabaseUnavailableError."""
    problems: dict[int, Failure] = {}
    jobs: list[NewJob] = []
    for position, item in enumerate(items):
        try:
            jobs.append(new_job(item, settings))
        except FailureError as error:
            problems[position] = error.failure
    if problems:
        raise RefusedError(problems)
    return submit(database, batch, jobs)


def new_job(item: Item, settings: Settings) -> NewJob:
    """The job of an item. Raises FailureError(invalid_options) naming the field."""
    kind = find_kind(item.kind)
    options = read_options(kind, item.options)
    model = item.model or settings.model
    for name, text in (("model", model), ("client_ref", item.client_ref or "-")):
        if not 0 < len(text) <= LONGEST_TEXT:
            raise _invalid(name, f"must have 1 to {LONGEST_TEXT} characters")
    if item.priority not in PRIORITIES:
        raise _invalid("priority", f"must lie between {PRIORITIES.start} and {PRIORITIES.stop - 1}")
    return NewJob(
        kind=kind.name, source=_checked_source(item.source), options=options.model_dump(mode="json", exclude_defaults=True),
        model=model, lane=model, max_attempts=settings.max_attempts, client_ref=item.client_ref, metadata=item.metadata,
        priority=item.priority, idempotency_key=item.idempotency_key, reuse=item.reuse, owes_reply=item.owes_reply,
    )  # fmt: skip


def local_source(path: str) -> str:
    """A path as it is stored: absolute, because workers stand elsewhere."""
    return str(Path(path).expanduser().absolute())


def _checked_source(source: str) -> str:
    """The source, if it can be stored and read by a worker."""
    if not source:
        raise _invalid("source", "must be the path of a picture or recording")
    try:
        source.encode()
    except UnicodeEncodeError as error:
        raise _invalid("source", "is not valid Unicode; rename the file") from error
    if "\x00" in source:
        raise _invalid("source", "contains a NUL character")
    scheme = _SCHEME.match(source)
    if scheme is not None and scheme[1].lower() != "file":
        raise _invalid("source", f"begins with {scheme[0]}; this version reads local files only")
    return source


def _invalid(name: str, words: str) -> FailureError:
    return FailureError(failure(FailureCode.INVALID_OPTIONS, f"{name} {words}", field=name))
