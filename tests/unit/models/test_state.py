"""The table of moves: every job can get somewhere, and what is final stays unless somebody asks."""

import pytest

from models.failures import FailureCode, failure
from models.moves import Ending, cancelled, failed, given_back, succeeded, succeeded_partly, waits
from models.state import FINAL, LIVE, MOVES, JobState, Move

SOME = failure(FailureCode.GEMINI_UNAVAILABLE, "words")


def reachable(start: JobState) -> set[JobState]:
    found = {start}
    while more := {a.target for a in MOVES.values() if a.sources & found} - found:
        found |= more
    return found


def test_every_move_has_an_arrow_and_every_arrow_a_source() -> None:
    assert set(MOVES) == set(Move)
    assert all(arrow.sources for arrow in MOVES.values())


def test_no_move_leads_back_to_where_it_began() -> None:
    assert all(arrow.target not in arrow.sources for arrow in MOVES.values())


@pytest.mark.parametrize("state", JobState)
def test_every_state_is_reached_from_the_first_one(state: JobState) -> None:
    assert state in reachable(JobState.QUEUED)


@pytest.mark.parametrize("state", sorted(LIVE))
def test_from_every_live_state_every_end_can_be_reached(state: JobState) -> None:
    assert reachable(state) >= FINAL


@pytest.mark.parametrize("state", sorted(LIVE))
def test_every_live_state_can_be_cancelled(state: JobState) -> None:
    assert state in MOVES[Move.CANCEL].sources


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_final_state_is_left_by_a_retry_alone_and_success_never(state: JobState) -> None:
    leaving = {move for move, arrow in MOVES.items() if state in arrow.sources}
    assert leaving == (set() if state is JobState.SUCCEEDED else {Move.RETRY})


def test_states_are_live_or_final() -> None:
    assert set(JobState) == LIVE | FINAL
    assert not LIVE & FINAL


@pytest.mark.parametrize(
    "ending",
    [
        succeeded({}, question_hash=None, model_version=None),
        succeeded_partly({}, failure=SOME, model_version=None),
        failed(SOME),
        waits(SOME, delay_seconds=1.0),
        given_back(),
        cancelled(),
    ],
    ids=lambda ending: ending.move,
)
def test_the_end_of_an_attempt_is_a_move_out_of_running_to_where_the_table_says(ending: Ending) -> None:
    assert JobState.RUNNING in MOVES[ending.move].sources
    assert MOVES[ending.move].target == ending.state
