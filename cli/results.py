"""`mediascribe results`: what finished jobs yielded, as a stream or a file."""

import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import CommandError, Exit

if TYPE_CHECKING:
    from models.database import Database
    from models.store.queries import JobView


class FormatChoice(StrEnum):
    """What results can be written as."""

    JSONL = "jsonl"
    CSV = "csv"
    TXT = "txt"
    SRT = "srt"
    VTT = "vtt"
    XMP = "xmp"
    JSON = "json"


_FLAG = {FormatChoice.SRT: "--sidecars", FormatChoice.VTT: "--sidecars", FormatChoice.XMP: "--xmp"}
"""What writes such files beside the media of a whole run."""


def results(
    which: Annotated[str, typer.Argument(metavar="BATCH|JOB", help="Id of a job, or id or name of a batch.")],
    form: Annotated[
        FormatChoice | None, typer.Option("--format", help="Default: jsonl for a batch, json for a job.")
    ] = None,
    out: Annotated[str | None, typer.Option(metavar="FILE", help="Write here instead of to stdout.")] = None,
) -> None:
    """Print the results of a batch or a job."""
    from cli.console import say
    from cli.opening import opened
    from cli.writing import write_whole

    with opened() as (_, database):
        pieces = _pieces(database, which, form)
        if out is None:
            sys.stdout.writelines(pieces)
        else:
            if form is FormatChoice.XMP:
                _check_ours(out)
            write_whole(out, pieces)
            say(f"results: {out}")


def _check_ours(out: str) -> None:
    """Raises CommandError(CONFLICT) where that file holds what somebody else wrote."""
    from cli.sidecars import ForeignFileError, check_ours

    try:
        check_ours(out)
    except ForeignFileError as error:
        raise CommandError(Exit.CONFLICT, f"{out}: {error.strerror}; name another file") from error


def _pieces(database: "Database", which: str, form: FormatChoice | None) -> Iterable[str]:
    """The results as text, in pieces. Raises CommandError."""
    from cli.finding import batch_id_of, jobs_of
    from models.store import queries
    from models.store.queries import JobFilter

    if which.startswith("job_"):
        return _of_job(jobs_of(database, [which])[0], form or FormatChoice.JSON)
    views = queries.iterate_jobs(database, JobFilter(batch_id=batch_id_of(database, which)))
    return _of_batch(views, form or FormatChoice.JSONL)


def _of_job(view: "JobView", form: FormatChoice) -> Iterable[str]:
    from models.state import FINAL
    from worker.outputs import STREAMS, TEXTS, fits, json_line
    from worker.shapes import job_shape

    if form is FormatChoice.JSON:
        return [json_line(job_shape(view))]
    if form.value in STREAMS:
        return STREAMS[form.value]([view])
    if view.output is not None:
        if not fits(form.value, view.output):
            what = "transcript; XMP describes pictures" if form is FormatChoice.XMP else "caption, which has no times"
            raise CommandError(Exit.USAGE, f"{view.id} is a {what}; use --format txt")
        return [TEXTS[form.value](view)]
    if view.state in FINAL:
        raise CommandError(Exit.SOME_FAILED, f"{view.id} has no result: {view.error_message or view.state}")
    raise CommandError(Exit.TRY_AGAIN, f"{view.id} is {view.state}; there is no result yet")


def _of_batch(views: "Iterable[JobView]", form: FormatChoice) -> Iterable[str]:
    from worker.outputs import STREAMS
    from worker.plain_text import txt

    if form.value in STREAMS:
        return STREAMS[form.value](views)
    if form is FormatChoice.TXT:
        return (f"== {view.source}\n{txt(view)}\n" for view in views if view.output is not None)
    raise CommandError(Exit.USAGE, f"{form.value} holds one job: name one, or use `mediascribe run` with {_FLAG[form]}")
