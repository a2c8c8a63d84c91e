"""Batches at Gemini, against the simulator: found again, every ending told, swapped answers known."""

import json

import pytest

from gemini.batches import Batches, BatchState
from gemini.connection import Connection
from gemini.files import Files
from gemini.rest import GoneError, Rest
from models.failures import NATURES, FailureCode, FailureError, Nature
from tests.integration.door import KEYS, MODEL, Door, rest_of, rule


def test_a_batch_gives_every_answer_as_an_online_call(door: Door) -> None:
    made = door.batches.create(MODEL, "d", door.upload())
    assert (made.state, made.is_over, made.display_name) == (BatchState.PENDING, False, "d")
    batch = door.until(made.name, lambda batch: batch.is_over)
    assert batch.state is BatchState.SUCCEEDED
    assert (batch.requests, batch.succeeded, batch.failed, batch.pending) == (4, 4, 0, 0)
    found = door.harvest(batch)
    assert [line.key for line in found] == list(KEYS)
    for line in found:
        assert line.call.failure is None
        assert list(json.loads(line.call.text or "")) == ["caption"]
    assert {call["tier"] for call in door.gemini.ledger()} == {"batch"}


@pytest.mark.parametrize(
    ("kind", "state", "lines", "good"),
    [
        ("batch_failed", BatchState.FAILED, 0, 0),
        ("batch_expired", BatchState.EXPIRED, 0, 0),
        ("batch_expired_half", BatchState.EXPIRED, 2, 2),
        ("rows_all_failed", BatchState.SUCCEEDED, 4, 0),
        ("rows_failed", BatchState.SUCCEEDED, 4, 2),
        ("rows_missing", BatchState.SUCCEEDED, 2, 2),
    ],
)
def test_every_ending_is_told(door: Door, kind: str, state: BatchState, lines: int, good: int) -> None:
    batch = door.finished(rule("batch_create", kind))
    assert (batch.state, batch.output_file is not None) == (state, lines > 0)
    assert (batch.error is not None) == (state is BatchState.FAILED)
    found = door.harvest(batch)
    assert (len(found), sum(line.call.failure is None for line in found)) == (lines, good)


@pytest.mark.parametrize(("reason", "answered"), [("PENDING", 0), ("RUNNING", 2)])
def test_a_batch_that_is_stuck_is_cancelled_and_gives_what_it_has(door: Door, reason: str, answered: int) -> None:
    door.gemini.set_faults([rule("batch_create", "batch_stuck", reason=reason)])
    name = door.batches.create(MODEL, "d", door.upload()).name
    door.until(name, lambda batch: batch.state == reason and batch.succeeded == answered)
    for _ in range(2):
        door.batches.cancel(name)
    batch = door.batches.get(name)
    assert (batch.state, batch.is_over) == (BatchState.CANCELLED, True)
    assert len(door.harvest(batch)) == answered
    for _ in range(2):
        door.batches.delete(name)
    door.batches.cancel(name)
    with pytest.raises(GoneError):
        door.batches.get(name)


@pytest.mark.parametrize("kind", ["500_created", "reset"])
def test_a_batch_whose_creation_was_answered_badly_is_found_by_its_name(door: Door, kind: str) -> None:
    door.gemini.set_faults([rule("batch_create", kind, 2)])
    file = door.upload()
    assert door.batches.find("mine") is None
    door.batches.create(MODEL, "another", file)
    with pytest.raises(FailureError) as raised:
        door.batches.create(MODEL, "mine", file)
    assert raised.value.failure.code is FailureCode.GEMINI_UNAVAILABLE
    found = door.batches.find("mine")
    assert found is not None
    assert door.batches.get(found.name).display_name == "mine"


def test_a_batch_is_found_on_whatever_page_and_the_newest_of_several(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gemini.batches._PAGE_SIZE", 2)
    file = door.upload()
    made = [door.batches.create(MODEL, name, file).name for name in ("old", "twice", "b", "twice", "c", "d")]
    assert [found and found.name for found in map(door.batches.find, ("old", "twice"))] == [made[0], made[3]]
    assert {batch.name for batch in door.batches.all()} == set(made)


def test_answers_under_the_wrong_key_are_known_by_their_reference(door: Door) -> None:
    found = door.harvest(door.finished(rule("batch_create", "rows_swapped")))
    assert [line.key for line in found] == list(KEYS)
    for line in found:
        assert line.call.failure is not None
        assert (line.call.failure.code, line.call.text) == (FailureCode.GEMINI_INVALID_OUTPUT, None)
        assert line.call.usage is not None


@pytest.mark.parametrize(("kind", "keys"), [("rows_shuffled", list(KEYS[::-1])), ("rows_without_key", [None] * 4)])
def test_answers_in_another_order_are_told_by_their_key_or_not_at_all(
    door: Door, kind: str, keys: list[str | None]
) -> None:
    found = door.harvest(door.finished(rule("batch_create", kind)))
    assert [line.key for line in found] == keys
    assert [line.call.failure is None for line in found] == [key is not None for key in keys]


@pytest.mark.parametrize(
    ("kind", "code", "pauses"),
    [
        ("429_help", FailureCode.GEMINI_QUOTA, False),
        ("429_day", FailureCode.GEMINI_QUOTA, True),
        ("503", FailureCode.GEMINI_UNAVAILABLE, False),
        ("400_key", FailureCode.GEMINI_AUTH, True),
        ("403_billing", FailureCode.GEMINI_AUTH, True),
    ],
)
def test_a_refused_batch_is_the_failure_that_a_call_would_have(
    door: Door, kind: str, code: FailureCode, *, pauses: bool
) -> None:
    door.gemini.set_faults([rule("batch_create", kind)])
    with pytest.raises(FailureError) as raised:
        door.batches.create(MODEL, "d", door.upload())
    reason = raised.value.failure
    assert (reason.code, reason.nature, reason.pauses_lane) == (code, NATURES[code], pauses)
    assert "test-key" not in str(raised.value)


def test_a_model_without_batches_and_a_file_that_is_gone_are_told_apart(door: Door) -> None:
    with pytest.raises(FailureError) as raised:
        door.batches.create("gemini-3.5-transcribe", "d", door.upload())
    assert raised.value.failure.code is FailureCode.GEMINI_MODEL_NOT_FOUND
    with pytest.raises(GoneError):
        door.batches.create(MODEL, "d", "files/gone")


def test_names_that_are_none_are_sent_nowhere(door: Door) -> None:
    for name in ("files/../batches/a", "batches/a", "files/", "https://host/files/a"):
        with pytest.raises(ValueError, match="no name of a file"):
            door.files.get(name)
    with pytest.raises(ValueError, match="no name of a batch"):
        door.batches.get("files/a")


def test_another_key_sees_nothing_of_ours(door: Door) -> None:
    name = door.batches.create(MODEL, "d", door.upload()).name
    other = rest_of(door.gemini.url, key="other")
    with pytest.raises(GoneError):
        Batches(other).get(name)
    assert Batches(other).find("d") is None
    assert list(Files(other).ours("")) == []
    other.close()


def test_vertex_offers_no_batches() -> None:
    with pytest.raises(FailureError) as raised:
        Rest(Connection(vertexai=True, project="p", location="global", api_version="v1beta1"))
    assert raised.value.failure.code is FailureCode.INVALID_OPTIONS


def test_where_nobody_answers_no_try_is_spent() -> None:
    rest = rest_of("http://127.0.0.1:9")
    with pytest.raises(FailureError) as raised:
        Batches(rest).get("batches/a")
    assert raised.value.failure.nature is Nature.THROTTLED
    rest.close()
