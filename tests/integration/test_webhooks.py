"""Webhooks from the outbox to a real receiver, which verifies them with the package that receivers use."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from models.database import Database
from models.store import admin
from models.store.webhooks import endpoints, log, sending
from models.store.webhooks.endpoints import EndpointView
from models.store.webhooks.log import DeliveryFilter, DeliveryView
from models.webhook import EventType
from tests.contracts.jobs import submit_jobs
from tests.services.databases import migrated
from tests.services.embedded import eventually
from tests.services.receiver import Receiver, receiver
from worker.environment import load_settings
from worker.webhooks.courier import make_courier

METADATA = "http://169.254.169.254/latest/meta-data/"


@pytest.fixture(scope="module")
def hook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """The receiver of all tests here."""
    with receiver(tmp_path_factory.mktemp("receiver")) as running:
        yield running


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    opened = migrated(f"sqlite:///{tmp_path}/jobs.db")
    yield opened
    opened.close()


@contextmanager
def courier(database: Database, hook: Receiver) -> Iterator[None]:
    """What a worker sends with, where the operator allows the receiver's address."""
    place = hook.url.removeprefix("http://").removesuffix("/hook")
    settings = load_settings(
        flags={"allowed_hosts": place, "webhook_timeout_seconds": 5.0}, environment={}, dotenv=Path("none")
    )
    running = make_courier(settings.settings, database)
    running.start()
    try:
        yield
    finally:
        running.stop()


def endpoint(database: Database, hook: Receiver, *types: EventType) -> EndpointView:
    """An endpoint whose secret the receiver knows."""
    asked = types or (EventType.BATCH_FINISHED,)
    secret, view = endpoints.create_endpoint(database, owner="default", url=hook.url, event_types=asked)
    hook.knows(secret)
    return view


def end_a_batch(database: Database) -> str:
    """The id of a batch that has ended."""
    made = submit_jobs(database, 2)
    admin.cancel(database, made.job_ids)
    return made.batch_id


def delivery(database: Database, *states: str) -> DeliveryView:
    """The latest delivery, as soon as it is in one of these states."""

    def latest() -> DeliveryView:
        return log.list_deliveries(database, DeliveryFilter(), limit=1)[0]

    eventually(lambda: latest().state in states, f"a delivery that is {states}")
    return latest()


def test_what_was_committed_before_a_crash_arrives_signed_and_is_believed_once_and_unchanged_only(
    database: Database, hook: Receiver
) -> None:
    """The process that ended the batch sent nothing, and one that began to send it was lost."""
    view = endpoint(database, hook, EventType.BATCH_FINISHED, EventType.JOB_FINISHED)
    batch_id = end_a_batch(database)
    assert len(sending.take_due(database, most=9, most_per_endpoint=9, busy={}, lease_seconds=-1.0)) == 3
    before = len(hook.got())
    with courier(database, hook):
        eventually(lambda: len(hook.got()) == before + 3, "three messages")
        delivery(database, "delivered")
    came = next(each for each in hook.got()[before:] if each["event"]["type"] == "batch.finished")
    assert came["event"]["data"]["id"] == batch_id
    assert (came["headers"]["content-type"], came["headers"]["user-agent"][:12]) == ("application/json", "mediascribe/")
    shown = next(
        each
        for each in log.list_deliveries(database, DeliveryFilter(endpoint_id=view.id), limit=9)
        if each.event_type == "batch.finished"
    )
    assert (shown.event_id, shown.event, shown.attempts) == (came["headers"]["webhook-id"], came["event"], 2)
    refuses(hook, came)


def refuses(hook: Receiver, came: dict[str, Any]) -> None:
    """The message as it came is believed; one that was changed or kept for later is not."""
    headers = {name: value for name, value in came["headers"].items() if name.startswith("webhook-")}
    body = came["body"].encode()
    assert hook.is_sent(body, headers) == 204
    old = str(int(headers["webhook-timestamp"]) - 600)
    other = "v1," + base64.b64encode(bytes(32)).decode()
    for changed in ({"webhook-timestamp": old}, {"webhook-id": "evt_other"}, {"webhook-signature": other}):
        assert hook.is_sent(body, {**headers, **changed}) == 401
    assert hook.is_sent(body.replace(b'"total":2', b'"total":3'), headers) == 401


def test_a_redirect_to_where_clouds_keep_credentials_is_a_failure_and_not_followed(
    database: Database, hook: Receiver
) -> None:
    endpoint(database, hook)
    hook.answers({"status": 302, "headers": {"Location": METADATA}, "body": "see there"})
    end_a_batch(database)
    with courier(database, hook):
        eventually(
            lambda: delivery(database, "pending").attempts == 1 and delivery(database, "pending").answer_status, "a try"
        )
    view = delivery(database, "pending")
    assert (view.answer_status, view.answer_text, view.error) == (302, "see there", None)
    assert view.next_attempt_at is not None


def test_a_receiver_inside_that_nobody_vouches_for_is_not_asked(database: Database, hook: Receiver) -> None:
    endpoint(database, hook)
    before = len(hook.got())
    end_a_batch(database)
    with courier(database, Receiver(url="http://192.168.0.1/hook")):
        eventually(lambda: delivery(database, "pending").error, "a try")
    assert "is not asked" in str(delivery(database, "pending").error)
    assert len(hook.got()) == before


def test_a_receiver_that_asks_for_time_gets_it_and_one_that_is_gone_is_left_alone(
    database: Database, hook: Receiver
) -> None:
    view = endpoint(database, hook)
    hook.answers({"status": 503, "headers": {"Retry-After": "7200"}}, {"status": 410})
    end_a_batch(database)
    with courier(database, hook):
        eventually(lambda: delivery(database, "pending").answer_status == 503, "a try")
        later = delivery(database, "pending")
        assert later.next_attempt_at is not None
        assert later.attempted_at is not None
        assert 7_000 < (later.next_attempt_at - later.attempted_at).total_seconds() < 7_300
        log.redeliver(database, later.id)
        assert delivery(database, "failed").answer_status == 410
    found = endpoints.find_endpoint(database, view.id)
    assert found is not None
    assert found.state == "disabled"


def test_a_receiver_that_knows_either_secret_verifies_for_a_day_after_a_rotation(
    database: Database, hook: Receiver
) -> None:
    """It has the former one; then it learns the new one, and the same delivery is sent again."""
    view = endpoint(database, hook)
    secret = endpoints.rotate_secret(database, view.id)
    before = len(hook.got())
    end_a_batch(database)
    with courier(database, hook):
        first = delivery(database, "delivered")
        hook.knows(secret)
        log.redeliver(database, first.id)
        eventually(lambda: len(hook.got()) == before + 2, "it comes again")
        assert delivery(database, "delivered").attempts == 2
    one, other = hook.got()[before:]
    assert one["event"] == other["event"]
    assert one["headers"]["webhook-id"] == other["headers"]["webhook-id"]
    assert all(len(each["headers"]["webhook-signature"].split(" ")) == 2 for each in (one, other))


def test_a_text_that_no_header_or_database_likes_is_sent_and_kept_as_text(database: Database, hook: Receiver) -> None:
    """What the receiver says is shown to people; what a client named its batch is part of what is signed."""
    view = endpoint(database, hook)
    hook.answers({"status": 200, "body": "\0<script>" + "x" * 9_000})
    endpoints.put_test(database, view.id, owner="default")
    with courier(database, hook):
        shown = delivery(database, "delivered")
    assert shown.answer_text is not None
    assert (len(shown.answer_text), shown.answer_text[:9]) == (1_000, "\N{REPLACEMENT CHARACTER}<script>")
    assert json.loads(hook.got()[-1]["body"])["data"] == {"endpoint_id": view.id}
