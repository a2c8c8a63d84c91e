"""Accepting work: validate everything, then store batch and jobs in one transaction. Accepted means committed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gemini.abilities import tiers_of
from gemini.price_files import load_prices
from gemini.prices import PriceTable
from media.source_rules import check_source
from models.database import Database
from models.failures import Failure, FailureCode, FailureError, failure
from models.store.budgets import check_limit
from models.store.submit import NewBatch, NewJob, Submission, submit
from models.store.uploads import NewUpload
from models.tier import ServiceTier, lane_of, tier_of
from tasks.base import read_options
from tasks.registry import find_kind
from worker.settings import Settings
from worker.source_settings import source_rules

LONGEST_TEXT = 200
LONGEST_KEY = 250
MOST_SHOWN = 10
"""Bad items that one refusal spells out; all of them are in its `problems`."""
SHOWN_ALIKE = 5
"""Of those with the same reason, so many by their numbers."""
PRIORITIES = range(-100, 101)


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One job as a producer asks for it, not yet validated."""

    kind: str
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None
    service_tier: str | None = None
    client_ref: str | None = None
    metadata: Mapping[str, Any] | None = None
    priority: int = 0
    idempotency_key: str | None = None
    reuse: bool = True
    owes_reply: bool = False
    upload: NewUpload | None = None
    """The file that the source names, if it came with the item."""


class RefusedError(ValueError):
    """Some items cannot be accepted, so none was; `problems` says which and why."""

    def __init__(self, problems: Mapping[int, Failure]) -> None:
        alike: dict[str, list[int]] = {}
        for position, why in sorted(problems.items()):
            alike.setdefault(why.message, []).append(position + 1)
        lines = [f"{_items(numbers)}: {message}" for message, numbers in alike.items()]
        head = f"{len(problems)} items cannot be accepted, so none was:"
        super().__init__(lines[0] if len(lines) == 1 else spelt_out(head, lines))
        self.problems = problems


def _items(numbers: Sequence[int]) -> str:
    """Such as `item 3`, or `items 3, 5, 8 and 4 more`."""
    if len(numbers) == 1:
        return f"item {numbers[0]}"
    more = f" and {len(numbers) - SHOWN_ALIKE} more" if len(numbers) > SHOWN_ALIKE else ""
    return f"items {', '.join(map(str, numbers[:SHOWN_ALIKE]))}{more}"


def spelt_out(head: str, lines: Sequence[str]) -> str:
    """A sentence and what it is about, one a line; of many only the first and the number of the others."""
    more = [f"and {len(lines) - MOST_SHOWN} more"] if len(lines) > MOST_SHOWN else []
    return "\n  ".join([head, *lines[:MOST_SHOWN], *more])


def accept(
    database: Database, settings: Settings, batch: NewBatch, items: Sequence[Item], *, prices: PriceTable | None = None
) -> Submission:
    """Accept all items or none. Raises RefusedError naming each bad item, PriceFileError, DatabaseUnavailableError.

    Without `prices` they are read from the files that the settings name; whoever accepts often reads them once.
    """
    check_batch(batch)
    jobs, problems = sort_out(items, settings, prices or load_prices(settings.prices_file), owner=batch.owner)
    if problems:
        raise RefusedError(problems)
    return submit(database, batch, list(jobs.values()))


def sort_out(
    items: Iterable[Item], settings: Settings, prices: PriceTable, *, owner: str
) -> tuple[dict[int, NewJob], dict[int, Failure]]:
    """The jobs of those items that can be accepted, and why the others cannot; both by the item's position."""
    jobs: dict[int, NewJob] = {}
    problems: dict[int, Failure] = {}
    for position, item in enumerate(items):
        try:
            job = new_job(item, settings, owner=owner)
            if not settings.allow_unknown_prices:
                check_price(job.model, prices, tier_of(job.lane))
            jobs[position] = job
        except FailureError as error:
            problems[position] = error.failure
    return jobs, problems


def check_batch(batch: NewBatch) -> None:
    """Raises RefusedError naming what of the batch cannot be stored."""
    try:
        for name, text in (("owner", batch.owner), ("name", batch.name or "-"), ("key", batch.idempotency_key or "-")):
            _check_storable(f"the batch's {name}", text)
            if not 0 < len(text) <= LONGEST_TEXT:
                raise _invalid(f"the batch's {name}", f"must have 1 to {LONGEST_TEXT} characters")
        if batch.budget_usd is not None:
            check_limit(batch.budget_usd, field="budget_usd")
    except FailureError as error:
        raise RefusedError({0: error.failure}) from error


def new_job(item: Item, settings: Settings, *, owner: str) -> NewJob:
    """The job of an item of this owner. Raises FailureError(invalid_options) naming the field."""
    kind = find_kind(item.kind)
    options = read_options(kind, item.options)
    model = item.model or settings.model
    tier = chosen_tier(item.service_tier, settings, model=model)
    if kind.check_model is not None:
        kind.check_model(options, model)
    for name, text in (("model", model), ("client_ref", item.client_ref or "-")):
        if not 0 < len(text) <= LONGEST_TEXT:
            raise _invalid(name, f"must have 1 to {LONGEST_TEXT} characters")
    for name in ("client_ref", "idempotency_key", "metadata", "model"):
        _check_storable(name, getattr(item, name))
    for name, value in item.options.items():
        _check_storable(name, value)
    if len(item.idempotency_key or "") > LONGEST_KEY:
        raise _invalid("idempotency_key", f"must have at most {LONGEST_KEY} characters")
    if item.priority not in PRIORITIES:
        raise _invalid("priority", f"must lie between {PRIORITIES.start} and {PRIORITIES.stop - 1}")
    return NewJob(
        kind=kind.name, source=_checked_source(item, settings, owner), options=options.model_dump(mode="json", exclude_defaults=True),
        model=model, lane=lane_of(model, tier), max_attempts=settings.max_attempts, client_ref=item.client_ref, metadata=item.metadata,
        priority=item.priority, idempotency_key=item.idempotency_key, reuse=item.reuse, owes_reply=item.owes_reply, upload=item.upload,
    )  # fmt: skip


def chosen_tier(named: str | None, settings: Settings, *, model: str) -> ServiceTier:
    """The service tier of a job of that model. Raises FailureError(invalid_options) naming the field."""
    try:
        tier = settings.service_tier if named is None else ServiceTier(named)
    except ValueError as error:
        raise _invalid("service_tier", f"must be {_either(ServiceTier)}, not {named!r}") from error
    if tier is ServiceTier.ECONOMY and not settings.offers_batches:
        raise _invalid(
            "service_tier", "economy is not offered with Vertex AI; take flex or standard, or use a GEMINI_API_KEY"
        )
    offered = tiers_of(model)
    if tier not in offered:
        raise _invalid("service_tier", f"{tier} is not offered for {model}; it has {_either(sorted(offered))}")
    if tier_of(model) is not ServiceTier.STANDARD:
        raise _invalid("model", f"{model!r} ends with the name of a service tier; give that as service_tier")
    return tier


def _either(tiers: Iterable[ServiceTier]) -> str:
    return " or ".join(tiers)


def check_price(model: str, prices: PriceTable, tier: ServiceTier = ServiceTier.STANDARD) -> None:
    """Refuse a model whose price nobody knows today, in any tier that it may be asked in. Raises FailureError(invalid_options)."""
    for each in dict.fromkeys(
        (tier, ServiceTier.STANDARD)
    ):  # what finds no room elsewhere is asked in the standard tier
        if not prices.knows(model, datetime.now(UTC).date(), each):
            raise _invalid(
                "model",
                f"{model!r} has no known price in the {each} tier; add a row for it to a price file (MEDIASCRIBE_PRICES_FILE), "
                "or accept that its cost is not counted: --allow-unknown-price or MEDIASCRIBE_ALLOW_UNKNOWN_PRICES=true",
            )


def local_source(path: str) -> str:
    """A path as it is stored: absolute, because workers stand elsewhere."""
    return str(Path(path).expanduser().absolute())


def _checked_source(item: Item, settings: Settings, owner: str) -> str:
    """The source, if it can be stored and may be read by a worker; whether it is there, nobody looks."""
    source = item.source
    if not source:
        raise _invalid("source", "must be the path or address of a picture or recording")
    _check_storable("source", source)
    if item.upload is not None:
        return source
    try:
        check_source(source, source_rules(settings), owner)
    except FailureError as error:
        raise _invalid("source", error.failure.message.removesuffix(".")) from error
    return source


def _check_storable(name: str, value: object) -> None:
    """Refuse what no database stores: NUL, lone surrogates, and numbers that JSON lacks."""
    try:
        written = json.dumps(value, allow_nan=False, ensure_ascii=False)
        written.encode()
    except UnicodeEncodeError as error:
        raise _invalid(name, "is not valid Unicode") from error
    except (TypeError, ValueError) as error:
        raise _invalid(name, f"cannot be stored as JSON: {error}") from error
    if "\\u0000" in written:
        raise _invalid(name, "contains a NUL character")


def _invalid(name: str, words: str) -> FailureError:
    return FailureError(failure(FailureCode.INVALID_OPTIONS, f"{name} {words}", field=name))
