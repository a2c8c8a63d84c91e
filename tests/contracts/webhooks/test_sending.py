"""Taking deliveries out of the outbox, and what their ends do to endpoints."""

import threading
from typing import Any

from sqlalchemy import literal, update

from models.base import db_after
from models.database import Database
from models.moves import Record
from models.store import admin
from models.store.record import record
from models.store.webhooks import endpoints, log, sending
from models.store.webhooks.endpoints import EndpointView
from models.store.webhooks.sending import Effect, Message, Tried
from models.webhook import DeliveryState, WebhookEndpoint
from tests.contracts.jobs import claim_one, submit_jobs
from tests.contracts.webhooks.telling import BOTH, DONE, endpoint, told

ARRIVED = Tried(state=DeliveryState.DELIVERED, effect=Effect.WORKS, answer_status=204)
AGAIN = Tried(state=DeliveryState.PENDING, effect=Effect.FAILS, retry_in_seconds=0.0, answer_status=500)
LAST = Tried(state=DeliveryState.FAILED, effect=Effect.EXHAUSTED, answer_status=500)
GONE = Tried(state=DeliveryState.FAILED, effect=Effect.GONE, answer_status=410)


def take(
    database: Database, *, most: int = 100, share: int = 100, lease_seconds: float = 60.0, **busy: int
) -> list[Message]:
    return sending.take_due(database, most=most, most_per_endpoint=share, busy=busy, lease_seconds=lease_seconds)


def happen(database: Database, count: int = 1) -> None:
    """So many batches end."""
    for _ in range(count):
        record(database, [Record(job=claim_one(database), ending=DONE)])


def seen(database: Database, made: EndpointView) -> EndpointView:
    view = endpoints.find_endpoint(database, made.id)
    assert view is not None
    return view


def states(database: Database) -> list[str]:
    return [each.state for each in told(database)]


def test_what_is_taken_belongs_to_one_sender(database: Database) -> None:
    endpoint(database)
    happen(database, 12)
    taken: list[str] = []

    def work() -> None:
        while mine := take(database, most=2):
            taken.extend(message.id for message in mine)

    senders = [threading.Thread(target=work) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(30.0)
    assert sorted(taken) == [each.id for each in told(database)]


def test_what_a_lost_sender_had_is_taken_by_another_and_its_own_word_counts_no_more(database: Database) -> None:
    """It was killed after it had sent, or before: nobody knows, so it is sent again under the same id."""
    there = endpoint(database)
    happen(database)
    (lost,) = take(database, lease_seconds=-1.0)
    (found,) = take(database)
    assert (found.id, found.event_id, found.body, found.attempts) == (lost.id, lost.event_id, lost.body, 2)
    assert take(database) == []
    assert not sending.settle(database, lost, GONE)
    assert seen(database, there).state == "active"
    assert sending.settle(database, found, ARRIVED)
    (view,) = told(database)
    assert (view.state, view.answer_status, view.next_attempt_at) == ("delivered", 204, None)
    assert take(database) == []


def test_an_endpoint_has_no_more_than_its_share(database: Database) -> None:
    slow = endpoint(database)
    happen(database, 5)
    quick = endpoint(database, owner="other")
    endpoints.put_test(database, quick.id, owner="other")
    first = take(database, share=2)
    assert sorted(message.endpoint_id for message in first) == sorted([slow.id, slow.id, quick.id])
    assert take(database, share=2, **{slow.id: 2}) == []


def test_a_receiver_that_wants_to_be_left_alone_is_but_for_what_is_sent_by_hand(database: Database) -> None:
    there = endpoint(database)
    happen(database, 2)
    (first, *_) = take(database, most=1)
    sending.settle(
        database,
        first,
        Tried(state=DeliveryState.PENDING, effect=Effect.FAILS, retry_in_seconds=90.0, quiet_seconds=90.0),
    )
    assert take(database) == []
    test = endpoints.put_test(database, there.id, owner="default")
    assert [message.id for message in take(database)] == [test]
    log.redeliver(database, first.id)
    assert len(take(database)) == 2


def test_a_receiver_that_is_gone_gets_nothing_more(database: Database) -> None:
    there = endpoint(database)
    happen(database, 2)
    first, second = take(database)
    sending.settle(database, second, AGAIN)
    sending.settle(database, first, GONE)
    view = seen(database, there)
    assert (view.state, "410" in (view.disabled_reason or "")) == ("disabled", True)
    assert states(database) == ["failed", "cancelled"]
    happen(database)
    assert len(told(database)) == 2


def exhaust(database: Database) -> None:
    (message,) = take(database)
    sending.settle(database, message, LAST)


def test_an_endpoint_at_which_nothing_arrives_is_disabled_when_the_tries_are_over(database: Database) -> None:
    there = endpoint(database)
    happen(database)
    exhaust(database)
    assert seen(database, there).state == "disabled"
    endpoints.update_endpoint(database, there.id, is_enabled=True)
    assert (seen(database, there).failing_since, seen(database, there).disabled_reason) == (None, None)


def test_one_message_that_is_never_taken_disables_no_endpoint_at_which_others_arrive(database: Database) -> None:
    there = endpoint(database)
    happen(database, 2)
    bad, good = take(database)
    sending.settle(database, bad, AGAIN)
    sending.settle(database, good, ARRIVED)
    exhaust(database)
    assert (seen(database, there).state, states(database)) == ("active", ["failed", "delivered"])


def test_what_is_sent_by_hand_reaches_a_disabled_endpoint_and_its_failure_counts_for_nothing(
    database: Database,
) -> None:
    there = endpoint(database)
    happen(database)
    exhaust(database)
    (failed,) = told(database)
    assert log.redeliver(database, failed.id)
    (again,) = take(database)
    assert (again.event_id, again.by_hand) == (failed.event_id, True)
    sending.settle(
        database, again, Tried(state=DeliveryState.FAILED, effect=Effect.NONE, error="The endpoint is away.")
    )
    assert (seen(database, there).state, states(database)) == ("disabled", ["failed"])
    assert not log.redeliver(database, "whd_" + "0" * 32)


def test_the_former_secret_signs_for_a_day(database: Database) -> None:
    there = endpoint(database)
    former = take_secrets(database, there)
    secret = endpoints.rotate_secret(database, there.id)
    assert take_secrets(database, there) == (secret, *former)
    assert seen(database, there).former_secret_until is not None
    with database.write() as connection:
        connection.execute(update(WebhookEndpoint).values(former_secret_until=db_after(literal(-1.0))))
    assert take_secrets(database, there) == (secret,)
    assert seen(database, there).former_secret_until is None


def take_secrets(database: Database, there: EndpointView) -> Any:
    endpoints.put_test(database, there.id, owner="default")
    (message,) = take(database)
    sending.settle(database, message, ARRIVED)
    assert "whsec_" not in repr(message)
    return message.secrets


def test_pages_of_the_log_follow_each_other(database: Database) -> None:
    one, other = endpoint(database, *BOTH), endpoint(database, owner="other")
    admin.cancel(database, submit_jobs(database, 2).job_ids)
    endpoints.put_test(database, other.id, owner="other")
    ids = [each.id for each in told(database, owner="default")]
    (latest,) = log.list_deliveries(database, log.DeliveryFilter(endpoint_id=one.id), limit=1)
    rest = log.list_deliveries(database, log.DeliveryFilter(endpoint_id=one.id), limit=9, before=latest.id)
    assert [latest.id, *(each.id for each in rest)] == ids[::-1]
    assert log.list_deliveries(database, log.DeliveryFilter(state=DeliveryState.FAILED), limit=9) == []
    assert log.find_delivery(database, latest.id, owner="other") is None
