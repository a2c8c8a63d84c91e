"""`mediascribe submit`: store jobs for workers to do; all of them or none."""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import options
from cli.budget import Budget, budget_of
from cli.exits import CommandError, Exit
from cli.filters import Json
from cli.run import KindChoice
from models.tier import ServiceTier, lane_of

if TYPE_CHECKING:
    from models.database import Database
    from models.store.submit import Submission
    from worker.environment import LoadedSettings
    from worker.settings import Settings
    from worker.submit import Item

Sources = Annotated[
    list[str], typer.Argument(metavar="PATH|URL|-…", help="Media, folders of them; - reads one a line from stdin.")
]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wish:
    """What holds for every job of one submission."""

    kind: KindChoice
    priority: int
    owner: str
    batch: str | None
    key: str | None
    model: str | None
    tier: ServiceTier | None
    options: Mapping[str, Any]
    budget_usd: Decimal | None


def submit(
    sources: Sources,
    *,
    batch: Annotated[str | None, typer.Option(metavar="NAME", help="Put them into the batch of this name.")] = None,
    kind: Annotated[KindChoice, typer.Option(help="What to do; auto looks into the files.")] = KindChoice.AUTO,
    priority: Annotated[int, typer.Option(help="-100 to 100; higher goes first.")] = 0,
    owner: Annotated[str, typer.Option(help="Whose jobs they are.")] = "default",
    idempotency_key: Annotated[str | None, typer.Option(metavar="K", help="The same key makes no second job.")] = None,
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
    budget: Budget = None,
    allow_unknown_price: options.AllowUnknownPrice = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the batch is done.")] = False,
    timeout: Annotated[float | None, typer.Option(metavar="S", min=0, help="With --wait: seconds at most.")] = None,
    as_json: Json = False,
) -> None:
    """Store jobs, and print their ids. Workers do them; nothing is accepted if one of them cannot be."""
    from cli.console import emit, emit_json
    from cli.opening import opened

    given = options.given_options(
        language=language, prompt=prompt, words=words, speakers=speakers, vocabulary=vocabulary, channels=channels,
        track=track, translate_to=translate_to, detail=detail, kind=kind.value,
    )  # fmt: skip
    wish = _Wish(
        kind=kind, priority=priority, owner=owner, batch=batch, key=idempotency_key, model=model, tier=tier,
        options=given, budget_usd=budget_of(budget),
    )  # fmt: skip
    with opened({"allow_unknown_prices": allow_unknown_price or None}) as (loaded, database):
        items = _items(_read(sources), wish)
        submission = _accept(database, loaded.settings, wish, items)
        if as_json:
            emit_json({"batch_id": submission.batch_id, "jobs": list(submission.job_ids)})
        else:
            for job_id in submission.job_ids:
                emit(job_id)
        sys.stdout.flush()
        lane = lane_of(model or loaded.settings.model, tier or loaded.settings.service_tier)
        if wait:
            raise typer.Exit(
                _wait(loaded, database, submission, items, lane=lane, owner=owner, timeout_seconds=timeout)
            )
        _tell_workers(loaded.settings, database)


def _read(sources: Sequence[str]) -> list[str]:
    """The sources, with the lines of stdin where `-` stands. Raises CommandError where there are none."""
    read: list[str] = []
    for source in sources:
        read += [line for line in sys.stdin.read().splitlines() if line.strip()] if source == "-" else [source]
    if not read:
        raise CommandError(Exit.USAGE, "stdin named no source; write one path a line")
    return read


def _items(sources: Sequence[str], wish: _Wish) -> "list[Item]":
    from worker.submit import Item

    places = _all_places(sources, wish.kind)
    if not places:
        raise CommandError(
            Exit.NOT_FOUND, f"no picture or recording found in {', '.join(sources)}; nothing was accepted"
        )
    items = []
    for position, (place, kind) in enumerate(places):
        key = wish.key if wish.key is None or len(places) == 1 else _numbered(wish.key, position)
        own = options.options_of(kind, wish.options)
        items.append(
            Item(
                kind=kind, source=place, options=own, model=wish.model, service_tier=wish.tier, priority=wish.priority,
                idempotency_key=key,
            )
        )  # fmt: skip
    return items


def _all_places(sources: Sequence[str], kind: KindChoice) -> list[tuple[str, str]]:
    """The places of all sources. Raises CommandError naming each source that is none."""
    places: list[tuple[str, str]] = []
    problems: list[CommandError] = []
    for source in sources:
        try:
            places += _places(source, kind)
        except CommandError as error:
            problems.append(error)
    if len(problems) == 1:
        raise CommandError(problems[0].code, f"{problems[0]}; nothing was accepted")
    if problems:
        from worker.submit import spelt_out

        head = f"{len(problems)} sources cannot be taken; nothing was accepted:"
        raise CommandError(problems[0].code, spelt_out(head, [str(problem) for problem in problems]))
    return places


def _numbered(key: str, position: int) -> str:
    """The key of one of several sources; hashed, so that `K` with many sources cannot meet somebody's key `K:1`."""
    return "submit:" + hashlib.sha256(f"{key}\0{position}".encode()).hexdigest()


def _places(source: str, kind: KindChoice) -> list[tuple[str, str]]:
    """The source as it is stored, with its kind; all media below it where it is a folder.

    Raises CommandError where it can be seen that it is no medium.
    """
    from cli.console import say
    from cli.files import find_media, kind_of_address, kind_of_file
    from cli.run import skipped_words
    from media.source import scheme_of
    from worker.submit import local_source

    if scheme_of(source) is not None:  # whether it may be read is decided where all sources are validated
        return [(source, kind_of_address(source) if kind is KindChoice.AUTO else kind.value)]
    path = Path(local_source(source))
    if not path.exists():
        raise CommandError(Exit.NOT_FOUND, f"{source} does not exist")
    if path.is_dir():
        found = find_media([source], kind=kind.value)
        for line in skipped_words(found.skipped):
            say(line)
        return [(file.path, file.kind) for file in found.media]
    if kind is not KindChoice.AUTO:
        return [(str(path), kind.value)]
    try:
        return [(str(path), kind_of_file(str(path)))]
    except ValueError as error:
        raise CommandError(Exit.USAGE, f"{source} is no picture or recording ({error})") from error


def _accept(database: "Database", settings: "Settings", wish: _Wish, items: "list[Item]") -> "Submission":
    """Store the jobs. Raises RefusedError; CommandError(CONFLICT) where the key was used for something else."""
    from models.store import admin, queries
    from models.store.submit import NewBatch
    from worker.submit import accept

    batch_key = f"name:{wish.batch}" if wish.batch else wish.key and f"submit:{wish.key}"
    submission = accept(
        database,
        settings,
        NewBatch(owner=wish.owner, name=wish.batch, idempotency_key=batch_key, budget_usd=wish.budget_usd),
        items,
    )
    known = queries.get_jobs(database, [job_id for job_id in submission.job_ids if job_id not in submission.new])
    for job_id, item in zip(submission.job_ids, items, strict=True):
        view = known.get(job_id)
        if view is not None and (view.source, view.kind) != (item.source, item.kind):
            admin.cancel(database, list(submission.new))
            words = f"the idempotency key {wish.key!r} was used for {view.source} ({view.id}); take another key"
            raise CommandError(Exit.CONFLICT, f"{words}. Nothing was accepted")
    return submission


def _tell_workers(settings: "Settings", database: "Database") -> None:
    from cli.console import say
    from cli.working import announce

    if not settings.embedded:
        announce(settings, database)
        return
    say("stored. No broker is set, so nobody works on it yet: the same with --wait does, here and now")


def _wait(
    loaded: "LoadedSettings", database: "Database", submission: "Submission", items: "list[Item]", *, lane: str,
    owner: str, timeout_seconds: float | None,
) -> Exit:  # fmt: skip
    """Wait for the batch; how it ended."""
    from cli.console import say
    from cli.waiting import Watch
    from cli.working import work_off
    from models.state import JobState
    from models.store import reports
    from models.store.queries import JobFilter

    wanted = JobFilter(batch_id=submission.batch_id)
    watch = Watch(
        batch_id=submission.batch_id, owner=owner, lane=lane, baseline=reports.totals(database, wanted),
        has_recordings=any(item.kind == "transcribe" for item in items),
    )  # fmt: skip
    ended = work_off(loaded, database, watch, timeout_seconds=timeout_seconds)
    counts = reports.count_states(database, wanted)
    say(", ".join(f"{count} {state}" for state, count in counts.items() if count))
    if ended.code is not Exit.OK:
        say(f"{ended.words or 'not done yet'}; the jobs stay: mediascribe status {submission.batch_id}")
        return ended.code
    failed = counts[JobState.FAILED] + counts[JobState.PARTIAL]
    return Exit.SOME_FAILED if failed else Exit.OK
