"""A database with very many jobs, written by the database itself within a minute or two, as years of work would leave it."""

from collections.abc import Sequence

import psycopg

LARGEST_BATCH = 100_000
USUAL_BATCH = 1_000
OWNER = "default"
BEGIN_SECONDS = 1_735_689_600
"""When the first job was made, Unix time; each of the others a second later."""

_BATCHES = """
INSERT INTO batch (id, owner, next_turn, created_at)
SELECT ('018f0000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, %(owner)s, 1, to_timestamp(%(begin)s)
FROM generate_series(0, %(batches)s) AS n
"""

# 94 in 100 succeeded, 2 failed, 1 was cancelled, 3 are queued; the first hundred thousand are of one batch.
_JOBS = """
INSERT INTO job (
    id, batch_id, owner, kind, source, options, model, lane, reuse, owes_reply, priority, turn, state, attempts,
    max_attempts, claim, losses, cancel_requested, created_at, started_at, finished_at, progress_done, progress_total,
    calls, input_tokens, output_tokens, thinking_tokens, cached_tokens, cost_usd, error_code, error_message,
    error_retryable
)
SELECT
    (lpad(to_hex(1000::bigint * (%(begin)s + n)), 12, '0') || '70008000000000000000')::uuid,
    ('018f0000-0000-7000-9000-' || lpad(to_hex(CASE WHEN n < %(largest)s THEN 0 ELSE 1 + n / %(usual)s END), 12, '0'))::uuid,
    %(owner)s, CASE WHEN n %% 10 = 0 THEN 'transcribe' ELSE 'caption' END, '/srv/media/' || n || '.jpg', '{}', 'm', 'm',
    true, false, 0, n, state, CASE WHEN state = 'queued' THEN 0 ELSE 1 END, 3, 1, 0, false,
    made, CASE WHEN state = 'queued' THEN NULL ELSE made END, CASE WHEN state = 'queued' THEN NULL ELSE made END, 1, 1,
    1, 264, 31, 0, 0, 412000, CASE WHEN state = 'failed' THEN 'media_corrupt' END,
    CASE WHEN state = 'failed' THEN 'the picture ends in the middle' END, CASE WHEN state = 'failed' THEN false END
FROM (
    SELECT n, to_timestamp(%(begin)s + n) AS made, CASE
        WHEN n %% 100 < 94 THEN 'succeeded' WHEN n %% 100 < 96 THEN 'failed' WHEN n %% 100 < 97 THEN 'cancelled'
        ELSE 'queued'
    END AS state
    FROM generate_series(%(first)s, %(last)s) AS n
) AS drawn
"""

_RESULTS = """
INSERT INTO result (job_id, output, created_at)
SELECT id, '{"caption": "A cat", "alt_text": "A cat", "tags": ["cat"], "text": "", "language": "en"}', finished_at
FROM job WHERE state = 'succeeded'
"""

SLICE = 100_000


def fill(address: str, jobs: int) -> None:
    """Write so many jobs into an empty database; its statistics are fresh afterwards."""
    with psycopg.connect(address, autocommit=True) as sql:
        sql.execute("SET synchronous_commit = off")
        sql.execute(_BATCHES, {"owner": OWNER, "begin": BEGIN_SECONDS, "batches": 1 + jobs // USUAL_BATCH})
        for first in range(0, jobs, SLICE):
            last = min(first + SLICE, jobs) - 1
            values = {
                "owner": OWNER, "begin": BEGIN_SECONDS, "largest": LARGEST_BATCH, "usual": USUAL_BATCH,
                "first": first, "last": last,
            }  # fmt: skip
            sql.execute(_JOBS, values)
        sql.execute(_RESULTS)
        sql.execute("VACUUM ANALYZE")


def spread_ids(jobs: int, count: int) -> Sequence[str]:
    """The ids of so many of the jobs, all over the table."""
    step = 7_919  # prime, so that they do not repeat
    return [job_id(number * step % jobs) for number in range(count)]


def job_id(number: int) -> str:
    """The id of a job by its place, from 0."""
    return f"job_{1_000 * (BEGIN_SECONDS + number):012x}70008000000000000000"


def batch_id(number: int) -> str:
    """The id of a batch; that of number 0 is the largest."""
    return f"bat_018f0000000070009000{number:012x}"
