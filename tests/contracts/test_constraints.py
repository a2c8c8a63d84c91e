"""The database's own rules: what the code must never write, the database refuses, whoever writes it.

Each case is one raw statement that breaks one rule and no other, over a few jobs that were brought to their states by
the store. PostgreSQL names the rule that was broken; SQLite names a broken CHECK, and of a key its columns.
"""

from typing import Any

import pytest
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, PrimaryKeyConstraint, Table, text
from sqlalchemy.exc import IntegrityError

from models.attempt import Answer, Attempt
from models.database import Database
from models.job import Job, Result
from models.moves import AnswerRecord, Record, failed, succeeded, waits
from models.store.record import record
from tests.contracts.jobs import PERMANENT, TRANSIENT, claim, submit_jobs

TABLES: list[Any] = [Job.__table__, Result.__table__, Attempt.__table__, Answer.__table__]

CHECKS = [
    ("ck_job_state_known", "UPDATE job SET state = 'lost' WHERE state = 'queued'"),
    ("ck_job_final_has_end", "UPDATE job SET finished_at = NULL WHERE state = 'succeeded'"),
    ("ck_job_final_has_end", "UPDATE job SET finished_at = created_at WHERE state = 'queued'"),
    ("ck_job_running_has_owner", "UPDATE job SET lease_owner = NULL WHERE state = 'running'"),
    ("ck_job_running_has_owner", "UPDATE job SET lease_owner = id WHERE state = 'queued'"),
    ("ck_job_running_has_lease", "UPDATE job SET lease_until = NULL WHERE state = 'running'"),
    ("ck_job_running_has_lease", "UPDATE job SET lease_until = created_at WHERE state = 'queued'"),
    ("ck_job_waiting_has_due", "UPDATE job SET due_at = NULL WHERE state = 'waiting'"),
    ("ck_job_waiting_has_due", "UPDATE job SET due_at = created_at WHERE state = 'queued'"),
    ("ck_job_failed_has_code", "UPDATE job SET error_code = NULL WHERE state = 'failed'"),
    ("ck_job_succeeded_has_no_code", "UPDATE job SET error_code = 'internal' WHERE state = 'succeeded'"),
    ("ck_job_attempts_bounded", "UPDATE job SET attempts = max_attempts + 1 WHERE state = 'running'"),
    ("ck_job_attempts_bounded", "UPDATE job SET attempts = -1 WHERE state = 'queued'"),
    ("ck_job_counts_positive", "UPDATE job SET claim = -1 WHERE state = 'queued'"),
    ("ck_job_counts_positive", "UPDATE job SET losses = -1 WHERE state = 'queued'"),
]
KEYS = [
    ("pk_job", "job.id", "INSERT INTO job SELECT * FROM job WHERE state = 'running'"),
    ("uq_job_idempotency", "job.owner, job.idempotency_key", "UPDATE job SET idempotency_key = 'the same'"),
    ("pk_result", "result.job_id", "INSERT INTO result SELECT * FROM result"),
    ("pk_attempt", "attempt.job_id, attempt.claim", "INSERT INTO attempt SELECT * FROM attempt"),
    ("pk_answer", "answer.job_id, answer.clip_hash", "INSERT INTO answer SELECT * FROM answer"),
]
REFERENCES = [
    ("fk_job_batch_id_batch", "UPDATE job SET batch_id = id"),
    ("fk_job_batch_id_batch", "DELETE FROM batch"),
    ("fk_result_job_id_job", "UPDATE result SET job_id = (SELECT id FROM batch)"),
    ("fk_attempt_job_id_job", "UPDATE attempt SET job_id = (SELECT id FROM batch) WHERE outcome = 'fail'"),
    ("fk_answer_job_id_job", "UPDATE answer SET job_id = (SELECT id FROM batch)"),
]
REFUSED = [
    *((name, f"CHECK constraint failed: {name}", statement) for name, statement in CHECKS),
    *((name, f"UNIQUE constraint failed: {columns}", statement) for name, columns, statement in KEYS),
    *((name, "FOREIGN KEY constraint failed", statement) for name, statement in REFERENCES),
]


def fill(database: Database) -> None:
    """One batch with two queued jobs and one running, waiting, failed and succeeded; an answer of the running one."""
    running, waiting, failing, done = claim(database, submit_jobs(database, 6).job_ids[:4])
    answer = AnswerRecord(clip_hash="c" * 64, model_version=None, answer={})
    record(
        database,
        [
            Record(job=running, answers=(answer,)),
            Record(job=waiting, ending=waits(TRANSIENT, delay_seconds=60.0)),
            Record(job=failing, ending=failed(PERMANENT)),
            Record(job=done, ending=succeeded({}, question_hash=None, model_version=None)),
        ],
    )


def rows(database: Database, table: Table) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(table.select().order_by(*table.primary_key)))


@pytest.mark.parametrize(("name", "on_sqlite", "statement"), REFUSED, ids=[statement for _, _, statement in REFUSED])
def test_what_breaks_a_rule_is_refused_and_changes_nothing(
    database: Database, name: str, on_sqlite: str, statement: str
) -> None:
    fill(database)
    before = [rows(database, table) for table in TABLES]
    with pytest.raises(IntegrityError) as refused, database.write() as connection:
        connection.execute(text(statement))
    error: Any = refused.value.orig
    if database.dialect == "sqlite":
        assert str(error) == on_sqlite
    else:
        assert error.diag.constraint_name == name
    assert [rows(database, table) for table in TABLES] == before


def test_every_rule_of_these_tables_has_a_case() -> None:
    kinds = (CheckConstraint, ForeignKeyConstraint, PrimaryKeyConstraint)
    rules = {rule.name for table in TABLES for rule in table.constraints if isinstance(rule, kinds)}
    rules |= {index.name for table in TABLES for index in table.indexes if index.unique}
    assert {name for name, _, _ in REFUSED} == rules


def test_the_same_key_of_another_owner_and_jobs_without_a_key_do_not_meet(database: Database) -> None:
    fill(database)
    with database.write() as connection:
        connection.execute(text("UPDATE job SET owner = source, idempotency_key = 'the same'"))
        connection.execute(text("UPDATE job SET owner = 'default', idempotency_key = NULL"))


def test_a_job_that_goes_takes_along_all_that_is_its_own(database: Database) -> None:
    fill(database)
    with database.write() as connection:
        connection.execute(text("DELETE FROM job"))
    assert [rows(database, table) for table in TABLES] == [[], [], [], []]
