"""`mediascribe webhooks create | list | test | deliveries | redeliver`: who is told when work is done."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import CommandError, Exit
from cli.filters import Json

if TYPE_CHECKING:
    from models.store.webhooks.log import DeliveryView

app = typer.Typer(help="Who is told when work is done, and what became of the telling.", no_args_is_help=True)


class EventChoice(StrEnum):
    """What an endpoint can ask for, as `models.webhook.CHOSEN_TYPES` has it (a test holds the two equal)."""

    BATCH_FINISHED = "batch.finished"
    JOB_FINISHED = "job.finished"


class DeliveryChoice(StrEnum):
    """The states of a delivery, as `models.webhook.DeliveryState` has them (a test holds the two equal)."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


USUAL = (EventChoice.BATCH_FINISHED,)

_Owner = Annotated[str | None, typer.Option(help="Only those of this owner.")]


@app.command()
def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are sent: https, or a host of MEDIASCRIBE_ALLOWED_HOSTS.")],
    *,
    owner: Annotated[str, typer.Option(help="Whose events.")] = "default",
    event: Annotated[
        list[EventChoice] | None, typer.Option(help="What is told, once for each; batch.finished if not given.")
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Have events sent to a URL. The secret that signs them is printed this once."""
    from cli.console import emit, emit_json, say
    from cli.opening import opened
    from models.store.webhooks import endpoints
    from models.webhook import EventType
    from worker.shapes import endpoint_shape
    from worker.submit import LONGEST_TEXT
    from worker.webhooks.addresses import check_webhook_url

    if not 0 < len(owner) <= LONGEST_TEXT or not owner.isprintable():
        raise CommandError(Exit.USAGE, f"--owner must have 1 to {LONGEST_TEXT} printable characters")
    types = [EventType(each.value) for each in event or USUAL]
    with opened() as (loaded, database):
        known = check_webhook_url(url, loaded.settings, owner)
        try:
            secret, view = endpoints.create_endpoint(database, owner=owner, url=known, event_types=types)
        except endpoints.TooManyEndpointsError as error:
            raise CommandError(
                Exit.CONFLICT, f"{owner} has {endpoints.MOST_ENDPOINTS} endpoints, the most there may be"
            ) from error
    if as_json:
        emit_json({**endpoint_shape(view), "secret": secret})
        return
    emit(secret)
    say(f"endpoint {view.id} of {owner}: {', '.join(view.event_types)}. Keep the secret: it cannot be shown again")


@app.command("list")
def list_(*, owner: _Owner = None, as_json: Json = False) -> None:
    """List the endpoints, and how they stand."""
    from cli.console import emit_json, emit_table
    from cli.opening import opened
    from models.store.webhooks.endpoints import list_endpoints
    from worker.shapes import endpoint_shape, rfc3339

    with opened() as (_, database):
        views = list_endpoints(database, owner=owner)
    if as_json:
        emit_json({"webhook_endpoints": [endpoint_shape(view) for view in views]})
        return
    rows = [
        (view.id, view.owner, view.url, ", ".join(view.event_types), view.state, view.disabled_reason or "",
         rfc3339(view.failing_since) or "")
        for view in views
    ]  # fmt: skip
    emit_table(["id", "owner", "url", "events", "state", "why", "failing since"], rows)


@app.command("test")
def send_test(
    endpoint_id: Annotated[str, typer.Argument(metavar="ENDPOINT", help="As `webhooks list` shows it.")],
    *,
    as_json: Json = False,
) -> None:
    """Send a test event, once; a worker sends it within seconds."""
    from cli.console import say
    from cli.opening import opened
    from models.ids import is_id
    from models.store.webhooks import endpoints, log

    with opened() as (_, database):
        view = endpoints.find_endpoint(database, endpoint_id) if is_id(endpoint_id, "whe") else None
        if view is None:
            words = f"there is no endpoint {endpoint_id!r}; `mediascribe webhooks list` shows them"
            raise CommandError(Exit.NOT_FOUND, words)
        delivery = log.find_delivery(database, endpoints.put_test(database, view.id, owner=view.owner))
    assert delivery is not None
    _show([delivery], as_json=as_json)
    say("a worker sends it; `mediascribe webhooks deliveries` says what became of it")


@app.command()
def deliveries(
    *,
    endpoint: Annotated[str | None, typer.Option(metavar="ENDPOINT", help="Only those to this endpoint.")] = None,
    state: Annotated[DeliveryChoice | None, typer.Option(help="Only those in this state.")] = None,
    owner: _Owner = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="The latest so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List what was sent or is to be sent, newest first, with the last answer."""
    from cli.opening import opened
    from models.ids import is_id
    from models.store.webhooks.log import DeliveryFilter, list_deliveries
    from models.webhook import DeliveryState

    if endpoint is not None and not is_id(endpoint, "whe"):
        raise CommandError(Exit.NOT_FOUND, f"there is no endpoint {endpoint!r}; `mediascribe webhooks list` shows them")
    asked = None if state is None else DeliveryState(state.value)
    with opened() as (_, database):
        wanted = DeliveryFilter(owner=owner, endpoint_id=endpoint, state=asked)
        views = list_deliveries(database, wanted, limit=limit)
    _show(views, as_json=as_json)


@app.command()
def redeliver(
    ids: Annotated[list[str], typer.Argument(metavar="DELIVERY…", help="As `webhooks deliveries` shows them.")],
    *,
    as_json: Json = False,
) -> None:
    """Send deliveries now: the next try of one that waits, one more try of one that has ended."""
    from cli.opening import opened
    from models.ids import is_id
    from models.store.webhooks import log

    with opened() as (_, database):
        for delivery_id in ids:
            if not is_id(delivery_id, "whd") or not log.redeliver(database, delivery_id):
                words = f"there is no delivery {delivery_id!r}; `mediascribe webhooks deliveries` shows the latest"
                raise CommandError(Exit.NOT_FOUND, words)
        found = (log.find_delivery(database, delivery_id) for delivery_id in ids)
        views = [view for view in found if view is not None]
    _show(views, as_json=as_json)


def _show(views: "list[DeliveryView]", *, as_json: bool) -> None:
    from cli.console import emit_json, emit_table, one_line
    from worker.shapes import delivery_shape, rfc3339

    if as_json:
        emit_json({"webhook_deliveries": [delivery_shape(view) for view in views]})
        return
    rows = [
        (view.id, view.event_type, view.state, view.attempts, view.answer_status or "", one_line(view.error or view.answer_text or ""),
         rfc3339(view.next_attempt_at) or "", view.endpoint_id)
        for view in views
    ]  # fmt: skip
    emit_table(["id", "event", "state", "tries", "status", "answer", "next try", "endpoint"], rows, right=["tries"])
