"""Finding what a person names: a batch, a job; with a sentence where there is none."""

import difflib
from collections.abc import Sequence

from cli.exits import CommandError, Exit
from models.database import Database
from models.failures import FailureCode
from models.ids import is_id
from models.store import queries, reports
from models.store.queries import JobView
from models.store.reports import BatchView


def batch_of(database: Database, name: str) -> BatchView:
    """The batch of that id, or the latest of that name. Raises CommandError(NOT_FOUND)."""
    known = is_id(name, "bat") or not name.startswith("bat_")
    batch = reports.find_batch(database, name) if known else None
    if batch is None:
        raise CommandError(Exit.NOT_FOUND, f"there is no batch {name!r}; `mediascribe status` lists the latest")
    return batch


def batch_id_of(database: Database, name: str) -> str:
    """The id of that batch. Raises CommandError(NOT_FOUND)."""
    return batch_of(database, name).id


def jobs_of(database: Database, ids: Sequence[str]) -> list[JobView]:
    """The jobs with these ids, in this order. Raises CommandError(NOT_FOUND) naming the first that does not exist."""
    found = queries.get_jobs(database, [job_id for job_id in ids if is_id(job_id, "job")])
    for job_id in ids:
        if job_id not in found:
            raise CommandError(Exit.NOT_FOUND, f"there is no job {job_id!r}; `mediascribe jobs list` shows the latest")
    return [found[job_id] for job_id in ids]


def check_kind(kind: str | None) -> str | None:
    """The kind, if it is one. Raises CommandError(USAGE)."""
    if kind is None:
        return None
    from tasks.registry import KINDS

    return _check(kind, list(KINDS), what="kind")


def check_error_code(code: str | None) -> str | None:
    """The failure code, if it is one. Raises CommandError(USAGE)."""
    return _check(code, [str(known) for known in FailureCode], what="failure code")


def _check(given: str | None, known: list[str], *, what: str) -> str | None:
    if given is None or given in known:
        return given
    near = difflib.get_close_matches(given, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    raise CommandError(Exit.USAGE, f"{given!r} is no {what}; {hint}")
