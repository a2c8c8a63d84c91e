"""What the client knows is what the server tells and takes; what it does not know does not disturb it."""

import inspect
import itertools
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

import mediascribe_client
from api import bulk_schemas, schemas, webhook_schemas
from api.bodies import BulkFilter, NewJobBody
from mediascribe_client import connection, shapes
from mediascribe_client import given as said
from mediascribe_client.given import JobFields, NewJob
from mediascribe_client.reading import Lines
from models.bulk_action import BulkVerb
from models.state import FINAL
from models.webhook import CHOSEN_TYPES, DeliveryState
from tests.services.clients import PARTS
from tests.unit.cli.jobs import CAPTION, view
from worker.environment import CLIENT_NAMES, load_settings
from worker.shapes import job_shape

PAIRS: dict[type[BaseModel], type[BaseModel]] = {
    shapes.Job: schemas.JobShape,
    shapes.Batch: schemas.BatchShape,
    shapes.BatchReport: schemas.BatchReport,
    shapes.SubmittedBatch: schemas.SubmittedBatch,
    shapes.RefusedItem: schemas.RefusedItem,
    shapes.Usage: schemas.JobUsageShape,
    shapes.Progress: schemas.ProgressShape,
    shapes.JobError: schemas.JobErrorShape,
    shapes.BulkAction: bulk_schemas.BulkActionShape,
    shapes.BulkPreview: bulk_schemas.BulkPreview,
    shapes.WebhookEndpoint: webhook_schemas.EndpointShape,
    shapes.WebhookEndpointWithSecret: webhook_schemas.EndpointWithSecret,
    shapes.WebhookDelivery: webhook_schemas.DeliveryShape,
}


@pytest.mark.parametrize("known", PAIRS, ids=lambda shape: str(shape.__name__))
def test_the_client_knows_the_fields_that_the_server_has(known: type[BaseModel]) -> None:
    assert set(known.model_fields) == set(PAIRS[known].model_fields)


def test_the_client_can_say_all_that_the_server_takes() -> None:
    assert set(NewJob.__annotations__) == set(NewJobBody.model_fields)
    assert set(JobFields.__annotations__) == set(NewJobBody.model_fields) - {"kind", "source"}
    assert set(said.BulkFilter.__annotations__) == set(BulkFilter.model_fields)
    assert set(get_args(said.EventType)) == {str(each) for each in CHOSEN_TYPES}
    assert set(get_args(said.DeliveryState)) == set(DeliveryState)
    assert set(get_args(said.BulkVerb)) == set(BulkVerb)


def test_the_final_states_are_those_of_the_server() -> None:
    assert {str(state) for state in FINAL} == shapes.FINAL_STATES


def test_a_newer_server_is_understood() -> None:
    told = job_shape(view()) | {"colour": "blue", "state": "paused", "output": CAPTION | {"mood": "calm"}}
    job: shapes.Job[Any] = shapes.Job.model_validate(told)
    assert (job.state, job.is_done, job.result().alt_text) == ("paused", False, CAPTION["alt_text"])
    other: shapes.Job[Any] = shapes.Job.model_validate(told | {"kind": "smell", "output": {"smell": "rose"}})
    assert other.result() == {"smell": "rose"}


def test_a_job_without_output_says_why() -> None:
    failed = job_shape(view()) | {"state": "failed", "output": None}
    failed["error"] = {"code": "media_empty", "message": "x is empty", "retryable": False, "detail": {}}
    with pytest.raises(mediascribe_client.JobFailedError, match="x is empty") as found:
        shapes.Job.model_validate(failed).result()
    assert (found.value.code, found.value.retryable) == ("media_empty", False)
    waiting: shapes.Job[Any] = shapes.Job.model_validate(failed | {"state": "waiting"})
    with pytest.raises(mediascribe_client.JobFailedError, match="is waiting") as early:
        waiting.result()
    assert (early.value.code, early.value.retryable) == ("no_result", True)


@settings(max_examples=40)
@given(
    lines=st.lists(st.text(min_size=1).filter(lambda text: "\n" not in text and text.strip())),
    cuts=st.lists(st.integers(0, 400)),
)
def test_lines_are_put_together_wherever_they_were_cut(lines: list[str], cuts: list[int]) -> None:
    """Only a line feed ends a line: texts contain all that Unicode takes for an end."""
    body = "\n".join(lines).encode()
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    reader = Lines()
    found: list[bytes] = []
    for begin, end in itertools.pairwise(places):
        found += reader.take(body[begin:end])
    found += reader.end()
    assert found == [line.encode() for line in lines]


def test_both_clients_have_the_same_methods() -> None:
    plain, other = mediascribe_client.Mediascribe("http://a"), mediascribe_client.AsyncMediascribe("http://a")
    assert _methods(plain) == _methods(other)
    for part in PARTS:
        assert _methods(getattr(plain, part)) == _methods(getattr(other, part))
    plain.close()


def _methods(thing: object) -> dict[str, Any]:
    """The names of its methods, with those of their parameters."""
    found = inspect.getmembers(thing, inspect.ismethod)
    return {name: list(inspect.signature(method).parameters) for name, method in found if name[0] != "_"}


def test_every_public_name_is_there() -> None:
    assert [name for name in mediascribe_client.__all__ if not hasattr(mediascribe_client, name)] == []
    with pytest.raises(AttributeError):
        _ = mediascribe_client.nothing


def test_an_address_that_is_none_is_refused() -> None:
    for url in ("localhost:8000", "ftp://a", "http://"):
        with pytest.raises(ValueError, match="base_url"):
            mediascribe_client.Mediascribe(url)


def test_the_variables_of_the_client_may_stand_beside_the_settings_of_the_server(tmp_path: Path) -> None:
    load_settings(environment=dict.fromkeys(CLIENT_NAMES, "x"), dotenv=tmp_path / "none")
    assert {connection.URL_VARIABLE, connection.KEY_VARIABLE} == CLIENT_NAMES
