"""The Files and Batch API of a simulator by our own door, and what tests do with it again and again."""

import base64
import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

from pydantic import SecretStr

from gemini.batch_lines import OutputLine, read_line, request_line
from gemini.batches import Batches, RemoteBatch
from gemini.connection import Connection
from gemini.files import Files
from gemini.question import Question
from gemini.rest import Rest
from tests.services.simulator import Rule, Simulator

MODEL = "gemini-3.8-flash"
DEADLINE_SECONDS = 20
QUESTION = Question(
    model=MODEL,
    prompt="Describe nothing.",
    answer_schema={"type": "object", "properties": {"caption": {"type": "string"}}, "required": ["caption"]},
)
KEYS = ("job_1:0", "job_2:0", "job_3:0", "job_4:0")


def rule(endpoint: str, kind: str, *nth: int, **more: object) -> Rule:
    match: dict[str, object] = {"endpoint": endpoint} | ({"nth": list(nth)} if nth else {})
    return {"match": match, "fault": {"kind": kind, **more}}


def rest_of(url: str, key: str = "test-key") -> Rest:
    return Rest(Connection(api_key=SecretStr(key), base_url=url))


@dataclass(frozen=True, kw_only=True)
class Door:
    """The two APIs of a simulator, and a folder of the test's own."""

    gemini: Simulator
    files: Files
    batches: Batches
    folder: Path

    def upload(self) -> str:
        """The name of a file with a line for each of the keys."""
        path = self.folder / "rows.jsonl"
        with path.open("wb") as file:
            for key in KEYS:
                file.writelines(request_line(QUESTION, key=key).blocks())
        return self.files.upload(path, display_name="mediascribe-rows").name

    def finished(self, *faults: Rule) -> RemoteBatch:
        """A batch that is over."""
        self.gemini.set_faults(faults)
        name = self.batches.create(MODEL, "d", self.upload()).name
        return self.until(name, lambda batch: batch.is_over)

    def until(self, name: str, is_so: Callable[[RemoteBatch], bool]) -> RemoteBatch:
        ends = monotonic() + DEADLINE_SECONDS
        while not is_so(batch := self.batches.get(name)):
            assert monotonic() < ends, batch
            sleep(0.01)
        return batch

    def harvest(self, batch: RemoteBatch) -> list[OutputLine]:
        """The lines that it wrote."""
        if batch.output_file is None:
            return []
        path = self.folder / "answers.jsonl"
        assert self.files.download(batch.output_file, path, max_bytes=1_000_000) == path.stat().st_size
        return [read_line(line, model=MODEL, now=datetime.now(UTC)) for line in path.read_bytes().splitlines()]

    def sha256_of(self, name: str) -> bytes:
        """Of what the simulator has of a file."""
        connection = http.client.HTTPConnection(self.gemini.url.removeprefix("http://"), timeout=DEADLINE_SECONDS)
        connection.request("GET", f"/v1/{name}", headers={"x-goog-api-key": "test-key"})
        shown = json.loads(connection.getresponse().read())
        connection.close()
        return base64.b64decode(shown["sha256Hash"])
