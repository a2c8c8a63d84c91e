"""A claimed job, for tests of what becomes of it."""

from typing import Any

from models.moves import ClaimedJob


def claimed(**changes: Any) -> ClaimedJob:
    """A picture in a worker's hands, at its first attempt of four."""
    fields = {
        "id": "job_" + "0" * 32, "batch_id": "bat_" + "0" * 32, "owner": "default", "kind": "caption", "source": "/a.jpg",
        "options": {}, "model": "m", "lane": "m", "own_model": "m", "attempts": 1, "max_attempts": 4, "claim": 1,
        "worker_id": "wrk_" + "0" * 32, "reuse": True,
    }  # fmt: skip
    return ClaimedJob(**{**fields, **changes})
