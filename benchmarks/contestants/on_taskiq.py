"""taskiq as its documentation advises: an async worker on Redis streams, acknowledged when a task is done, 64 at a time.

Redis is no place to keep a job, so each writes the rows that Celery's do: begun, then done with its result.

    taskiq worker benchmarks.contestants.on_taskiq:broker --workers 1 --max-async-tasks 64
    (BENCH_QUESTION: file with the question, BENCH_DATABASE and BENCH_BROKER: addresses)
"""

import json
import os
import time

from psycopg_pool import AsyncConnectionPool
from taskiq import TaskiqEvents, TaskiqState
from taskiq_redis import RedisStreamBroker

from benchmarks.contestants.by_hand import caption as caption_of
from benchmarks.contestants.by_hand import read_question
from benchmarks.contestants.sdk import connected

STREAM = "captions"
CONNECTIONS = 20
BEGUN = "UPDATE job SET state = 'running', began = %s WHERE id = %s"
DONE = """WITH done AS (UPDATE job SET state = 'done', ended = %s WHERE id = %s RETURNING id)
INSERT INTO result (job_id, output) SELECT id, %s FROM done"""

broker = RedisStreamBroker(url=os.environ["BENCH_BROKER"], queue_name=STREAM, consumer_id="0")


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def build(state: TaskiqState) -> None:
    """The client, the question and the connections, once a process."""
    state.asking = read_question(os.environ["BENCH_QUESTION"])
    state.client = connected().aio
    state.pool = AsyncConnectionPool(os.environ["BENCH_DATABASE"], min_size=4, max_size=CONNECTIONS, open=False)
    await state.pool.open(wait=True)
    print("ready", flush=True)


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def close(state: TaskiqState) -> None:
    """Cut the connections."""
    await state.client.aclose()
    await state.pool.close()


@broker.task(task_name="caption")
async def caption(job_id: int, path: str) -> None:
    """One job from beginning to end."""
    state = broker.state
    async with state.pool.connection() as connection:
        await connection.execute(BEGUN, (time.time(), job_id))
    answer = await caption_of(state.client, state.asking, path)
    async with state.pool.connection() as connection:
        await connection.execute(DONE, (time.time(), job_id, json.dumps(answer)))
