"""A whole worker on media behind addresses: copied, worked on, removed; and what fails, names the address."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.failures import FailureCode
from models.state import JobState
from models.store.submit import NewBatch
from tests.services.embedded import Bench, eventually
from tests.services.process import LOOPBACK
from tests.services.web import Web, answer, web
from worker.scratch import is_running
from worker.submit import Item, accept

pytestmark = pytest.mark.parametrize("bench", ["sqlite"], indirect=True)
"""The store has no part in this."""


@pytest.fixture
def server() -> Iterator[Web]:
    with web() as running:
        yield running


def submitted(bench: Bench, server: Web, kind: str, *urls: str) -> list[str]:
    settings = bench.loaded(max_attempts=1, allowed_hosts=f"{LOOPBACK}:{server.port}").settings
    return list(accept(bench.database, settings, NewBatch(), [Item(kind=kind, source=url) for url in urls]).job_ids)


def test_pictures_and_recordings_come_from_addresses_and_no_copy_stays(
    bench: Bench, server: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = bench.folder / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    picture, recording = bench.pictures(1)[0].read_bytes(), bench.recording(3.0).read_bytes()
    good = [server.says("/a.jpg", answer(200, picture)), server.says("/b", answer(302, location="/a.jpg"))]
    bad = [
        server.says("/cut.jpg", answer(200, picture[: len(picture) // 2])),
        server.says("/c.wav", answer(200, recording)),
    ]
    ids = submitted(bench, server, "caption", *(f"{url}?sig=secret" for url in (*good, *bad)))
    heard = submitted(bench, server, "transcribe", f"{server.url}/c.wav")
    with bench.worker(allowed_hosts=f"{LOOPBACK}:{server.port}", max_attempts=1):
        jobs = bench.wait_for([*ids, *heard], "succeeded", "failed")
        eventually(lambda: not list(scratch.glob("*/*")), "no copies left")
    assert [job.state for job in jobs] == [JobState.SUCCEEDED] * 2 + [JobState.FAILED] * 2 + [JobState.SUCCEEDED]
    for job, url in zip(jobs[2:4], bad, strict=True):
        assert (job.error_message or "").startswith(f"{url} ")
    assert not [path for path in scratch.iterdir() if is_running(int(path.name.split("-")[1]))]


def test_a_server_that_hangs_holds_up_no_other_job(bench: Bench, server: Web) -> None:
    def silent(_: object) -> Iterator[bytes]:
        Path(bench.folder / "asked").touch()
        eventually((bench.folder / "done").exists, "the other job is done")
        yield b""

    pictures = bench.pictures(4)
    hanging = submitted(bench, server, "caption", server.says("/hangs", silent))
    with bench.worker(allowed_hosts=f"{LOOPBACK}:{server.port}", downloads=1, source_timeout_seconds=0.3):
        eventually((bench.folder / "asked").exists, "the server is asked")
        ids = bench.submit(pictures)
        assert bench.wait_for(hanging, "failed")[0].error_code == FailureCode.SOURCE_UNREACHABLE
        bench.wait_for(ids, "succeeded")
    (bench.folder / "done").touch()
