"""Submitters that are many, that fail, that are killed: a submission is stored whole or not at all, and each key once."""

import os
import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import IntegrityError

from models.database import Database, open_database
from models.store.submit import NewBatch, NewJob, submit
from tests.acceptance.people import Person, make_pictures
from tests.contracts.jobs import new_job
from tests.faults.books import query
from tests.faults.triggers import NOTICE, tell_of_commit
from tests.services.databases import migrated
from tests.services.embedded import eventually
from tests.services.postgres import PostgresServer
from tests.services.proxy import Proxy, proxy

if TYPE_CHECKING:
    import subprocess

SEED = 23
THREADS, SUBMITS, KEYS = 8, 2_000, 200
ITEMS = 10_000


# Many at once


@pytest.fixture(params=[pytest.param("sqlite", marks=pytest.mark.long), "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = (
        f"sqlite:///{tmp_path}/jobs.db"
        if request.param == "sqlite"
        else request.getfixturevalue("migrated_postgres_url")
    )
    with closing(migrated(url)) as opened:
        yield opened


def test_f23_thousands_of_submits_of_the_same_keys_make_one_job_each_and_everyone_gets_its_id(
    database: Database,
) -> None:
    """Two keys a submit, in either order; one in ten also has an item that the database refuses, and stores nothing."""
    print(f"seed {SEED}")

    def submits(thread: int) -> list[tuple[str, str]]:
        chance, got = random.Random(f"{SEED}:{thread}"), list[tuple[str, str]]()
        for _ in range(SUBMITS // THREADS):
            keys = [f"key-{number}" for number in chance.sample(range(KEYS), 2)]
            jobs = [keyed(key) for key in keys]
            if chance.random() < 0.1:
                with pytest.raises(IntegrityError):
                    submit(database, NewBatch(), [*jobs, new_job(max_attempts=-1)])
            else:
                got += zip(keys, submit(database, NewBatch(), jobs).job_ids, strict=True)
        return got

    with ThreadPoolExecutor(THREADS) as pool:
        receipts = [receipt for found in pool.map(submits, range(THREADS)) for receipt in found]
    with database.read() as connection:
        stored = connection.exec_driver_sql("SELECT count(*), count(DISTINCT idempotency_key) FROM job").one()
    assert tuple(stored) == (KEYS, KEYS)
    assert len(set(receipts)) == KEYS, "two submitters of one key got different ids"


def test_f23_submitters_whose_keys_cross_are_in_nobody_s_way(url: str) -> None:
    """Each waits for keys that the other has taken and not yet committed: PostgreSQL ends such a deadlock for one of them."""
    query(url, _SLOW_INSERTS)
    keys = [f"key-{number}" for number in range(20)]
    with closing(open_database(url)) as database, ThreadPoolExecutor(2) as pool:
        forwards = pool.submit(submit, database, NewBatch(), [keyed(key) for key in keys])
        backwards = pool.submit(submit, database, NewBatch(), [keyed(key) for key in reversed(keys)])
        assert forwards.result().job_ids == tuple(reversed(backwards.result().job_ids))
    assert count(url) == len(keys)


_SLOW_INSERTS = """
    CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END';
    CREATE TRIGGER be_slow BEFORE INSERT ON job FOR EACH ROW EXECUTE FUNCTION be_slow();
"""


def keyed(key: str) -> NewJob:
    return new_job(idempotency_key=key, source=f"/media/{key}.jpg")


# Killed


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of ten thousand pictures, which are all links to one."""
    folder = tmp_path_factory.mktemp("many")
    (picture,) = make_pictures(folder / "original", 1)
    (folder / "media").mkdir()
    for number in range(ITEMS):
        os.link(picture, folder / "media" / f"{number:05}.jpg")
    return folder / "media"


@pytest.fixture
def way(postgres: PostgresServer) -> Iterator[Proxy]:
    with proxy(postgres.port) as way:
        yield way


@pytest.fixture
def url(migrated_postgres_url: str) -> str:
    """Address of a migrated database."""
    migrated(migrated_postgres_url).close()
    return migrated_postgres_url


@pytest.fixture
def submitter(tmp_path: Path, way: Proxy, url: str) -> Person:
    """Somebody who reaches the database by way of the proxy, and has no broker."""
    return Person(folder=tmp_path, settings={"MEDIASCRIBE_DATABASE_URL": way.url(url)})


def count(url: str) -> int:
    return int(query(url, "SELECT count(*) AS n FROM job")[0]["n"])


def asks(media: Path) -> Sequence[str]:
    return ["submit", str(media), "--batch", "holiday", "--idempotency-key", "holiday"]


def die(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


def is_repeated_well(submitter: Person, url: str, media: Path) -> None:
    """The same command again: every item has exactly one job, and its ids are printed."""
    again = submitter.runs(*asks(media))
    assert again.returncode == 0, again.stderr
    assert len(set(again.stdout.split())) == ITEMS
    assert count(url) == ITEMS
    assert query(url, "SELECT count(DISTINCT source) AS n FROM job")[0]["n"] == ITEMS
    assert query(url, "SELECT count(*) AS n FROM batch")[0]["n"] == 1


@pytest.mark.long
def test_a_submitter_killed_before_its_commit_has_stored_nothing_and_its_command_can_be_repeated(
    submitter: Person, way: Proxy, url: str, media: Path
) -> None:
    last_statement = way.trip(b"UPDATE batch SET next_turn")
    victim = submitter.starts(*asks(media))
    last_statement.wait()
    die(victim)
    way.cut()
    assert count(url) == 0
    is_repeated_well(submitter, url, media)


def test_a_submitter_killed_after_its_commit_has_stored_everything_and_its_command_can_be_repeated(
    submitter: Person, way: Proxy, url: str, media: Path
) -> None:
    tell_of_commit(url, "submit")
    committing = way.trip(NOTICE, direction="down")
    victim = submitter.starts(*asks(media))
    committing.wait()
    die(victim)
    way.cut()
    eventually(lambda: count(url) == ITEMS, "the commit is done, whoever asked for it")
    is_repeated_well(submitter, url, media)


@pytest.mark.long
def test_a_submitter_killed_at_any_moment_has_stored_everything_or_nothing(
    submitter: Person, way: Proxy, url: str, media: Path
) -> None:
    print(f"seed {SEED}")
    chance, pause = random.Random(SEED), threading.Event()
    for _ in range(4):
        opened = way.opened
        victim = submitter.starts(*asks(media))
        eventually(lambda before=opened: way.opened > before, "it is at the database")  # type: ignore[misc]
        pause.wait(chance.uniform(0.0, 1.5))
        die(victim)
        way.cut()
        eventually(lambda: not query(url, _OTHERS), "its transaction has ended")
        assert count(url) in {0, ITEMS}
    is_repeated_well(submitter, url, media)


_OTHERS = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
