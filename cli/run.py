"""`mediascribe run`: caption and transcribe what lies below some paths, here and now. The main command.

The same command finds its batch again: what is done is kept, what was interrupted goes on, what failed in passing is
tried again. Leaving early loses nothing.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import options
from cli.budget import Budget, budget_of
from cli.exits import CommandError, Exit

if TYPE_CHECKING:
    from cli.batches import Accepted, Asked
    from cli.files import Found
    from cli.summary import Summary
    from cli.waiting import Ended
    from models.database import Database
    from worker.environment import LoadedSettings


class KindChoice(StrEnum):
    """What to make of the files."""

    AUTO = "auto"
    CAPTION = "caption"
    TRANSCRIBE = "transcribe"


MOST_SHOWN = 50
"""Rows of the table of results."""
MOST_NAMED = 10
"""Files that could not be written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """Where the results go."""

    out: str | None
    sidecars: bool
    xmp: bool
    as_json: bool

    def beside(self) -> tuple[str, ...]:
        """The formats of the files that are written beside the media."""
        return (*(("txt", "srt") if self.sidecars else ()), *(("xmp",) if self.xmp else ()))


def run(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Pictures, recordings, and folders of them.")],
    *,
    kind: Annotated[
        KindChoice, typer.Option(help="What to do; auto: captions for pictures, transcripts for sound.")
    ] = (KindChoice.AUTO),
    out: Annotated[str | None, typer.Option(metavar="FILE", help="Write all results to this .jsonl or .csv.")] = None,
    sidecars: Annotated[
        bool, typer.Option("--sidecars", help="Write photo.jpg.txt, talk.mp3.txt and talk.mp3.srt beside the media.")
    ] = False,
    xmp: Annotated[
        bool, typer.Option("--xmp", help="Write photo.jpg.xmp beside pictures, for darktable, digiKam and the like.")
    ] = False,
    model: Annotated[str | None, typer.Option(help="The Gemini model to ask.")] = None,
    tier: options.Tier = None,
    language: options.Language = None,
    prompt: options.Prompt = None,
    words: options.Words = False,
    speakers: options.Speakers = False,
    vocabulary: options.Vocabulary = None,
    channels: options.Channels = None,
    track: options.Track = None,
    translate_to: options.TranslateTo = None,
    detail: options.Detail = None,
    concurrency: Annotated[int | None, typer.Option(metavar="N", help="Gemini calls in flight, at most.")] = None,
    budget: Budget = None,
    allow_unknown_price: options.AllowUnknownPrice = False,
    force: Annotated[bool, typer.Option("--force", help="Ask and pay again for what is done.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count and estimate; call and store nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Caption pictures and transcribe recordings, and write what came of it.

    Folders are walked. The same command again pays nothing for what is done, and goes on with the rest.

    For example: mediascribe run photos/ --out captions.jsonl, or: mediascribe run talk.mp3 --sidecars --language de
    """
    from cli.batches import Asked
    from cli.console import say
    from cli.files import find_media
    from cli.writing import check_writable
    from worker.environment import load_settings

    loaded = load_settings(flags={"concurrency": concurrency, "allow_unknown_prices": allow_unknown_price or None})
    if out is not None:
        check_writable(out, endings=(".jsonl", ".csv"))
    given = options.given_options(
        language=language, prompt=prompt, words=words, speakers=speakers, vocabulary=vocabulary, channels=channels,
        track=track, translate_to=translate_to, detail=detail, kind=kind.value,
    )  # fmt: skip
    asked = Asked(
        paths=tuple(paths), kind=kind.value, model=model or loaded.settings.model, options=given, force=force,
        budget_usd=budget_of(budget), tier=tier,
    )  # fmt: skip
    found = find_media(paths, kind=kind.value, own_files=[out] if out else [])
    for line in skipped_words(found.skipped):
        say(line)
    if not found.media:
        raise CommandError(Exit.NOT_FOUND, f"no picture or recording found in {', '.join(paths)}; nothing to do")
    if dry_run:
        _estimate(found, asked, loaded, as_json=as_json)
        return
    raise typer.Exit(_run(loaded, asked, found, Outputs(out=out, sidecars=sidecars, xmp=xmp, as_json=as_json)))


def skipped_words(skipped: Sequence[tuple[str, str]]) -> list[str]:
    """A line for each reason, with a few names."""
    from cli.console import one_line

    by_reason: dict[str, list[str]] = {}
    for path, reason in skipped:
        by_reason.setdefault(reason, []).append(path)
    lines = []
    for reason, group in by_reason.items():
        names = ", ".join(one_line(path.rpartition("/")[2], width=60) for path in group[:3])
        more = ", …" if len(group) > 3 else ""  # noqa: PLR2004 - as many as fit on a line
        lines.append(f"skipped {len(group)} file{'' if len(group) == 1 else 's'} ({reason}): {names}{more}")
    return lines


def _estimate(found: "Found", asked: "Asked", loaded: "LoadedSettings", *, as_json: bool) -> None:
    from cli.answered import to_ask
    from cli.console import emit, emit_json
    from cli.estimate import estimate, estimate_lines, estimate_shape
    from gemini.abilities import Detail
    from worker.submit import chosen_tier

    tier = chosen_tier(asked.tier, loaded.settings, model=asked.model)
    detail = Detail(asked.options.get("detail", Detail.MEDIUM))
    about = None if asked.force else to_ask(found.media, loaded.settings, model=asked.model, options=asked.options)
    estimated = estimate(found.media, loaded.settings, model=asked.model, tier=tier, detail=detail, asked=about)
    if as_json:
        emit_json(estimate_shape(estimated))
        return
    for line in estimate_lines(estimated):
        emit(line)


def _run(loaded: "LoadedSettings", asked: "Asked", found: "Found", outputs: Outputs) -> Exit:
    """Accept, work, write, sum up; how it ended."""
    from cli.batches import accept_run
    from cli.waiting import Watch
    from cli.working import work_off
    from gemini.price_files import load_prices
    from models.store import reports
    from models.store.queries import JobFilter
    from worker.ready_database import open_ready_database

    started = time.monotonic()
    prices = load_prices(loaded.settings.prices_file)
    database = open_ready_database(loaded.settings)
    try:
        accepted = accept_run(database, loaded.settings, asked, found.media, prices=prices)
        wanted = JobFilter(batch_id=accepted.batch_id)
        before = reports.totals(database, wanted)
        watch = Watch(
            batch_id=accepted.batch_id, lane=accepted.lane, baseline=before,
            has_recordings=any(file.kind == "transcribe" for file in found.media),
        )  # fmt: skip
        ended = _ended_at_once() if before.done == before.total else work_off(loaded, database, watch)
        facts = {
            "prices": prices,
            "before": before,
            "after": reports.totals(database, wanted),
            "skipped": len(found.skipped),
        }
        summary, trouble = _conclude(database, accepted, outputs, seconds=time.monotonic() - started, **facts)
        is_embedded = loaded.settings.embedded
        return _say_end(ended, summary, trouble=trouble, is_embedded=is_embedded, batch_id=accepted.batch_id)
    finally:
        database.close()


def _ended_at_once() -> "Ended":
    from cli.waiting import Ended

    return Ended(code=Exit.OK)


def _conclude(
    database: "Database", accepted: "Accepted", outputs: Outputs, *, seconds: float, **facts: Any
) -> "tuple[Summary, Exit]":
    """Write the outputs and the summary; what went wrong with the files, if anything did."""
    from cli.batches import pages
    from cli.console import emit_json, say
    from cli.summary import summarize, summary_lines, summary_shape
    from models.store.queries import JobFilter

    batch = pages(database, JobFilter(batch_id=accepted.batch_id))
    views = sorted((view for view in batch if view.id in accepted.job_ids), key=lambda view: view.source)
    trouble = _write(database, [view.id for view in views], outputs)
    summary = summarize(
        views, batch_id=accepted.batch_id, done_before=accepted.done_before, retried=accepted.retried, seconds=seconds,
        **facts,
    )  # fmt: skip
    if outputs.as_json:
        emit_json(summary_shape(summary))
    for line in summary_lines(summary):
        say(line)
    return summary, trouble


def _write(database: "Database", ids: Sequence[str], outputs: Outputs) -> Exit:
    from cli.batches import with_outputs
    from cli.console import say
    from cli.sidecars import write_sidecars
    from cli.writing import write_whole
    from worker.outputs import STREAMS

    trouble = Exit.OK
    if outputs.out:
        lines = STREAMS[outputs.out.rpartition(".")[2].lower()]
        write_whole(outputs.out, lines(with_outputs(database, ids)))
        say(f"results: {outputs.out}")
    if outputs.beside():
        written = write_sidecars(with_outputs(database, ids), outputs.beside())
        say(f"sidecars: {written.count} files")
        for path, reason in written.failed[:MOST_NAMED]:
            say(f"could not write {path}: {reason.lower()}")
            trouble = Exit.UNEXPECTED
        if len(written.failed) > MOST_NAMED:
            say(f"nor {len(written.failed) - MOST_NAMED} more")
    if not (outputs.out or outputs.beside() or outputs.as_json):
        _show(database, ids)
    return trouble


def _show(database: "Database", ids: Sequence[str]) -> None:
    """A short table of results, for when nothing else was asked for."""
    from cli.batches import with_outputs
    from cli.console import emit_table, one_line, say

    shown = ids[:MOST_SHOWN] if sys.stdout.isatty() else ids
    rows = (
        (view.source, view.state, one_line(_gist(view.output, view.error_message)))
        for view in with_outputs(database, shown)
    )
    emit_table(["source", "state", "result"], rows)
    if len(shown) < len(ids):
        say(f"and {len(ids) - len(shown)} more; --out FILE.jsonl or FILE.csv writes all of them")


def _gist(output: Any, error: str | None) -> str:
    """A result in a few words."""
    if output is None:
        return error or ""
    return str(output.get("caption") or output.get("text") or ("(no speech)" if output.get("no_speech") else ""))


def _say_end(ended: "Ended", summary: "Summary", *, trouble: Exit, is_embedded: bool, batch_id: str) -> Exit:
    from cli.console import say

    if ended.code is Exit.INTERRUPTED and is_embedded:
        say("interrupted; run the same command again to go on")
    elif ended.code is Exit.INTERRUPTED:
        say(
            f"interrupted; the workers go on. To follow them: mediascribe status {batch_id} --watch; "
            f"to stop them: mediascribe jobs cancel --batch {batch_id} --yes"
        )
    if ended.code is Exit.NOT_ALLOWED:
        say(f"mediascribe: {ended.words} Nothing is lost: mend that, then run the same command again to go on.")
    if ended.code is Exit.SOME_FAILED:
        say(ended.words)
    if ended.code is not Exit.OK:
        return ended.code
    return trouble or summary.code
