from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from models.state import JobState
from tests.unit.cli.jobs import CAPTION, view
from worker.shapes import job_shape, rfc3339, usd


def test_a_job_has_the_shape_of_the_contract() -> None:
    assert job_shape(view()) == {
        "id": "job_" + "1" * 32, "batch_id": "bat_" + "2" * 32, "owner": "default", "kind": "caption",
        "state": "succeeded", "source": "photos/cat.jpg", "client_ref": None, "metadata": {}, "priority": 0,
        "attempts": 1, "model": "gemini-3.8-flash", "service_tier": "standard",
        "model_version": "gemini-3.8-flash-001",
        "created_at": "2026-11-23T10:00:00Z", "started_at": "2026-11-23T10:00:00Z",
        "finished_at": "2026-11-23T10:00:00Z", "next_attempt_at": None,
        "progress": {"done": 1, "total": 1, "unit": "clips"}, "error": None,
        "usage": {
            "calls": 1, "input_tokens": 264, "output_tokens": 31, "thinking_tokens": 0, "cached_tokens": 0,
            "cost_usd": "0.000412",
        },
        "reused_from": None, "output": CAPTION,
    }  # fmt: skip


def test_a_recording_tells_its_progress_in_seconds_too() -> None:
    shape = job_shape(view(progress_total=3, progress_seconds_done=600.0, progress_seconds_total=1_800.0))
    assert shape["progress"] == {
        "done": 1, "total": 3, "unit": "clips", "seconds_done": 600.0, "seconds_total": 1_800.0,
    }  # fmt: skip


def test_a_failed_job_carries_its_error() -> None:
    failed = view(
        state=JobState.FAILED, error_code="media_empty", error_message="x is empty", error_retryable=False, output=None
    )
    error = {"code": "media_empty", "message": "x is empty", "retryable": False, "detail": {}}
    assert (job_shape(failed)["error"], job_shape(failed)["output"]) == (error, None)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0", "0.000000"),
        ("0.000412", "0.000412"),
        ("12", "12.000000"),
        ("0.000000075", "0.000000075"),
        ("1E+2", "100.000000"),
    ],
)
def test_money_is_a_plain_decimal(amount: str, words: str) -> None:
    assert usd(Decimal(amount)) == words


def test_times_are_utc_and_end_in_z() -> None:
    berlin = timezone(timedelta(hours=1))
    assert rfc3339(datetime(2026, 1, 1, 0, 30, tzinfo=berlin)) == "2025-12-31T23:30:00Z"
    assert rfc3339(datetime(2026, 1, 1, 0, 30, 0, 250_000, tzinfo=UTC)) == "2026-01-01T00:30:00.250Z"
