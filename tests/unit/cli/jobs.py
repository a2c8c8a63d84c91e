"""Finished jobs made by hand, for tests of what is shown of them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from models.state import JobState
from models.store.queries import JobView

MOMENT = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)

CAPTION: dict[str, Any] = {
    "caption": "A red house.", "alt_text": "Red house", "tags": ["house", "red"], "text": "No. 7", "language": "en",
    "width": 480, "height": 640, "degraded": False,
}  # fmt: skip


def view(**changes: Any) -> JobView:
    """A succeeded caption; `changes` are fields."""
    fields: dict[str, Any] = {
        "id": "job_" + "1" * 32, "batch_id": "bat_" + "2" * 32, "owner": "default", "kind": "caption",
        "state": JobState.SUCCEEDED, "source": "photos/cat.jpg", "client_ref": None, "metadata": {}, "priority": 0,
        "attempts": 1, "model": "gemini-3.8-flash", "lane": "gemini-3.8-flash", "model_version": "gemini-3.8-flash-001", "created_at": MOMENT,
        "started_at": MOMENT, "finished_at": MOMENT, "next_attempt_at": None, "progress_done": 1, "progress_total": 1, "progress_seconds_done": None, "progress_seconds_total": None,
        "error_code": None, "error_message": None, "error_retryable": None, "error_detail": None, "calls": 1,
        "input_tokens": 264, "output_tokens": 31, "thinking_tokens": 0, "cached_tokens": 0,
        "cost_usd": Decimal("0.000412"), "reused_from": None, "output": CAPTION,
    }  # fmt: skip
    return JobView(**fields | changes)


def segment(start: float, end: float, text: str, speaker: str | None = None) -> dict[str, Any]:
    return {"start": start, "end": end, "speaker": speaker, "text": text, "timing": "gemini"}


def transcript(*segments: dict[str, Any], missing: tuple[dict[str, Any], ...] = ()) -> JobView:
    """A job with this transcript."""
    output = {
        "text": " ".join(part["text"] for part in segments), "language": "en", "duration": 9.0,
        "no_speech": not segments, "segments": list(segments), "missing": list(missing), "channels": 1,
        "degraded": False,
    }  # fmt: skip
    return view(kind="transcribe", source="talk.mp3", output=output)
