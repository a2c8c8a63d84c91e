"""The ground that all contestants stand on: one simulator, one Redis, one PostgreSQL, the pictures, the question.

PostgreSQL runs as it would in earnest, every commit flushed to the disk. The simulator answers without latency, so
that what is measured is what the programs themselves cost.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.pictures import draw_pictures
from tasks.base import Clip
from tasks.caption import CaptionOptions, ask
from tests.services.postgres import PostgresServer, postgres_server
from tests.services.redis import RedisServer, redis_server
from worker.environment import load_settings

DURABLE = {"fsync": "on", "full_page_writes": "on"}
ROOT = Path(__file__).parent.parent
SEED = 20_260_101


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a contestant is given."""

    folder: Path
    simulator_url: str
    simulator_pid: int
    postgres: PostgresServer
    redis: RedisServer
    question: Path
    warm_up: Sequence[Path]
    """Pictures that are captioned before the clock runs: imports, connections and decoders are there afterwards."""
    pictures: Sequence[Path]

    @property
    def server_pids(self) -> tuple[int, ...]:
        """The processes that no contestant is charged for."""
        return self.simulator_pid, self.postgres.pid, self.redis.pid


@contextmanager
def prepared_ground(*, jobs: int, warm_up: int) -> Iterator[Ground]:
    """Servers up, pictures drawn; everything is gone afterwards. Raises ServerFailedError, OSError."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="mediascribe-bench-")))
        simulator, url = stack.enter_context(_simulator())
        pictures = draw_pictures(folder, warm_up + jobs, seed=SEED)
        yield Ground(
            folder=folder,
            simulator_url=url,
            simulator_pid=simulator.pid,
            postgres=stack.enter_context(postgres_server(DURABLE)),
            redis=stack.enter_context(redis_server()),
            question=_write_question(folder),
            warm_up=pictures[:warm_up],
            pictures=pictures[warm_up:],
        )


def environment(ground: Ground, own: Mapping[str, str]) -> dict[str, str]:
    """The environment of a contestant's process: ours, without settings of a real Gemini, with its own."""
    foreign = ("MEDIASCRIBE_", "GEMINI_", "GOOGLE_", "BENCH_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    gemini = {"GOOGLE_GEMINI_BASE_URL": ground.simulator_url, "GEMINI_API_KEY": "benchmark"}
    return {**kept, **gemini, "PYTHONPATH": str(ROOT), **own}


@contextmanager
def _simulator() -> Iterator[tuple["subprocess.Popen[str]", str]]:
    command = [sys.executable, "-m", "simulator", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            if "http://" not in said:
                raise RuntimeError("the simulator did not start; run `python -m simulator` to see why")
            yield process, "http://" + said.partition("http://")[2].split()[0]
        finally:
            process.terminate()


def _write_question(folder: Path) -> Path:
    """The question that mediascribe asks about a picture, for those who have none of its code."""
    asked = ask(
        Clip(index=0, mime_type="image/jpeg", data=b""),
        CaptionOptions(),
        load_settings(environment={}, dotenv=folder / "none").settings.model,
    )
    values = {**asdict(asked), "attachments": []}
    path = folder / "question.json"
    path.write_text(json.dumps(values))
    return path
