"""A job that lost its worker twice is run alone, by a process of its own, and is done there like any other."""

from pathlib import Path

import pytest

from models.store import queries, reports
from models.store.submit import NewBatch
from tests.acceptance.people import make_pictures
from tests.services.embedded import eventually
from tests.services.simulator import simulator
from worker.bootstrap import start_worker
from worker.environment import load_settings
from worker.ready_database import open_ready_database
from worker.submit import Item, accept


def test_a_job_that_lost_two_workers_is_done_by_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (picture,) = make_pictures(tmp_path / "media", 1)
    with simulator() as gemini:
        settings = {**gemini.environment(), "MEDIASCRIBE_HOME": str(tmp_path), "MEDIASCRIBE_LEASE_SECONDS": "6"}
        for name, value in settings.items():  # the isolated process reads the environment, as every worker does
            monkeypatch.setenv(name, value)
        loaded = load_settings(dotenv=tmp_path / "none")
        database = open_ready_database(loaded.settings)
        (job_id,) = accept(database, loaded.settings, NewBatch(), [Item(kind="caption", source=str(picture))]).job_ids
        with database.write() as connection:
            connection.exec_driver_sql("UPDATE job SET losses = 2")
        worker = start_worker(loaded, database)
        try:
            eventually(lambda: queries.get_jobs(database, [job_id])[job_id].state == "succeeded", "the job to be done")
        finally:
            worker.close(grace_seconds=0)
        (attempt,) = reports.attempts_of(database, job_id)
        assert attempt.worker_id not in {None, worker.id}
        assert gemini.summary()["calls"] == 1
        database.close()
