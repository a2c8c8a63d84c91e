"""Which worker had which job, and when: read from SQL and from Gemini's ledger, like the audit, by none of our code."""

from collections.abc import Sequence
from datetime import datetime

from tests.faults.audit import Call
from tests.faults.books import Row, query, read_books
from tests.faults.cluster import Cluster
from tests.faults.processes import WorkerProcess
from tests.services.embedded import eventually


def registered(cluster: Cluster, worker: WorkerProcess) -> Row:
    """The row by which the worker is known."""
    (row,) = query(cluster.database_url, f"SELECT * FROM worker WHERE pid = {worker.pid}")
    return row


def jobs_of(cluster: Cluster, worker: WorkerProcess) -> list[str]:
    """The jobs on which the worker has a lease, as the database writes their ids."""
    owner = registered(cluster, worker)["id"]
    return [str(row["id"]) for row in query(cluster.database_url, f"SELECT id FROM job WHERE lease_owner = '{owner}'")]


def outcomes_of(cluster: Cluster, worker: WorkerProcess) -> dict[str, int]:
    """How the worker's attempts ended, and how many so."""
    owner = registered(cluster, worker)["id"]
    count = f"SELECT outcome, count(*) AS n FROM attempt WHERE worker_id = '{owner}' GROUP BY outcome"
    return {row["outcome"]: row["n"] for row in query(cluster.database_url, count)}


def wait_until_taken_over(cluster: Cluster, lost: WorkerProcess, *, seconds: float) -> None:
    """Return when no job is the lost worker's any more, and each that it lost runs again or is done; in time, or fail."""
    owner = registered(cluster, lost)["id"]
    idle = f"""
        SELECT 1 FROM job WHERE lease_owner = '{owner}' UNION ALL
        SELECT 1 FROM job JOIN attempt ON attempt.job_id = job.id
        WHERE worker_id = '{owner}' AND outcome = 'lapse' AND state IN ('queued', 'waiting')"""
    eventually(lambda: not query(cluster.database_url, idle), "the lost worker's jobs run again", seconds=seconds)


def calls_of(cluster: Cluster, worker: WorkerProcess) -> list[Call]:
    """The answered calls that stand in the books as the worker's, as Gemini saw them."""
    books, owner = read_books(cluster.database_url), registered(cluster, worker)["id"]
    claims = {(one["job_id"], one["claim"]) for one in books.attempts if one["worker_id"] == owner}
    mine = {call["response_id"] for call in books.calls if (call["job_id"], call["claim"]) in claims}
    numbers = {int(name.rpartition("-")[2]) for name in mine if name}
    return [call for call in cluster.gemini.ledger() if call["sequence"] in numbers]


def begun_at(calls: Sequence[Call]) -> list[float]:
    """When each of the calls reached Gemini, in seconds since 1970."""
    return [datetime.fromisoformat(call["time"]).timestamp() for call in calls]
