"""A real worker of the embedded mode in this process, for tests: media to give it, and what became of its jobs."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from models.database import Database
from models.store import queries
from models.store.queries import JobView
from models.store.submit import NewBatch
from tests.services.simulator import Simulator
from tests.unit.media.sounds import silence, tone, write_sound
from worker.bootstrap import Worker, start_worker
from worker.environment import LoadedSettings, load_settings
from worker.submit import Item, accept

PATIENCE_SECONDS = 45.0
POLL_SECONDS = 0.02


def eventually(condition: Callable[[], Any], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Return as soon as the condition holds; fail, naming what did not happen, when the time is up."""
    deadline = time.monotonic() + seconds
    never = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        never.wait(POLL_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A database, a simulator and a folder: what a worker needs, and where its doings are seen."""

    database: Database
    database_url: str
    gemini: Simulator
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    wake: Callable[[], None] = lambda: None
    """Tells a worker that is at work all the time to look for jobs now."""

    def loaded(self, *, key: str = "test-key", **changes: Any) -> LoadedSettings:
        """Settings for quick tests: short waits, one decoding process; `changes` are settings by name."""
        quick = {
            "home": self.folder, "database_url": self.database_url, "decoder_processes": 1, "concurrency": 8,
            "retry_base_seconds": 0.05, "retry_max_seconds": 0.2, "lease_seconds": 6.0, "clip_seconds": 10.0,
        }  # fmt: skip
        flags = quick | self.settings | changes
        return load_settings(flags=flags, environment=self.gemini.environment(key=key), dotenv=self.folder / "none")

    @contextmanager
    def worker(self, *, key: str = "test-key", **changes: Any) -> Iterator[Worker]:
        """A worker at work; it leaves in good order at the end, if it has not left before."""
        worker = start_worker(self.loaded(key=key, **changes), self.database)
        try:
            yield worker
        finally:
            if not worker.runner.draining:
                assert worker.close(grace_seconds=5.0)

    def submit(self, sources: Sequence[Path], kind: str = "caption", **fields: Any) -> list[str]:
        """A job for each source; their ids."""
        items = [Item(kind=kind, source=str(source), **fields) for source in sources]
        return list(accept(self.database, self.loaded().settings, NewBatch(), items).job_ids)

    def jobs(self, ids: Sequence[str]) -> list[JobView]:
        """The jobs, in this order."""
        found = queries.get_jobs(self.database, ids)
        return [found[job_id] for job_id in ids]

    def job(self, job_id: str) -> JobView:
        """One job."""
        return self.jobs([job_id])[0]

    def wait_for(self, ids: Sequence[str], *states: str, seconds: float = PATIENCE_SECONDS) -> list[JobView]:
        """The jobs, as soon as each of them is in one of these states."""
        eventually(lambda: all(job.state in states for job in self.jobs(ids)), f"all of {states}", seconds=seconds)
        return self.jobs(ids)

    def wait_for_calls_in_flight(self, count: int) -> None:
        """Return when so many calls are being served."""
        eventually(lambda: self.gemini.summary()["in_flight"] >= count, f"{count} calls in flight")

    def wait_for_progress(self, job_id: str, clips: int) -> None:
        """Return when so many clips of the job are answered and stored."""
        eventually(lambda: self.job(job_id).progress_done >= clips, f"{clips} clips")

    def calls_by_clip(self, job_id: str) -> Counter[str]:
        """How often Gemini was asked about each clip of the job, or part of one."""
        return Counter(call["labels"]["clip"] for call in self.gemini.ledger() if call["labels"]["job"] == job_id)

    def pictures(self, count: int) -> list[Path]:
        """So many JPEG files, no two alike."""
        paths = [self.folder / f"picture-{number}.jpg" for number in range(count)]
        for number, path in enumerate(paths):
            Image.new("RGB", (64 + number, 48), (number * 9 % 256, 90, 160)).save(path, "JPEG")
        return paths

    def recording(self, seconds: float, *, silent: bool = False) -> Path:
        """A WAV of one unbroken tone, in which no cut falls in a pause; or of nothing."""
        samples = silence(seconds) if silent else tone(seconds)
        return write_sound(self.folder / f"recording-{seconds:g}-{silent}.wav", samples)
