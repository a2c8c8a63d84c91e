"""The filters that `jobs list`, `jobs cancel`, `jobs retry` and `errors` share."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from models.database import Database
    from models.store.queries import JobFilter


class StateChoice(StrEnum):
    """The states of a job, as `models.state.JobState` has them (a test holds the two equal)."""

    QUEUED = "queued"
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


State = Annotated[StateChoice | None, typer.Option(help="Only jobs in this state.")]
Kind = Annotated[str | None, typer.Option(help="Only this kind: caption or transcribe.")]
Batch = Annotated[str | None, typer.Option(metavar="BATCH", help="Only this batch, by id or name.")]
Error = Annotated[str | None, typer.Option(metavar="CODE", help="Only jobs with this failure code.")]
Since = Annotated[str | None, typer.Option(metavar="T", help="Only jobs made since then: RFC 3339, or 2h, 7d ago.")]
Search = Annotated[str | None, typer.Option(metavar="TEXT", help="Only jobs with this in their source.")]
Owner = Annotated[str | None, typer.Option(help="Only jobs of this owner.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def job_filter(
    database: "Database",
    *,
    ids: list[str] | None = None,
    state: StateChoice | None = None,
    kind: str | None = None,
    batch: str | None = None,
    error: str | None = None,
    since: str | None = None,
    search: str | None = None,
    owner: str | None = None,
) -> "JobFilter":
    """The filter that these options mean. Raises CommandError: NOT_FOUND for an unknown batch, USAGE."""
    from cli.finding import batch_id_of, check_error_code, check_kind
    from cli.when import parse_time
    from models.state import JobState
    from models.store.queries import JobFilter

    return JobFilter(
        ids=None if ids is None else tuple(ids),
        state=None if state is None else JobState(state.value),
        kind=check_kind(kind),
        batch_id=None if batch is None else batch_id_of(database, batch),
        error_code=check_error_code(error),
        since=None if since is None else parse_time(since, name="--since", now=datetime.now(UTC)),
        search=search,
        owner=owner,
    )
