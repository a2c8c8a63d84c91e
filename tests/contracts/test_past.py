"""Reading what answers were like: the latest good calls of a kind and model, and no others."""

from dataclasses import replace
from typing import Any

from models.database import Database
from models.moves import Record
from models.store.past import PastCall, past_calls
from models.store.record import record
from tests.contracts.jobs import TRANSIENT, claim_one, new_call


def called(database: Database, *, kind: str = "caption", **changes: Any) -> None:
    job = claim_one(database, kind=kind)
    record(database, [Record(job=job, calls=(replace(new_call(), **changes),))])


def outputs(database: Database, *, limit: int = 10) -> list[int]:
    return [call.output_tokens for call in past_calls(database, kind="caption", model="m", limit=limit)]


def test_the_latest_good_calls_of_the_kind_and_model_come_newest_first(database: Database) -> None:
    for number in range(1, 5):
        called(database, output_tokens=number)
    called(database, kind="transcribe")
    called(database, model="another")
    called(database, failure=TRANSIENT)
    called(database, output_tokens=0)
    assert outputs(database) == [4, 3, 2, 1]
    assert outputs(database, limit=2) == [4, 3]


def test_what_a_call_took_in_is_told_apart_by_what_it_was(database: Database) -> None:
    called(database, input_tokens=900, input_by_modality={"AUDIO": 640, "TEXT": 260})
    called(database, input_tokens=300, input_by_modality={"IMAGE": 258})
    picture, sound = past_calls(database, kind="caption", model="m", limit=10)
    assert sound == PastCall(output_tokens=31, thinking_tokens=7, sound_tokens=640, text_tokens=260)
    assert (picture.sound_tokens, picture.text_tokens) == (0, 42)
