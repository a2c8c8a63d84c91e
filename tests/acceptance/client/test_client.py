"""Both clients against a server that works."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from mediascribe_client import (
    CaptionOutput,
    ConflictError,
    InvalidRequestError,
    LocalFile,
    NotFoundError,
    TranscriptOutput,
)
from tests.acceptance.conftest import Shell
from tests.acceptance.test_api import Serving
from tests.services.clients import COLOURS, client


@pytest.fixture(params=COLOURS)
def asking(request: pytest.FixtureRequest, api: Serving) -> Iterator[Any]:
    with client(request.param, api.url) as either:
        yield either


def test_a_job_from_its_submission_to_its_result(shell: Shell, asking: Any) -> None:
    job = asking.caption(
        str(shell.folder / "cat.jpg"), client_ref="c", metadata={"a": "x\u2028y"}, options={"max_tags": 1}
    )
    talk = asking.transcribe(str(shell.folder / "talk.wav"))
    done = asking.wait(job, timeout_seconds=60)
    assert (done.state, done.is_done, done.client_ref, done.metadata) == ("succeeded", True, "c", {"a": "x\u2028y"})
    assert isinstance(done.result(), CaptionOutput)
    assert asking.jobs.output(job.id)["alt_text"] == done.result().alt_text
    assert isinstance(asking.wait(talk.id, timeout_seconds=60).result(), TranscriptOutput)
    assert asking.jobs.text(talk.id, "vtt").startswith("WEBVTT")
    found = next(iter(asking.jobs.list(state="succeeded", kind="caption", search="cat.jpg", since=job.created_at)))
    assert (found.id, found.output) == (job.id, None)
    for impossible in (asking.jobs.cancel, asking.jobs.retry):
        with pytest.raises(ConflictError):
            impossible(job.id)
    with pytest.raises(NotFoundError):
        asking.jobs.get("../v1/jobs")


def test_a_file_of_this_machine_is_sent_along_once(shell: Shell, asking: Any) -> None:
    """By its path or as an open file; the server keeps a copy, and the same key sends nothing twice."""
    path, key = shell.folder / "cat.jpg", f"file-{type(asking).__name__}"
    job = asking.caption(LocalFile(path), client_ref="sent", options={"max_tags": 1}, idempotency_key=key)
    with path.open("rb") as file:
        again = asking.caption(LocalFile(file), client_ref="sent", options={"max_tags": 1}, idempotency_key=key)
    assert again.id == job.id
    done = asking.wait(job, timeout_seconds=60)
    assert (done.state, done.client_ref, done.source.rpartition("/")[2]) == ("succeeded", "sent", "cat.jpg")
    assert not done.source.startswith(str(shell.folder))


def test_a_bulk_action_from_its_preview_to_its_end(shell: Shell, asking: Any) -> None:
    job = asking.wait(asking.caption(str(shell.folder / "none.jpg"), client_ref=str(asking)), timeout_seconds=60)
    wanted = {"state": "failed", "batch": job.batch_id, "since": job.created_at}
    preview = asking.bulk_actions.preview("retry", wanted)
    assert (preview.total, [each.id for each in preview.examples]) == (1, [job.id])
    made = asking.bulk_actions.create("retry", wanted, reason="the picture is there now")
    until = time.monotonic() + 30
    while (now := asking.bulk_actions.get(made.id)).state != "succeeded":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert (now.changed, now.reason, next(iter(asking.bulk_actions.list())).id) == (1, made.reason, made.id)
    with pytest.raises(ConflictError):
        asking.bulk_actions.abort(made.id)
    with pytest.raises(InvalidRequestError):
        asking.bulk_actions.create("cancel", ["job_" + "0" * 32])


def test_a_webhook_endpoint_from_its_making_to_its_end(asking: Any) -> None:
    made = asking.webhooks.create("https://hooks.invalid/", event_types=["job.finished"])
    assert made.secret.startswith("whsec_")
    assert made.secret not in repr(made)
    assert [each.id for each in asking.webhooks.list()] == [made.id]
    assert asking.webhooks.rotate_secret(made.id).secret != made.secret
    changed = asking.webhooks.update(made.id, event_types=["batch.finished"], enabled=False)
    assert (changed.state, changed.event_types) == ("disabled", ["batch.finished"])
    assert asking.webhooks.get(made.id) == changed
    sent = asking.webhooks.test(made.id)
    assert asking.webhooks.redeliver(sent.id).id == asking.webhooks.delivery(sent.id).id
    assert [each.id for each in asking.webhooks.deliveries(endpoint=made.id)] == [sent.id]
    asking.webhooks.delete(made.id)
    with pytest.raises(NotFoundError):
        asking.webhooks.get(made.id)


def test_a_job_that_failed_is_tried_again(shell: Shell, asking: Any) -> None:
    job = asking.wait(asking.caption(str(shell.folder / "nowhere.jpg")), timeout_seconds=60)
    assert (job.state, job.error.code) == ("failed", "source_not_found")
    again = asking.jobs.retry(job.id)
    assert again.id == job.id
    assert asking.wait(again, timeout_seconds=60).state == "failed"


def test_a_batch_from_its_items_to_its_results(shell: Shell, asking: Any) -> None:
    """Events that were seen are not told again, and a key that was used makes nothing a second time."""
    items = [
        {
            "kind": "caption",
            "source": str(shell.folder / "photos" / f"{number:03}.jpg"),
            "metadata": {"line": "\u2028\x85"},
        }
        for number in range(3)
    ]
    items.insert(1, {"kind": "dance", "source": "/a.jpg"})
    made = asking.batches.submit(items, name="b", budget_usd=5, idempotency_key=f"b-{type(asking).__name__}")
    assert (made.accepted, made.refused, [each is None for each in made.job_ids]) == (3, 1, [False, True, False, False])
    assert [(each.index, each.field) for each in made.refusals] == [(1, "kind")]
    seen = list(asking.batches.events(made.batch.id))
    assert (seen[-1].event, seen[-1].done, seen[-1].states["succeeded"]) == ("done", 3, 3)
    assert list(asking.batches.events(made.batch.id, last_event_id=seen[-1].id)) == []
    results = list(asking.batches.results(made.batch.id))
    assert [each.id for each in results] == [each for each in made.job_ids if each]
    assert {each.metadata["line"] for each in results} == {"\u2028\x85"}
    assert asking.batches.wait(made.batch.id, timeout_seconds=60).is_done
    again = asking.batches.submit(items, name="b", budget_usd=5, idempotency_key=f"b-{type(asking).__name__}")
    assert (again.batch.id, again.job_ids) == (made.batch.id, made.job_ids)
    assert next(iter(asking.batches.list())).id == made.batch.id
    assert asking.batches.cancel(made.batch.id) == 0


def test_of_a_generator_each_item_is_told_and_nothing_kept(shell: Shell, asking: Any) -> None:
    told: list[Any] = []
    items = ({"kind": "caption", "source": source} for source in (str(shell.folder / "cat.jpg"), "relative.jpg"))
    made = asking.batches.submit(items, on_item=told.append)
    assert (made.accepted, made.refused, made.job_ids) == (1, 1, None)
    assert {each.index: each.error and each.error.code for each in told} == {0: None, 1: "invalid_options"}
    with pytest.raises(InvalidRequestError, match="no item"):
        asking.batches.submit(iter([{"kind": "caption", "source": "relative.jpg"}]))
