"""Many rows at once: copies of a job, by one statement, for what has to be seen beside a million of them."""

from sqlalchemy import text

from models.database import Database
from models.job import Job

_SERIES = {
    "postgresql": "generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS series (n)",
    "sqlite": "(WITH RECURSIVE series (n) AS (SELECT :first UNION ALL SELECT n + 1 FROM series WHERE n < :last) "
    "SELECT n FROM series) AS series",
}
_ID = {
    "postgresql": "CAST('01900000' || lpad(to_hex(n), 24, '0') AS uuid)",
    "sqlite": "'01900000' || printf('%024x', n)",
}


def multiply(database: Database, job_id: str, count: int, *, first: int = 0, **columns: str) -> None:
    """Copy the job so often, one turn after the other; what differs is given in SQL, where `n` counts from `first`.

    The copies' ids are those of the counter, and lower than any that is made today.
    """
    written = {column.name: f"job.{column.name}" for column in Job.__table__.columns}
    written |= {"id": _ID[database.dialect], "turn": "job.turn + n", **columns}
    statement = (
        f"INSERT INTO job ({', '.join(written)}) SELECT {', '.join(written.values())} "
        f"FROM job CROSS JOIN {_SERIES[database.dialect]} WHERE job.id = :id"
    )
    template = job_id.removeprefix("job_")
    with database.write() as connection:
        if database.dialect == "postgresql":
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.execute(text(statement), {"id": template, "first": first, "last": first + count - 1})
