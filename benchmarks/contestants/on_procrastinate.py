"""Procrastinate as its documentation advises: an async worker on PostgreSQL, 64 jobs at a time, told of work by NOTIFY.

What it keeps of a job is in its own tables, so that a job writes one row besides: its result.

    python -m benchmarks.contestants.on_procrastinate     (BENCH_QUESTION: file with the question, BENCH_DATABASE: address)
"""

import asyncio
import json
import os
import time
from typing import Any

from procrastinate import App, PsycopgConnector

from benchmarks.contestants.by_hand import caption, read_question
from benchmarks.contestants.sdk import connected
from benchmarks.contestants.tables import INSERT_RESULT

IN_FLIGHT = 64
CONNECTIONS = 20
QUEUE = "captions"
TASK = "caption"

app = App(connector=PsycopgConnector(conninfo=os.environ["BENCH_DATABASE"], min_size=4, max_size=CONNECTIONS))


async def main() -> None:
    """Work until SIGTERM."""
    asking = read_question(os.environ["BENCH_QUESTION"])
    async with connected().aio as client, app.open_async():

        @app.task(name=TASK, queue=QUEUE)
        async def work(path: str, batch: str) -> None:
            began = time.time()
            answer = await caption(client, asking, path)
            pool: Any = app.connector.pool
            async with pool.connection() as connection:
                await connection.execute(INSERT_RESULT, (path, batch, began, json.dumps(answer)))

        print("ready", flush=True)
        await app.run_worker_async(queues=[QUEUE], concurrency=IN_FLIGHT)


if __name__ == "__main__":
    asyncio.run(main())
