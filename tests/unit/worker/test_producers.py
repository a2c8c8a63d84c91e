"""Messages of Celery producers: read into an item, or refused with the field named."""

from pathlib import Path
from typing import Any

import pytest

from models.failures import FailureCode
from worker.environment import load_settings
from worker.producers import read_item
from worker.submit import Item, RefusedError, new_job


def read(source: object = "/a.jpg", options: object = None, **extra: Any) -> Item:
    return read_item("caption", "task-1", source, options, extra, owes_reply=True)


def test_a_message_becomes_an_item_known_by_its_task_id() -> None:
    item = read(options={"language": "de"}, model="m", metadata={"a": 1}, priority=5, owner="o", service_tier="flex")
    assert item == Item(
        kind="caption", source="/a.jpg", options={"language": "de"}, model="m", service_tier="flex", metadata={"a": 1}, priority=5,
        client_ref="task-1", idempotency_key="celery:task-1", owes_reply=True,
    )  # fmt: skip


def test_everything_but_the_source_may_be_left_out() -> None:
    assert read() == Item(
        kind="caption", source="/a.jpg", client_ref="task-1", idempotency_key="celery:task-1", owes_reply=True
    )


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"source": None}, "source"),
        ({"source": ["/a.jpg"]}, "source"),
        ({"options": "language=de"}, "options"),
        ({"options": [1]}, "options"),
        ({"metadata": "text"}, "metadata"),
        ({"priority": "high"}, "priority"),
        ({"priority": 1.5}, "priority"),
        ({"service_tier": 1}, "service_tier"),
        ({"model": 5}, "model"),
        ({"langauge": "de"}, "langauge"),
    ],
)
def test_a_message_that_cannot_be_read_is_refused_and_the_field_is_named(message: dict[str, Any], field: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read(**message)
    problem = caught.value.problems[0]
    assert (problem.code, problem.detail["field"]) == (FailureCode.INVALID_OPTIONS, field)
    assert field in str(caught.value)


def test_a_model_that_is_no_text_is_refused_and_named() -> None:
    settings = load_settings(environment={}, dotenv=Path("/nowhere/.env")).settings
    with pytest.raises(RefusedError, match="model"):
        new_job(read(model=5), settings, owner="default")


@pytest.mark.parametrize("field", ["metadata", "priority"])
def test_null_is_as_good_as_left_out(field: str) -> None:
    assert read(**{field: None}) == read()
